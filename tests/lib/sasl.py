# SPDX-License-Identifier: LGPL-2.1-or-later
"""SASL for hosts of a test: accounts of their own, and the server side of the exchange as a scripted client sees it."""
import os
import shutil
import socket
import struct
import subprocess

from rawclient import AUTH_SASL, AUTH_SELECTION, MINI_HEADER, Link

SASL_CAPS = AUTH_SELECTION | AUTH_SASL | MINI_HEADER


def unavailable():
    found = shutil.which("saslpasswd2") or shutil.which("saslpasswd2", path="/usr/sbin:/sbin")
    return None if found else "saslpasswd2 (sasl2-bin) is not installed"


def accounts(directory, mechanisms, users, name="spice"):
    """A configuration for hosts of that name; users: {"name": "password"}. Returns the environment that makes it count."""
    os.makedirs(directory, exist_ok=True)
    database = os.path.join(directory, "sasldb2")
    with open(os.path.join(directory, name + ".conf"), "w", encoding="ascii") as f:
        f.write("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: %s\n" %
                (database, mechanisms))
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    for realm in {socket.gethostname(), socket.getfqdn(), "localhost"}:  # the realm is the host's name
        for user, password in users.items():
            subprocess.run(["saslpasswd2", "-f", database, "-c", "-p", "-u", realm, "-a", name, user], check=True,
                           input=password.encode(), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return {"SASL_CONF_PATH": directory}


class SaslLink(Link):
    """A link that has chosen SASL: .mechanisms is what the server offers."""

    def __init__(self, port, type=1, id=0, connection_id=0, channel_caps=0xF, timeout=10):
        super().__init__(port, timeout=timeout)
        self.send_mess(connection_id=connection_id, type=type, id=id, common=(SASL_CAPS,), channel=(channel_caps,))
        error, self.common, _channel = self.read_reply()
        assert error == 0, "link error %u" % error
        self.write(struct.pack("<I", 2))
        self.mechanisms = self.read(struct.unpack("<I", self.read(4))[0]).decode()

    def choose(self, name, length=None):
        self.write(struct.pack("<I", len(name) if length is None else length) + name)

    def send_data(self, data, length=None):
        """data None: none, which is not the same as an empty string."""
        if data is None:
            self.write(struct.pack("<I", 0))
        else:
            self.write(struct.pack("<I", len(data) + 1 if length is None else length) + data + b"\0")

    def read_data(self):
        """(data or None, complete?)"""
        size, = struct.unpack("<I", self.read(4))
        data = self.read(size) if size else None
        assert data is None or data.endswith(b"\0"), data
        return data and data[:-1], self.read(1) == b"\1"

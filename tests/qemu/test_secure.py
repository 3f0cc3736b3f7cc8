#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unmodified QEMU on this library with TLS and SASL: pictures, channels that want TLS, live migration (TAP)."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import cases  # noqa: E402
import certificates  # noqa: E402
import qemu  # noqa: E402
import rawclient as raw  # noqa: E402
import sasl  # noqa: E402
from client import Client  # noqa: E402
from doors import Tls, Web  # noqa: E402
from qemu import Qemu  # noqa: E402

FILES = tempfile.TemporaryDirectory(prefix="caravan-secure-")
X509 = certificates.authority(os.path.join(FILES.name, "x509"))
CA = os.path.join(X509, "ca-cert.pem")
KNOWN = {"username": "anna", "password": "not a secret"}


def quiet(*machines):
    for machine in machines:
        assert "Spice-" not in machine.log_text(), machine.log_text()


def opened(client):
    channels = client.state()["channels"]
    assert set(channels.values()) == {"opened"}, channels


def migrated(source, destination, client, info):
    source.migrate_to(destination, info=info)
    source.wait_migrated()
    client.wait_migrated()
    assert "SPICE_MIGRATE_COMPLETED" in source.events, source.events
    assert destination.shown_by(client), "the picture differs after"
    opened(client)
    quiet(source, destination)


def test_all_encrypted():
    """Every channel needs TLS; the machine migrates, and the client checks the subject of the other host."""
    options = {"tls": X509, "spice": "tls-channel=default"}
    with Qemu(**options) as source, Qemu(incoming=True, **options) as destination, \
            Client(tls_port=source.tls_port, ca_file=CA) as client:
        client.wait_picture()
        assert source.shown_by(client), "the picture differs before"
        channels = source.qmp("query-spice")["channels"]
        assert channels and all(c["tls"] for c in channels), channels
        migrated(source, destination, client,
                 {"tls-port": destination.tls_port, "cert-subject": "O=Caravan,CN=host"})
        assert all(c["tls"] for c in destination.qmp("query-spice")["channels"])


def test_one_channel():
    """Main needs TLS, display must not have it: the client that knows both ports finds its way, here and there."""
    options = {"tls": X509, "spice": "tls-channel=main,plaintext-channel=display"}
    with Qemu(**options) as source, Qemu(incoming=True, **options) as destination, \
            Client(source.port, tls_port=source.tls_port, ca_file=CA) as client:
        client.wait_picture()
        assert source.shown_by(client), "the picture differs before"
        tls = {c["channel-type"]: c["tls"] for c in source.qmp("query-spice")["channels"]}
        assert tls[raw.MAIN] and not tls[raw.DISPLAY], tls
        migrated(source, destination, client, {"port": destination.port, "tls-port": destination.tls_port})
        tls = {c["channel-type"]: c["tls"] for c in destination.qmp("query-spice")["channels"]}
        assert tls[raw.MAIN] and not tls[raw.DISPLAY], tls


def test_sasl():
    """DIGEST-MD5 without TLS, through a migration; and without the password nobody gets in."""
    env = sasl.accounts(os.path.join(FILES.name, "digest"), "digest-md5", {KNOWN["username"]: KNOWN["password"]}, "qemu")
    options = {"env": env, "spice": "sasl=on"}
    with Qemu(**options) as source, Qemu(incoming=True, **options) as destination, \
            Client(source.port, **KNOWN) as client:
        client.wait_picture()
        assert source.shown_by(client), "the picture differs before"
        assert source.qmp("query-spice")["auth"] in ("sasl", "none"), source.qmp("query-spice")
        migrated(source, destination, client, {"port": destination.port})
        with Client(destination.port, username="anna", password="wrong") as other:
            event = other.wait_event("channel", type=1)
            assert event["what"].startswith("error"), event
        assert destination.shown_by(client), "the good client suffers"


def test_sasl_in_tls():
    """SCRAM, which encrypts nothing itself."""
    env = sasl.accounts(os.path.join(FILES.name, "scram"), "scram-sha-256", {KNOWN["username"]: KNOWN["password"]}, "qemu")
    with Qemu(tls=X509, env=env, spice="sasl=on,tls-channel=default") as machine, \
            Client(tls_port=machine.tls_port, ca_file=CA, **KNOWN) as client:
        client.wait_picture()
        assert machine.shown_by(client), "the picture differs"
        opened(client)
        quiet(machine)


def test_add_client():
    """Connections that the monitor hands over, with TLS and without; `skipauth` needs no SASL, others do."""
    env = sasl.accounts(os.path.join(FILES.name, "added"), "digest-md5", {KNOWN["username"]: KNOWN["password"]}, "qemu")
    with Qemu(tls=X509, env=env, spice="sasl=on") as machine:
        for tls in (False, True):
            def door(_timeout, tls=tls, skip_auth=True):
                ours = machine.add_client(tls=tls, skip_auth=skip_auth)
                return Tls(None, CA).context.wrap_socket(ours, server_hostname="127.0.0.1") if tls else ours
            with raw.Link(door) as link:
                link.send_mess()
                error, common, _channel = link.read_reply()
                assert (error, common) == (0, (0x0B,)), (error, common)
                link.send_ticket()
                assert link.read_result() == 0
                assert link.read(2) == bytes((raw.MAIN_INIT, 0))
            with raw.Link(lambda timeout: door(timeout, skip_auth=False)) as link:
                link.send_mess()
                assert link.read_reply()[1] == (0x0D,)
                link.send_ticket()
                assert link.wait_closed()[:4] == b"REDQ"


def test_websocket():
    """QEMU's plain and TLS ports speak WebSocket, too."""
    with Qemu(tls=X509, spice="image-compression=off") as machine:
        for door in (machine.port, Web(machine.port), Tls(machine.tls_port, CA), Web(Tls(machine.tls_port, CA))):
            with raw.Session(door) as session:
                session.main.send(raw.C_ATTACH)
                session.main.read_until(raw.MAIN_CHANNELS_LIST)
                kinds = [m.type for m in session.open_display().read_until(raw.MARK)]
                assert raw.SURFACE_CREATE in kinds, kinds
        quiet(machine)


if __name__ == "__main__":
    sys.exit(cases.run(cases.functions(globals()), skip=qemu.unavailable() or sasl.unavailable()))

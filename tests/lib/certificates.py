# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates: a database from which the client library makes a smartcard by software, and those of TLS hosts."""
import os
import shutil
import subprocess


def unavailable():
    return None if shutil.which("certutil") else "certutil (libnss3-tools) is not installed"


def create(directory):
    """Three self-signed certificates, cert1 to cert3, no password. Returns the database's name."""
    os.mkdir(directory)
    database = "sql:" + directory
    noise = os.path.join(directory, "noise")
    with open(noise, "wb") as f:
        f.write(os.urandom(256))
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], **run)
    for number in (1, 2, 3):
        subprocess.run(["certutil", "-S", "-d", database, "-s", f"CN=cert{number}", "-n", f"cert{number}", "-x", "-t",
                        "CT,CT,CT", "-z", noise, "-m", str(number)], **run)
    return database


def authority(directory, host="127.0.0.1", subject="/O=Caravan/CN=host"):
    """A CA of its own and a certificate for a host, with the file names that QEMU's x509-dir has. Returns the directory."""
    os.makedirs(directory, exist_ok=True)

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    with open(os.path.join(directory, "extensions"), "w", encoding="ascii") as f:
        f.write("subjectAltName=IP:%s\nbasicConstraints=CA:FALSE\n" % host)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Caravan test CA", "-keyout",
            "ca-key.pem", "-out", "ca-cert.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", "server-key.pem", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
            "-days", "2", "-extfile", "extensions", "-out", "server-cert.pem")
    return directory

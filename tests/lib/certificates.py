# SPDX-License-Identifier: LGPL-2.1-or-later
"""A certificate database from which the client library makes a smartcard by software."""
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

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""TAP: recordings give the same commands with our spice_replay_* and with those of the stock library.

Always runs the recordings of tests/data; all *.rec.zst of the directory CARAVAN_WORKLOADS too if that is set.
CARAVAN_BUILD: build tree (default build). CARAVAN_STOCK: the stock library.
"""
import glob
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("CARAVAN_BUILD", "build"), "obj")
DUMP = os.path.join(BUILD, "tests", "interop", "replay-dump")
STOCK = os.environ.get("CARAVAN_STOCK", "/usr/lib/x86_64-linux-gnu/libspice-server.so.1")


def dump(path, *options):
    """What replay-dump says about a recording, which is decompressed on the way if it has to be."""
    if path.endswith(".zst"):
        source = subprocess.Popen(["zstd", "-dcq", "--long=27", path], stdout=subprocess.PIPE)
    else:
        source = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
    result = subprocess.run([DUMP, *options], stdin=source.stdout, capture_output=True, text=True, timeout=120)
    source.stdout.close()
    if source.wait() != 0:
        return f"cannot read {path}"
    if result.returncode != 0:
        return f"exit status {result.returncode}: {result.stdout[-200:]}{result.stderr[-500:]}"
    return result.stdout.strip()


def compare(path, late):
    # More ids than any recording needs: one thread only, nobody would wake a walk that has to wait.
    options = ["--surfaces", "4096", "--late", str(late)]
    ours = dump(path, *options)
    stock = dump(path, *options, "--library", STOCK)
    good = ours == stock and ours.startswith("commands ") and not ours.startswith("commands 0 ")
    return good, f"ours:  {ours}\nstock: {stock}"


def main():
    data = os.path.join(TOP, "tests", "data")
    cases = [(os.path.join(data, "replay-synthetic.rec"), late) for late in (0, 1, 3, 100)]
    cases += [(os.path.join(data, "album-small.rec.zst"), late) for late in (0, 16, 500)]
    workloads = os.environ.get("CARAVAN_WORKLOADS")
    if workloads:
        cases += [(path, 16) for path in sorted(glob.glob(os.path.join(workloads, "*.rec.zst")))]
    if not os.path.exists(STOCK):
        print(f"1..0 # SKIP no stock library at {STOCK}")
        return 0
    print(f"1..{len(cases)}")
    failed = 0
    for number, (path, late) in enumerate(cases, 1):
        good, detail = compare(path, late)
        print(f"{'ok' if good else 'not ok'} {number} - {os.path.basename(path)}, freed {late} commands late", flush=True)
        if not good:
            failed += 1
            print("".join(f"# {line}\n" for line in detail.splitlines()), end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

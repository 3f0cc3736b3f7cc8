# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs to carry the image cache: time (bench-cache.c) and bytes, also on the recordings.

The stock library carries no cache, so there is nothing to compare with here: what it pays instead is what
migration.py shows. Bytes per cached image: the sections of the extension that carry the cache's entries, and the
whole extension, in the MIGRATE_DATA of a real session, by the number of entries in it.
"""
import json
import os
import subprocess
import tempfile

import migration
import session
from session import LIBS, TOP, Session

TARGET = 12  # bytes per cached image


def extension_size(inspected):
    """(entries, bytes of all sections of the extension, {tag: bytes})"""
    sections = {s["tag"]: s["size"] for s in inspected["sections"]}
    return inspected["cache"]["count"], sum(sections.values()), sections


def run_recording(recording):
    """To the middle, in steps unless that takes minutes: as fast as possible, much is dropped and never cached."""
    with Session(LIBS[0][1], recording, destination=True) as s, tempfile.TemporaryDirectory() as directory:
        migration.play(s.source, 0, recording.middle, migration.pace_of(recording))
        s.wait_quiet()
        s.migrate()
        s.client.wait_migrated(10)
        s.tap.save_migrate_data(directory)
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), "rb") as stream:
                if stream.read(4) != b"DCMD":
                    continue
            text = subprocess.run([os.path.join(TOP, "build", "bin", "caravan-inspect"), "--no-entries",
                                   os.path.join(directory, name)], capture_output=True, text=True).stdout
            return extension_size(json.loads(text))
    raise RuntimeError(f"{recording.name}: no data of the display were handed over")


def run(arguments):
    program = os.path.join(TOP, "build", "obj", "tests", "bench", "bench-cache")
    lines = subprocess.run([program, "--json"], capture_output=True, text=True, check=True).stdout.splitlines()
    result = {"synthetic": [json.loads(line) for line in lines], "recordings": []}
    print("The image cache carried: ours (the stock library carries none).")
    for one in result["synthetic"]:
        print(f"{one['entries']} entries, {one['ids']}: save {one['save_ms']:.2f} ms, restore {one['load_ms']:.2f} ms, "
              f"{one['bytes_each']:.2f} bytes each", flush=True)
    print(f"{'recording':12}{'entries':>8}{'extension':>11}{'bytes each':>12}{'cache alone':>13}   (target {TARGET})")
    for recording in session.recordings(arguments.workloads):
        if arguments.only and recording.name not in arguments.only:
            continue
        entries, size, sections = run_recording(recording)
        each, alone = size / max(entries, 1), sections.get("CACH", 0) / max(entries, 1)
        result["recordings"].append({"recording": recording.name, "entries": entries, "bytes": size,
                                     "sections": sections, "bytes_each": round(each, 2)})
        print(f"{recording.name:12}{entries:>8}{size:>11}{each:>12.2f}{alone:>13.2f}"
              f"{'  ABOVE' if each > TARGET else ''}", flush=True)
    return result

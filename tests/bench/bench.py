#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The benchmarks: ./run bench [migration|switch|cache|replay|codecs|vm|all] [--workloads DIR] [--quick] [--json FILE]

Each figure is taken for this project's library and for the stock one in the same run, and printed with their ratio;
the last line is all of it as one JSON object. --workloads names a directory of recordings (also $CARAVAN_WORKLOADS);
album-small, which is in the tests, is always there. --quick: album-small alone, fewer rounds, a faster pace.
"""
import argparse
import json

import cache
import codec
import migration
import replay
import switch
import vm

BENCHMARKS = {"migration": migration, "switch": switch, "cache": cache, "replay": replay, "codecs": codec, "vm": vm}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", default="all", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--workloads", help="directory of further recordings")
    parser.add_argument("--quick", action="store_true", help="album-small alone, fewer rounds, a faster pace")
    parser.add_argument("--only", action="append", help="name of a recording to take; again for more")
    parser.add_argument("--codec", action="append", help="codec to measure (quic, lz, glz, lz4, ...); again for more")
    parser.add_argument("--seconds", type=float, help="for half a recording that the migration benchmark paces")
    parser.add_argument("--json", help="write the JSON object to this file too")
    arguments = parser.parse_args()
    if arguments.quick and not arguments.only:
        arguments.only = ["album-small"]
    if arguments.seconds is None:
        arguments.seconds = 5 if arguments.quick else migration.SECONDS
    results = {}
    for name, benchmark in BENCHMARKS.items():
        if arguments.what in (name, "all"):
            results[name] = benchmark.run(arguments)
            print(flush=True)
    text = json.dumps(results)
    if arguments.json:
        with open(arguments.json, "w") as stream:
            stream.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

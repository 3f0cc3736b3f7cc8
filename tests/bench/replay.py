# SPDX-License-Identifier: LGPL-2.1-or-later
"""A replay as fast as possible with a connected client: CPU time, wall time and memory of the host process.

The server's CPU time is that of the library's display threads; beside it that of the whole host process, which also
reads and feeds the recording (unpacked before), and the same with a host that has no client. Peak memory is the whole host's. How much
is sent depends on timing (what is drawn over is dropped), so the display bytes are given too. For information: it fails
nothing.
"""
import os
import statistics
import time

import session
from host import Host
from session import LIBS, Session, display_cpu, display_figures

ROUNDS = 3
# field, heading, width, digits
COLUMNS = (("server_s", "server s", 9, 2), ("cpu_s", "host s", 8, 2), ("alone_cpu_s", "alone", 8, 2),
           ("wall_s", "wall s", 8, 2), ("peak_mb", "peak MB", 9, 1), ("bytes", "display bytes", 15, 0))


def usage_of(process):
    """(CPU seconds of the display threads, of the process, peak resident MB) so far."""
    with open(f"/proc/{process.pid}/stat") as stream:
        fields = stream.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{process.pid}/status") as stream:
        peak = next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))
    return display_cpu(process), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak / 1024


def play(lib, recording):
    """With a client."""
    with Session(lib, recording) as s:
        s.tap.mark("play")
        server_before, before, _ = usage_of(s.source.process)
        begin = time.monotonic()
        s.source.play_to(recording.commands, timeout=300)
        s.source.settle()
        seconds = time.monotonic() - begin
        figures = display_figures(s.wait_quiet(), "play")
        server, cpu, peak = usage_of(s.source.process)
    return {"server_s": server - server_before, "cpu_s": cpu - before, "wall_s": seconds, "peak_mb": peak,
            "bytes": figures["bytes"]}


def play_alone(lib, recording):
    with Host(lib=lib, recording=recording.path, streaming="off") as host:
        before = usage_of(host.process)[1]
        host.play_to(recording.commands, timeout=300)
        host.settle()
        return {"alone_cpu_s": usage_of(host.process)[1] - before}


def run(arguments):
    rounds = 1 if arguments.quick else ROUNDS
    print(f"Flat-out replay with a client, medians of {rounds}. server: CPU of the display threads; host: of the process; "
          "alone: without a client.\n"
          f"{'recording':12}{'library':>8}" + "".join(f"{head:>{width}}" for _, head, width, _ in COLUMNS))
    results = []
    for recording in session.recordings(arguments.workloads):
        if arguments.only and recording.name not in arguments.only:
            continue
        runs = {name: [] for name, _ in LIBS}
        with recording.unpacked() as plain:
            for _ in range(rounds):
                for name, lib in LIBS:
                    runs[name].append({**play(lib, plain), **play_alone(lib, plain)})
        result = {"recording": recording.name}
        for name, _ in LIBS:
            result[name] = {f: statistics.median(one[f] for one in runs[name]) for f, *_ in COLUMNS}
            print(f"{recording.name:12}{name:>8}" +
                  "".join(f"{result[name][f]:>{width}.{digits}f}" for f, _, width, digits in COLUMNS), flush=True)
        print(f"{'':12}{'ratio':>8}" + "".join(f"{result['ours'][f] / max(result['stock'][f], 0.01):>{width}.2f}"
                                               for f, _, width, _ in COLUMNS), flush=True)
        results.append(result)
    return results

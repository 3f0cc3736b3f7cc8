# SPDX-License-Identifier: LGPL-2.1-or-later
"""A replay as fast as possible with a connected client: CPU time, wall time and memory of the host process.

The server's CPU time is that of the library's display threads; beside it that of the whole host process, which also
unpacks and feeds the recording, and the same with a host that has no client. Peak memory is the whole host's. How much
is sent depends on timing (what is drawn over is dropped), so the display bytes are given too. For information: it fails
nothing.
"""
import glob
import os
import time

import session
from host import Host
from session import LIBS, Session, display_figures


DISPLAY_THREAD = "SPICE Worker"  # both libraries' name for it, one for each display


def cpu_of(stat):
    """(name, CPU seconds so far) of a process or thread, by its stat file."""
    with open(stat) as stream:
        head, fields = stream.read().rsplit(")", 1)
    fields = fields.split()
    return head.split("(", 1)[1], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def usage_of(process):
    """(CPU seconds of the display threads, of the process, peak resident MB) so far."""
    threads = [cpu_of(path) for path in glob.glob(f"/proc/{process.pid}/task/*/stat")]
    server = [cpu for name, cpu in threads if name == DISPLAY_THREAD]
    assert server, f"no thread named {DISPLAY_THREAD}: {threads}"
    with open(f"/proc/{process.pid}/status") as stream:
        peak = next(int(line.split()[1]) for line in stream if line.startswith("VmHWM"))
    return sum(server), cpu_of(f"/proc/{process.pid}/stat")[1], peak / 1024


def run_one(lib, recording):
    with Session(lib, recording) as s:
        s.tap.mark("play")
        server_before, before, _ = usage_of(s.source.process)
        begin = time.monotonic()
        s.source.play_to(recording.commands, timeout=300)
        s.source.settle()
        seconds = time.monotonic() - begin
        figures = display_figures(s.wait_quiet(), "play")
        server, cpu, peak = usage_of(s.source.process)
    with Host(lib=lib, recording=recording.path, streaming="off") as host:
        alone_before = usage_of(host.process)[1]
        host.play_to(recording.commands, timeout=300)
        host.settle()
        alone = usage_of(host.process)[1]
    return {"server_s": round(server - server_before, 2), "cpu_s": round(cpu - before, 2), "wall_s": round(seconds, 2), "peak_mb": round(peak, 1),
            "bytes": figures["bytes"], "alone_cpu_s": round(alone - alone_before, 2)}


def run(arguments):
    print("Flat-out replay with a client. server: CPU of the display threads; host: of the process; alone: without a client.\n"
          f"{'recording':12}{'library':>8}{'server s':>9}{'host s':>8}{'alone':>8}{'wall s':>8}{'peak MB':>9}{'display bytes':>15}")
    results = []
    for recording in session.recordings(arguments.workloads):
        if arguments.only and recording.name not in arguments.only:
            continue
        result = {"recording": recording.name}
        for name, lib in LIBS:
            one = result[name] = run_one(lib, recording)
            print(f"{recording.name:12}{name:>8}{one['server_s']:>9.2f}{one['cpu_s']:>8.2f}{one['alone_cpu_s']:>8.2f}{one['wall_s']:>8.2f}"
                  f"{one['peak_mb']:>9.1f}{one['bytes']:>15}", flush=True)
        ratios = [result["ours"][f] / max(result["stock"][f], 0.01)
                  for f in ("server_s", "cpu_s", "alone_cpu_s", "wall_s", "peak_mb", "bytes")]
        print(f"{'':12}{'ratio':>8}" + "".join(f"{r:>{w}.2f}" for r, w in zip(ratios, (9, 8, 8, 8, 9, 15))), flush=True)
        results.append(result)
    return results

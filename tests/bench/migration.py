# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a migration costs on the wire: display bytes of a recording's second half, migrated in the middle / not migrated.

The figure is a ratio of two runs of the same library, so both must play alike. As fast as possible they do not: what is
drawn over before it was sent is dropped, and how much that is depends on the machine's timing. So the whole
recording is played at a multiple of its recorded speed that the encoder keeps up with; on a machine that does nothing
else two runs differ by less than 0.5 %. What the switch itself sends counts in the migrated figure. Both runs stop at
the middle, let everything be sent, and compare the picture.
"""
import session
from session import LIBS, Session, display_figures

SECONDS = 12  # for half a recording
# More than that the encoder does not keep up with.
FASTEST = {"web": 2}


def pace_of(recording, seconds=SECONDS):
    """How fast to play so that one half takes so many seconds; not slower than recorded."""
    pace = max(1.0, recording.seconds / 2 / seconds)
    return round(min(pace, FASTEST.get(recording.name, pace)), 2)


def run_one(lib, recording, migrated, pace):
    """The second half's figures, with "switch" (what came before the machine ran) and "picture" (the same at the end)."""
    with Session(lib, recording, destination=migrated, pace=pace) as s:
        s.source.play_to(recording.middle, timeout=300)
        s.source.settle()
        s.wait_quiet()
        good = s.same_picture()
        s.tap.mark("rest")
        if migrated:
            s.migrate()
            s.client.wait_migrated(10)
        s.active.play_to(recording.commands, timeout=300)
        s.active.settle()
        stats = s.wait_quiet()
        figures = display_figures(stats, "rest")
        figures["picture"] = good and s.same_picture()
        figures["violations"] = sum(n for kind, n in stats["violation_counts"].items() if kind != "sub-size")
    return figures


def run_recording(recording, seconds=SECONDS):
    """{"ours": {"migrated": .., "unmigrated": .., "ratio": ..}, "stock": ..}"""
    pace = pace_of(recording, seconds)
    result = {"recording": recording.name, "pace": pace}
    for name, lib in LIBS:
        plain = run_one(lib, recording, False, pace)
        moved = run_one(lib, recording, True, pace)
        result[name] = {"migrated": moved, "unmigrated": plain, "ratio": round(moved["bytes"] / plain["bytes"], 4)}
    return result


def differing_types(one):
    """The message types whose bytes differ, for a ratio that is too high."""
    moved, plain = one["migrated"]["types"], one["unmigrated"]["types"]
    nothing = {"messages": 0, "bytes": 0}
    rows = []
    for number in sorted(set(moved) | set(plain)):
        a, b = moved.get(number, nothing), plain.get(number, nothing)
        if a != b:
            rows.append(f"type {number}: {a['messages']} messages, {a['bytes']} bytes / {b['messages']}, {b['bytes']}")
    return rows


HEAD = (f"{'recording':12}{'ours: migrated':>15}{'unmigrated':>12}{'ratio':>8}{'again':>7}{'INVAL_ALL':>10}"
        f"{'  stock: migrated':>18}{'unmigrated':>12}{'ratio':>8}{'again':>7}{'INVAL_ALL':>10}")


def row(result):
    text = f"{result['recording']:12}"
    for name, width in (("ours", 15), ("stock", 18)):
        one = result[name]
        moved = one["migrated"]
        text += (f"{moved['bytes']:>{width}}{one['unmigrated']['bytes']:>12}{one['ratio']:>8.4f}{moved['resent']:>7}"
                 f"{moved['inval_all']:>10}")
    return text


def run(arguments):
    print("Display bytes of the second half of each recording, migrated in the middle / not migrated.", flush=True)
    print(HEAD, flush=True)
    results = []
    for recording in session.recordings(arguments.workloads):
        if arguments.only and recording.name not in arguments.only:
            continue
        result = run_recording(recording, arguments.seconds)
        print(row(result), flush=True)
        for name, _ in LIBS:
            for which in ("migrated", "unmigrated"):
                one = result[name][which]
                if not one["picture"]:
                    print(f"    {name}, {which}: the client's picture is not the host's", flush=True)
                if name == "ours" and one["violations"]:
                    print(f"    {name}, {which}: {one['violations']} rules of the protocol are broken", flush=True)
        if abs(result["ours"]["ratio"] - 1) > 0.01:
            for line in differing_types(result["ours"]):
                print("    ours, " + line, flush=True)
        results.append(result)
    return results

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a migration costs on the wire: display bytes of a recording's second half, migrated in the middle / not.

The figure is a ratio of two runs of the same library, so both must play alike. As fast as possible they do not: what is
drawn over before it was sent is dropped, and how much that is depends on the machine's timing ("web": +-47 %). So the
host is given one command at a time, and the next when the host has settled: then hardly anything is dropped. Seen on a
busy machine, two unmigrated runs of this library: "web" equal to the byte, album-small within 0.2 % (in steps of four
commands: 2 %; paced at twice the recorded speed: 0.6 %). The stock library takes longer to encode "web" than the host
takes to settle, so its figure there is less exact. Recordings of very many commands would take minutes in steps: these
are played at a multiple of their recorded speed (0.3 % if the machine has little else to do).
What the switch itself sends counts in the migrated figure. Both runs stop at the middle, let everything be sent, and
compare the picture.
"""
import session
from session import LIBS, Session, display_figures

MANY = 30000  # commands, from which on a recording is paced
SECONDS = 12  # for half a recording that is paced


def pace_of(recording, seconds=SECONDS):
    """How fast to play so that one half takes so many seconds; not slower than recorded. 0: in single steps."""
    if recording.commands < MANY:
        return 0
    return round(max(1.0, recording.seconds / 2 / seconds), 2)


def play(host, first, last, pace):
    if pace:
        host.play_to(last, timeout=300)
        host.settle()
        return
    for number in range(first, last):
        host.play_to(number + 1)
        host.settle()


def run_one(lib, recording, migrated, pace):
    """The second half's figures, with "picture": whether the client showed what the host has, both times."""
    with Session(lib, recording, destination=migrated, pace=pace) as s:
        play(s.source, 0, recording.middle, pace)
        s.wait_quiet()
        good = s.same_picture()
        s.tap.mark("rest")
        if migrated:
            s.migrate()
            s.client.wait_migrated(10)
        play(s.active, recording.middle, recording.commands, pace)
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

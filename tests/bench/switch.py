# SPDX-License-Identifier: LGPL-2.1-or-later
"""The switch itself: the destination's display bytes and times while nothing is drawn before or after it.

"first" is the time at the wiretap, where the client's connections end, from the first MIGRATE on any channel to the
first display message of the destination; "data" is that to the display's MIGRATE_DATA on its way to the destination;
"down" is what the machine stands still, as the program that drives both hosts sees it. Medians; ms.
"""
import statistics

import session
from session import DISPLAY, LIBS, MSG_MIGRATE, MSGC_MIGRATE_DATA, Session, display_figures

ROUNDS = 10


def first_us(stats, side, route, numbers=None, channel_type=None):
    """The first of such messages in the phase "switch"; None: there was none."""
    times = [count["first_us"]
             for channel in [p for p in stats["phases"] if p["name"] == "switch"][-1]["channels"]
             if channel["route"] == route and channel_type in (None, channel["type"])
             for number, count in channel[side]["types"].items()
             if numbers is None or int(number) in numbers]
    return min(times, default=None)


def run_one(lib, recording):
    with Session(lib, recording, destination=True) as s:
        s.source.play_to(recording.middle, timeout=300)
        s.source.settle()
        s.wait_quiet()
        s.tap.mark("switch")
        times = s.migrate()
        s.client.wait_migrated(10)
        stats = s.wait_quiet()
        good = s.same_picture()
    figures = display_figures(stats, "switch", route=1)
    begin = first_us(stats, "from_server", 0, (MSG_MIGRATE,))
    first = first_us(stats, "from_server", 1, channel_type=DISPLAY)
    data = first_us(stats, "from_client", 1, (MSGC_MIGRATE_DATA,), DISPLAY)
    return {"bytes": figures["bytes"], "messages": figures["messages"],
            "handed_over": display_figures(stats, "switch", route=0)["types"].get(2, {"bytes": 0})["bytes"],
            "first_ms": (first - begin) / 1000 if first else None, "data_ms": (data - begin) / 1000 if data else None,
            "down_ms": times["down"], "picture": good}


def median_of(rounds, field):
    values = [r[field] for r in rounds if r[field] is not None]
    return round(statistics.median(values), 2) if values else None


def run(arguments):
    recording = session.recordings(arguments.workloads)[0]
    fields = ("bytes", "messages", "handed_over", "first_ms", "data_ms", "down_ms")
    result = {"recording": recording.name}
    rounds = {name: [] for name, _ in LIBS}
    for _ in range(3 if arguments.quick else ROUNDS):
        for name, lib in LIBS:
            rounds[name].append(run_one(lib, recording))
    for name in rounds:
        result[name] = {field: median_of(rounds[name], field) for field in fields}
        result[name]["picture"] = all(r["picture"] for r in rounds[name])
    texts = ("display bytes of the destination", "  messages", "display bytes handed over by the source",
             "MIGRATE to first display message, ms", "MIGRATE to MIGRATE_DATA relayed, ms", "machine stands still, ms")
    print(f"The switch in the middle of {recording.name}, nothing drawn afterwards; medians of "
          f"{len(rounds['ours'])}.\n{'':42}{'ours':>10}{'stock':>10}{'ratio':>8}")
    for field, text in zip(fields, texts):
        ours, stock = result["ours"][field], result["stock"][field]
        ratio = f"{ours / stock:.3f}" if ours is not None and stock else "-"
        print(f"{text:42}{'none' if ours is None else ours:>10}{'none' if stock is None else stock:>10}{ratio:>8}")
    for name in rounds:
        if not result[name]["picture"]:
            print(f"    {name}: the client's picture is not the host's")
    return result

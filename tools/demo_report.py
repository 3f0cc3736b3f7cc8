# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demonstrations share: progress on the terminal, figures of the wiretap, the report."""
import json
import os
import subprocess
import sys

from wiretap import DISPLAY

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class DemoError(Exception):
    """The demo cannot run; the text says what to do."""


class Progress:
    """One line that is rewritten on a terminal, plain lines elsewhere."""

    def __init__(self):
        self.tty = sys.stdout.isatty()
        self.open = False

    def step(self, text):
        self.end()
        print(f"\033[1m==\033[0m {text}" if self.tty else f"== {text}", flush=True)

    def bar(self, what, done, total):
        if not self.tty:
            return
        width = 40
        filled = int(width * min(done, total) / max(total, 1))
        print(f"\r   {what} [{'#' * filled}{'.' * (width - filled)}] {done} of {total} commands ", end="", flush=True)
        self.open = True

    def end(self):
        if self.open:
            print()
            self.open = False


def library_name(stock, lib):
    if not stock:
        return "spice-caravan (%s)" % os.path.relpath(os.path.join(lib, "libspice-server.so.1"), TOP)
    try:
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libspice-server1"], capture_output=True,
                                 text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        version = "version unknown"
    return f"stock ({version})"


def read_report(path):
    """The library's own account of the migration, None if it gave none (the stock library)."""
    try:
        with open(path) as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return None
    return json.loads(lines[-1]) if lines else None


def channels(stats, phases, route):
    return [c for p in stats["phases"] if p["name"] in phases for c in p["channels"] if c["route"] == route]


def display_bytes(stats, phases, route):
    return sum(c["from_server"]["bytes"] for c in channels(stats, phases, route) if c["type"] == DISPLAY)


def cache_sum(stats, phases, what):
    return sum(p["total"]["cache"][what] for p in stats["phases"] if p["name"] in phases)


def number(n):
    return f"{n:,}"


def print_sections(report):
    for channel in report.get("channels", []):
        print(f"      {channel['name']:<12} {number(channel['bytes']):>10} bytes")
        for section in channel["sections"]:
            verdict = "carried" if section["restored"] else "not carried: fell back because " + section["why"]
            print(f"        {section['tag']:<10} {verdict}")


def print_report(who, report):
    if report is None:
        print(f"  {who}: no report (the stock library writes none)")
        return
    reason = f" ({report['reason']})" if report.get("reason") else ""
    print(f"  {who}: {report['mode']}, {report['result']}{reason}, {report['ms']:.1f} ms")
    for phase in report["phases"]:
        print(f"      {phase['name']:<12} from {phase['at']:9.1f} ms, took {phase['ms']:9.1f} ms")
    print_sections(report)
    for what, n in report.get("counts", {}).items():
        print(f"      {what.replace('_', ' '):<20} {number(n):>12}")


def print_pictures(other, differing):
    """differing: moment -> number of pixels, -1 where the pictures differ in size."""
    print(f"\nPicture: the client's beside {other}, pixel by pixel")
    for moment, n in differing.items():
        print(f"  {number(n) if n >= 0 else 'other size':>12} differing pixels {moment}")


def print_promises(checks, stock):
    """checks: (text, held). Returns whether all hold."""
    print("\nPromises" + (" (the stock library at one end: it keeps only the session)" if stock else ""))
    for text, held in checks:
        print(f"  {'held  ' if held else 'BROKEN'}  {text}")
    return all(held for _, held in checks)


def last_lines(logs):
    for name in sorted(os.listdir(logs)):
        if not name.endswith(".log"):
            continue
        with open(os.path.join(logs, name), errors="replace") as stream:
            lines = [l for l in stream.read().splitlines() if "DEBUG" not in l][-4:]
        for line in lines:
            print(f"  {name}: {line[:200]}", file=sys.stderr)

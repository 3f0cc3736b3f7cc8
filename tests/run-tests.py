#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs all tests and prints one summary line.

C tests are GLib test programs (TAP). They run in the builds that their name asks for:
every one under ASan+UBSan (build/asan), those listed in TSAN also under TSan (build/tsan).
Python tests (tests/integration/test_*.py, tests/interop/test_*.py) print TAP as well and drive real peers.

  run-tests.py [-k SUBSTRING] [--fast] [-j N]     --fast: only the plain build, no sanitizers; -j: so many at a time
  run-tests.py --list-tsan                        prints the programs that the TSan build must have
"""
import argparse, concurrent.futures, glob, os, re, subprocess, sys, time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TSAN = {"test-glz-dictionary", "test-image-cache", "test-loop", "test-block-store", "test-replay", "test-task-queue", "test-worker"}
TIMEOUT = 900
# Skips that are no surprise, as regular expressions on "test:reason". Under CI every other skip is a failure.
EXPECTED_SKIPS = [r"CARAVAN_WORKLOADS is not set", r"no post-copy here"]


def run(name, argv, env):
    start = time.monotonic()
    try:
        p = subprocess.run(argv, cwd=TOP, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=TIMEOUT)
        out, code = p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        out, code = (e.stdout or b"").decode(errors="replace") + "\ntimed out\n", -1
    passed = failed = 0
    skips = []
    for line in out.splitlines():
        m = re.match(r"\s*(not ok|ok)\b(.*)", line)
        if not m:
            continue
        skip = re.search(r"#\s*SKIP\s*(.*)", m.group(2), re.I)
        if skip:
            skips.append("%s:%s" % (name, m.group(2)))
        elif m.group(1) == "ok":
            passed += 1
        else:
            failed += 1
    if code not in (0, 77) and not failed:
        failed = 1
    if code == 0 and passed + failed + len(skips) == 0:
        failed = 1
        out += "\nno test ran\n"
    lines = ["%-6s %-44s %3d passed %d failed %d skipped  %.1fs" %
             ("FAIL" if failed else "ok", name, passed, failed, len(skips), time.monotonic() - start)]
    if failed:
        lines += ["    " + line for line in extract(out.splitlines())]
    for s in skips:
        expected = any(re.search(p, s) for p in EXPECTED_SKIPS) or not os.environ.get("CI")
        lines.append("       skipped: %s%s" % (s, "" if expected else "  (not expected: counts as failed)"))
        failed += not expected
    print("\n".join(lines), flush=True)
    return passed, failed, len(skips), (lines if failed else [])


def extract(lines):
    """What stands around failures, and the end."""
    near = set(range(len(lines) - 30, len(lines)))
    for number, line in enumerate(lines):
        if re.match(r"\s*not ok\b", line):
            near.update(range(number - 20, number + 25))
    return [line for number, line in enumerate(lines) if number in near]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-k", default="")
    ap.add_argument("--fast", action="store_true")
    ap.add_argument("-j", type=int, default=2, metavar="N")
    ap.add_argument("--list-tsan", action="store_true")
    args = ap.parse_args()
    if args.list_tsan:
        print(*("tests/unit/" + name for name in sorted(TSAN)))
        return 0
    env = dict(os.environ, G_SLICE="always-malloc", MALLOC_PERTURB_="165", CARAVAN_TOP=TOP,
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
               LSAN_OPTIONS="suppressions=%s/tests/lsan.supp:print_suppressions=0" % TOP,
               UBSAN_OPTIONS="print_stacktrace=1", TSAN_OPTIONS="suppressions=%s/tests/tsan.supp" % TOP)
    jobs = []
    units = os.path.join(TOP, "build/obj" if args.fast else "build/asan/obj", "tests/unit")
    for path in sorted(glob.glob(units + "/test-*")):
        if not os.access(path, os.X_OK) or path.endswith(".o"):
            continue
        base = os.path.basename(path)
        rel = "tests/unit/" + base
        if args.fast:
            jobs.append((base, ["build/obj/" + rel, "--tap"]))
            continue
        jobs.append((base + " (asan)", ["build/asan/obj/" + rel, "--tap"]))
        if base in TSAN:
            jobs.append((base + " (tsan)", ["build/tsan/obj/" + rel, "--tap"]))
    for path in sorted(glob.glob(TOP + "/tests/integration/test_*.py") + glob.glob(TOP + "/tests/interop/test_*.py") +
                       glob.glob(TOP + "/tests/qemu/test_*.py") + glob.glob(TOP + "/tests/xspice/test_*.py") +
                       glob.glob(TOP + "/tests/libvirt/test_*.py")):
        jobs.append((os.path.relpath(path, TOP), [sys.executable, path]))
    # The long ones first: most of them wait for peers, and what is short fills the gaps.
    jobs = [job for job in reversed(jobs) if args.k in job[0]]
    with concurrent.futures.ThreadPoolExecutor(max(1, args.j)) as pool:
        results = list(pool.map(lambda job: run(*job, env), jobs))
    # Failures once more at the end, and their names last of all: a long log is read from its end.
    failures = [lines for *_, lines in results if lines]
    for lines in failures:
        print("\n".join(lines), flush=True)
    for lines in failures:
        print("\n".join(line for line in lines if re.match(r"FAIL|    \s*not ok\b|.*\(not expected", line)))
    total = [sum(column) for column in list(zip(*results))[:3]] or [0, 0, 0]
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())

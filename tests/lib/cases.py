# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the cases of one test program and prints TAP."""
import os
import sys
import tempfile
import time
import traceback
from functools import partial


def run(cases, skip=None, explain=lambda error: traceback.format_exc()):
    """cases: [(name, function)]; returns the exit code. Words on the command line choose the cases with one in their name.

    A function that returns a text was skipped for that reason; any exception is a failure, and the others go on.
    skip: the reason to skip all. explain: the text for an exception that is being handled.
    """
    chosen = [(n, f) for n, f in cases if not sys.argv[1:] or any(word in n for word in sys.argv[1:])]
    failed = False
    print(f"1..{len(chosen)}", flush=True)
    for number, (name, function) in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            reason = skip or function()
            print(f"ok {number} - {name}" + (f" # SKIP {reason}" if reason else ""), flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in explain(error).splitlines()), end="")
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
    return 1 if failed else 0


def in_directory(function):
    """The case that calls function(path): path(name) is a file in a directory of that case alone."""
    def case():
        with tempfile.TemporaryDirectory() as directory:
            return function(partial(os.path.join, directory))
    return case


def functions(module):
    """[(name, function)] of the test_ functions in a module's globals(), sorted; the name tells the docstring too."""
    found = sorted((n, f) for n, f in module.items() if n.startswith("test_"))
    return [(f"{name}: {f.__doc__}" if f.__doc__ else name, f) for name, f in found]

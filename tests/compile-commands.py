#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes compile_commands.json for the tools that read C, from what make would run in a configured, unbuilt tree.

  compile-commands.py DIR     DIR has a Makefile and no objects; DIR/compile_commands.json is written. Prints the sources.
"""
import json, os, re, shlex, subprocess, sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def source_of(word, directory):
    """For programs with flags of their own automake looks in two places: `test -f 'x.c' || echo 'TOP/'`x.c"""
    return os.path.normpath(os.path.join(TOP, word.split("`")[-1]) if "`" in word else os.path.join(directory, word))


def absolute(word, directory):
    """cppcheck does not take -I paths from the command's directory."""
    return "-I" + os.path.normpath(os.path.join(directory, word[2:])) if word.startswith("-I") else word


def main():
    directory = os.path.abspath(sys.argv[1])
    text = subprocess.run(["make", "-n", "V=1", "all", "check-programs"], cwd=directory, check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    commands = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = line.split("&&")[0].split(";")[-1].strip()
        match = re.search(r"(\S*(?:gcc|cc|clang)) (-D.*) -M[TDPF] .* -c -o \S+ (.*\.c)$", line)
        if not match:
            continue
        source = source_of(match.group(3), directory)
        words = ["clang"] + [absolute(w, directory) for w in shlex.split(match.group(2))] + ["-c", source]
        commands.setdefault(source, {"directory": directory, "file": source, "arguments": words})
    with open(os.path.join(directory, "compile_commands.json"), "w") as stream:
        json.dump([commands[s] for s in sorted(commands)], stream, indent=1)
    for source in sorted(commands):
        print(os.path.relpath(source, TOP))


if __name__ == "__main__":
    main()

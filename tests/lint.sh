#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Reads all code without running it:  lint.sh [format|words|tidy|cppcheck ...]   (default: all)
# Objects are never built; build/lint/obj is configured only to know the flags of each file.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)
obj=build/lint/obj
failed=

say() { printf '== %s\n' "$*"; }
fail() { failed="$failed $1"; printf '%s: not clean\n' "$1"; }

# Tracked files; outside of git (a release), those on disk.
files() {
	git ls-files -- "$@" 2>/dev/null || for f in "$@"; do find . -name "$f" -not -path './build/*' | sed 's,^\./,,'; done
}

configured() {
	[ -x configure ] || ./autogen.sh >/dev/null
	mkdir -p $obj
	[ -f $obj/Makefile ] || (cd $obj && ../../../configure -q CFLAGS=-O1)
	python3 tests/compile-commands.py $obj >build/lint/sources
	# A source that no program is made of would go unread. (Fuzz targets and the bare guest have builds of their own.)
	files '*.c' | grep -v -e '^tests/fuzz/' -e '^tests/guests/' | sort >build/lint/tracked
	sort build/lint/sources | comm -23 build/lint/tracked - >build/lint/unread
	[ ! -s build/lint/unread ] || { cat build/lint/unread; fail "files that nothing is built of"; }
}

format() {
	say "clang-format"
	files '*.c' '*.h' | xargs clang-format --dry-run -Werror || fail format
}

words() {
	say "words: no path of somebody's machine, no program without a licence line"
	files | xargs grep -InE '/(work|home|root|Users)/[A-Za-z]' -- && fail words
	files '*.c' '*.h' '*.py' | xargs grep -L 'SPDX-License-Identifier: LGPL-2.1-or-later' -- >build/lint/unlicensed || true
	[ ! -s build/lint/unlicensed ] || { cat build/lint/unlicensed; fail licence; }
	files '*.py' tools/caravan-demo | xargs python3 -c 'import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)' || fail python
	bash -n run || fail run
	sh -n tests/lint.sh || fail lint.sh
}

tidy() {
	say "clang-tidy"
	# It counts on stderr what it hid.
	xargs -P"$jobs" -n4 clang-tidy --quiet -p $obj <build/lint/sources 2>/dev/null || fail tidy
}

# The tests are left out: GLib's test assertions end the function, which cppcheck does not know. clang-tidy reads them.
cppchecked() {
	say "cppcheck"
	mkdir -p build/lint/cppcheck
	python3 -c 'import json, sys
json.dump([c for c in json.load(open(sys.argv[1])) if not c["file"].startswith(sys.argv[2])], open(sys.argv[3], "w"))' \
		$obj/compile_commands.json "$PWD/tests/" build/lint/cppcheck.json
	cppcheck --project=build/lint/cppcheck.json --cppcheck-build-dir=build/lint/cppcheck -j"$jobs" \
		--enable=warning,performance,portability --inline-suppr --suppressions-list=tests/cppcheck.supp \
		--suppress=missingIncludeSystem --library=gtk -D__x86_64__ -D__CHAR_BIT__=8 -DCHAR_BIT=8 -DUCHAR_MAX=255 \
		--quiet --error-exitcode=1 --template=gcc 2>build/lint/cppcheck.out || fail cppcheck
	# Findings that span files do not change its exit status.
	cat build/lint/cppcheck.out
	[ ! -s build/lint/cppcheck.out ] || fail "cppcheck output"
}

mkdir -p build/lint
[ $# -gt 0 ] || set -- format words cppcheck tidy
for what in "$@"; do
	case $what in
	format) format ;;
	words) words ;;
	tidy) configured && tidy ;;
	cppcheck) configured && cppchecked ;;
	*) echo "usage: lint.sh [format|words|tidy|cppcheck ...]" >&2; exit 2 ;;
	esac
done
[ -z "$failed" ] || { echo "lint:$failed"; exit 1; }
echo "lint: clean"

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spice_server_set_video_codecs() and its kin: results and lists are those of the stock library."""
import ctypes
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import cases  # noqa: E402
from host import ROOT  # noqa: E402

LISTS = ["gstreamer:vp8;spice:mjpeg", "spice:h264", "gstreamer:mjpeg;;foo:bar;spice:mjpeg;", "foo:bar", "mjpeg", "", ";",
         "auto", "gstreamer:vp9", "gstreamer:h264;gstreamer:vp8;spice:mjpeg", "spice:mjpeg;spice:mjpeg", "spice:theora",
         "spice:", ":mjpeg", "gstreamer:VP8", " spice:mjpeg", "auto;gstreamer:vp8", "spice:mjpeg;auto", "x y:z;spice:mjpeg"]


def ask(path):
    """In a process of its own: (result, list afterwards) of each list, and of the settings of streaming."""
    library = ctypes.CDLL(path)
    library.spice_server_new.restype = ctypes.c_void_p
    library.spice_server_get_video_codecs.restype = ctypes.c_void_p
    server = ctypes.c_void_p(library.spice_server_new())

    def current():
        address = ctypes.c_void_p(library.spice_server_get_video_codecs(server))
        text = ctypes.string_at(address).decode()
        library.spice_server_free_video_codecs(server, address)
        return text

    for text in LISTS:
        print(repr(text), library.spice_server_set_video_codecs(server, text.encode()), current())
    for value in range(-1, 5):
        print(value, library.spice_server_set_streaming_video(server, value))


def answers(path):
    run = subprocess.run([sys.executable, os.path.abspath(__file__), "--ask", path], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, timeout=60, check=True, text=True)
    return run.stdout


def test_lists():
    stock, ours = answers("/usr/lib/x86_64-linux-gnu/libspice-server.so.1"), answers(
        os.path.join(ROOT, "build", "lib", "libspice-server.so.1"))
    assert len(stock.splitlines()) == len(LISTS) + 6, stock
    assert ours == stock, "\n".join(f"ours:  {a}\nstock: {b}" for a, b in zip(ours.splitlines(), stock.splitlines())
                                    if a != b)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(sys.argv[2])
    else:
        sys.exit(cases.run([("lists", test_lists)]))

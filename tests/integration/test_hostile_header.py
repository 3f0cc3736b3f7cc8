#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole recording played to a client with full headers, and to one with mini headers: serials, sub-messages, lists.

Both have a small image cache, so that the server has to tell them what it forgets. The lists must be exact: an image
that was named as forgotten is not used again before it is sent again, and the cache never holds more than it may.
"""
import os
import struct
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import rawclient as raw  # noqa: E402
from arena import ALBUM, Arena, run  # noqa: E402
from rawclient import CURSOR, DISPLAY, INPUTS, RawError, Session  # noqa: E402

CACHE_PIXELS = 300000
BITMAP, FROM_CACHE, FROM_CACHE_LOSSLESS = 0, 103, 106
CACHE_ME, REPLACE_ME = 1, 4
CASES = []


class Watcher:
    """Reads a display channel in a thread, checks each message, and mirrors the client's image cache."""

    def __init__(self, channel):
        self.channel = channel
        self.types = {}
        self.cache = {}  # id: pixels
        self.dropped = self.subs = self.hits = 0
        self.problems = []
        self.stop = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def join(self):
        self.stop = True
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert not self.problems, self.problems[:5]

    def _run(self):
        serial = self.channel.serial
        while True:
            try:
                message = self.channel.read_message(0.5)
            except RawError:
                if self.stop:
                    return
                continue
            try:
                if message.serial != serial + 1:
                    self.problems.append("serial %d after %d" % (message.serial, serial))
                serial = message.serial
                self._check(message)
            except (RawError, struct.error, IndexError) as error:
                self.problems.append("message %d of type %d: %r" % (serial, message.type, error))

    def _check(self, message):
        self.types[message.type] = self.types.get(message.type, 0) + 1
        if self.channel.type != DISPLAY:
            return
        subs = []
        if message.sub_list:
            if not 0 < message.sub_list < len(message.body):
                raise RawError("sub_list outside")
            subs = raw.sub_messages(message.body, message.sub_list)
            self.subs += 1
        elif message.type == raw.LIST:
            subs = raw.sub_messages(message.body, 0)
        elif message.type == raw.INVAL_LIST:
            subs = [(message.type, message.body)]
        for type, body in subs:
            if type == raw.INVAL_LIST:
                for kind, id in raw.inval_list(body):
                    if kind != 1:
                        raise RawError("resource of type %d" % kind)
                    if self.cache.pop(id, None) is None:
                        raise RawError("image %x is dropped, but was never there" % id)
                    self.dropped += 1
            elif type != raw.WAIT:
                raise RawError("sub-message of type %d" % type)
        if message.type == raw.DRAW_COPY:
            self._image(message.body)

    def _image(self, body):
        base = 21 if body[20] == 0 else 25 + 16 * struct.unpack_from("<I", body, 21)[0]
        at, = struct.unpack_from("<I", body, base)
        id, kind, flags, width, height = struct.unpack_from("<QBBII", body, at)
        if kind in (FROM_CACHE, FROM_CACHE_LOSSLESS):
            self.hits += 1
            if id not in self.cache:
                raise RawError("image %x is taken from the cache, but is not there" % id)
        elif flags & CACHE_ME:
            self.cache[id] = width * height
            if sum(self.cache.values()) > CACHE_PIXELS:
                raise RawError("the cache holds %d pixels" % sum(self.cache.values()))


def play(mini):
    def case():
        if not os.path.exists(ALBUM):
            raise AssertionError("no recording")
        with Arena(recording=ALBUM, start=100) as arena:
            with Session(arena.port, mini=mini, timeout=60) as session:
                main, display = session.main, session.open(DISPLAY)
                inputs, cursor = session.open(INPUTS), session.open(CURSOR)
                watcher = Watcher(display)
                cursor_watcher = Watcher(cursor)
                display.send(raw.DISPLAY_INIT, raw.display_init(cache_size=CACHE_PIXELS))
                arena.host.play_to("end", timeout=240)
                arena.host.vm_stop()
                arena.host.vm_start()
                main.send(raw.C_ATTACH)
                serials = [m.serial for m in session.greeting + main.read_until(raw.MAIN_CHANNELS_LIST)]
                assert serials == list(range(1, len(serials) + 1)), serials
                assert [m.serial for m in inputs.read_all(0.1)] == [1]
                watcher.join()
                cursor_watcher.join()
                print("# %d messages, %d hits, %d images dropped, %d messages with sub-messages" %
                      (display.serial, watcher.hits, watcher.dropped, watcher.subs))
                assert watcher.dropped > 0, "the cache was never full: %s" % watcher.types
                if mini:
                    assert watcher.subs == 0 and watcher.types.get(raw.INVAL_LIST, 0) > 0, watcher.types
                else:
                    assert watcher.subs > 0 and raw.LIST not in watcher.types and raw.INVAL_LIST not in watcher.types, \
                        watcher.types
            arena.sum = arena.host.sums()[0]
            arena.check()
    return case


CASES.append(("a recording to a client with full headers", play(False)))
CASES.append(("a recording to a client with mini headers", play(True)))

if __name__ == "__main__":
    sys.exit(run(CASES))

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Video streams as a scripted client gets them, message by message: which clients get streams at all, in what order messages
come, and what becomes of what clients say about their streams."""
import os
import struct
import sys
import time
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from journey import DISPLAY, WITH_GSTREAMER, check, equal, main  # noqa: E402
from rawclient import DISPLAY_INIT, Session, display_init  # noqa: E402
from scene import noise  # noqa: E402
from stage import (ACTIVATE_REPORT, BOX, CLIP, COPY, CREATE, DATA, DATA_SIZED, DESTROY, REPORT,  # noqa: E402
                   Stage)

FILL = 302
PREFERRED_CODECS = 105
SIZED_STREAM, STREAM_REPORT, MULTI_CODEC, CODEC_MJPEG, CODEC_VP8 = (1 << n for n in (0, 4, 8, 9, 10))
ALL_CAPS = 0x3BF
LEAD = 45  # frames that are shown first: 21 begin a stream, if this machine does not pause among them
MJPEG, VP8, VP9 = 1, 2, 4
UNKNOWN = 0xffffffff
STEP = 0.04

Create = namedtuple("Create", "surface id flags codec stamp width height src_width src_height box clip")


def rects(body):
    """Of a clip, as boxes (left, top, width, height); None: there is none."""
    if not body[0]:
        return None
    count, = struct.unpack_from("<I", body, 1)
    quads = [struct.unpack_from("<4i", body, 5 + 16 * i) for i in range(count)]
    return [(left, top, right - left, bottom - top) for top, left, bottom, right in quads]


def create_of(message):
    values = struct.unpack_from("<IIBBQIIIIiiii", message.body)
    top, left, bottom, right = values[9:]
    return Create(*values[:9], (left, top, right - left, bottom - top), rects(message.body[50:]))


def clip_of(message):
    return rects(message.body[4:])


def types(messages):
    return [m.type for m in messages]


class Screening:
    """A scripted client that watches a scene command by command."""

    def __init__(self, stage, caps=ALL_CAPS, **options):
        self.stage = stage
        self.host = stage.host(door=False, pace=1, **options)
        self.host.play_to(1)
        self.session = Session(self.host.port)
        self.display = self.session.open(DISPLAY, channel_caps=caps)
        self.display.send(DISPLAY_INIT, display_init())
        self.at = 1
        self.rest()

    def rest(self):
        return self.display.read_all(0.3)

    def play(self, n):
        """What came with the next n commands. Encoders leave out frames that come faster than those before."""
        messages = []
        for _ in range(n):
            self.at += 1
            self.host.play_to(self.at)
            time.sleep(STEP)
            messages += self.display.take_messages()
        return messages + self.display.read_all(0.1)

    def lead(self, n=LEAD):
        """What came with the first n frames, of which one begins a stream."""
        messages = []
        for place in range(self.at, self.at + n, 15):
            self.host.play_to(min(place + 15, self.at + n))
            messages += self.display.take_messages()
        self.at += n
        messages += self.display.read_all(0.1)
        check(CREATE in types(messages), "no stream has begun:", types(messages))
        return messages

    def report(self, id, unique, frames, drops, delay=100):
        self.display.send(REPORT, struct.pack("<IIIIIIiI", id, unique, 1, 2, frames, drops, delay, UNKNOWN))

    def end(self):
        self.session.close()
        self.host.wait_clients(0)


def plain(scene):
    scene.video(BOX, 2 * LEAD + 20)


def test_order():
    with Stage(plain) as j:
        s = Screening(j)
        messages = s.lead()
        begin = types(messages).index(CREATE)
        equal(types(messages[:begin]), [COPY] * begin, "before the stream")
        check(begin >= 10, "the stream begins too early:", begin)  # some may have been hidden by the next
        messages = messages[begin:]
        equal(types(messages)[:3], [CREATE, ACTIVATE_REPORT, DATA], "the beginning")
        create = create_of(messages[0])
        equal(create, Create(0, 49, 1, MJPEG, 0, BOX[2], BOX[3], BOX[2], BOX[3], BOX, [BOX]), "STREAM_CREATE")
        id, unique, window, timeout = struct.unpack("<IIII", messages[1].body)
        equal((id, window, timeout), (49, 5, 1000), "STREAM_ACTIVATE_REPORT")
        frames = messages[2:] + s.play(10)  # the encoder may leave out some
        check(len(frames) > 3, "frames:", len(frames))
        times = []
        for frame in frames:
            id, mm_time, size = struct.unpack_from("<III", frame.body)
            equal((frame.type, id, size), (DATA, 49, len(frame.body) - 12), "a frame")
            equal(frame.body[12:14], b"\xff\xd8", "begin of the JPEG")
            times.append(mm_time)
        check(all(times) and times == sorted(times), "times:", times)
        ending = s.display.read_until(DESTROY)
        equal(types(ending), [CLIP, COPY, DESTROY], "the end")
        equal(clip_of(ending[0]), [], "the last clip")
        s.end()


def test_clip_comes_first():
    fill = (150, 150, 20, 20)

    def write(scene):
        scene.video(BOX, LEAD)
        scene.fill(fill, 0xff0000)
        scene.frame(BOX, 0)

    with Stage(write) as j:
        s = Screening(j)
        s.lead()
        over = s.play(1)
        equal(types(over), [CLIP, FILL], "a fill over the video")
        equal(len(clip_of(over[0])), 4, "rectangles around it")
        after = s.play(1)
        equal(types(after), [CLIP, DATA], "the next frame")
        equal(clip_of(after[0]), [BOX], "where it may paint")
        s.end()


def test_without_codecs():
    """A client that takes no codec of the server gets pictures; so do the frames of a codec that it does not name."""
    with Stage(plain) as j:
        s = Screening(j, caps=ALL_CAPS & ~CODEC_MJPEG)
        equal(types(s.play(34)), [COPY] * 34, "messages")
        equal(s.display.read_all(1.5), [], "messages after the end")
        s.end()


def test_old_client():
    """One of the time before other codecs than MJPEG, which had no name then."""
    with Stage(plain) as j:
        s = Screening(j, caps=ALL_CAPS & ~(MULTI_CODEC | CODEC_MJPEG | STREAM_REPORT))
        messages = s.lead()
        begin = types(messages).index(CREATE)
        equal(types(messages[begin:])[:2], [CREATE, DATA], "the beginning")
        equal(create_of(messages[begin]).codec, MJPEG, "codec")
        s.end()


def test_sized():
    def write(scene):
        scene.video(BOX, LEAD)
        scene.video(BOX, 3, size=(128, 96))

    for caps in (ALL_CAPS, ALL_CAPS & ~SIZED_STREAM):
        with Stage(write) as j:
            s = Screening(j, caps=caps)
            s.lead()
            messages = s.play(3)
            if caps & SIZED_STREAM:
                equal(types(messages), [DATA_SIZED] * 3, "messages")
                id, _, width, height, top, left, bottom, right, size = struct.unpack_from("<IIIIiiiiI", messages[0].body)
                equal((id, width, height, left, top, right, bottom, size),
                      (49, 128, 96, 100, 100, 260, 220, len(messages[0].body) - 36), "STREAM_DATA_SIZED")
            else:
                equal(types(messages), [CLIP, COPY, COPY, COPY], "messages")
                equal(clip_of(messages[0]), [], "clip")
            s.end()


def test_cannot_decode():
    with Stage(plain) as j:
        s = Screening(j)
        s.lead()
        s.report(49, 0, 0, UNKNOWN)
        answer = s.display.read_until(COPY)
        equal(types(answer), [DESTROY, COPY], "the answer")
        equal(types(s.play(3)), [COPY] * 3, "later frames")
        s.report(49, 0, 0, UNKNOWN)
        s.report(3, 0, 0, UNKNOWN)
        equal(types(s.play(3)), [COPY] * 3, "frames after another report")
        s.end()


def test_reports():
    """Reports of other streams, and of this one, right and wrong ones: it goes on."""
    with Stage(plain) as j:
        s = Screening(j)
        messages = s.lead()
        _, unique, _, _ = struct.unpack("<IIII", messages[types(messages).index(ACTIVATE_REPORT)].body)
        for id, key in ((49, unique), (49, unique + 1), (0, unique), (48, 0)):
            s.report(id, key, 5, 0)
            s.report(id, key, 5, 5, -1000)
            s.report(id, key, 0, 0)
        check(DATA in types(s.play(10)), "the stream has ended")
        s.end()


def test_preferred_codecs():
    """A new preference ends the streams; they begin again."""
    with Stage(plain) as j:
        s = Screening(j)
        s.lead()
        s.display.send(PREFERRED_CODECS, bytes([4, VP9, 77, MJPEG, VP8]))
        equal(types(s.display.read_until(DESTROY)), [CLIP, COPY, DESTROY], "the end")
        messages = s.lead()
        begin = types(messages).index(CREATE)
        equal(types(messages[begin:])[:3], [CREATE, ACTIVATE_REPORT, DATA], "the new beginning")
        equal(create_of(messages[begin]).codec, MJPEG, "codec")
        s.end()


def test_two_codecs():
    """Each client gets the codec that it prefers."""
    with Stage(plain) as j:
        s = Screening(j, env={"SPICE_DEBUG_ALLOW_MC": "1", **WITH_GSTREAMER})
        with Session(s.host.port) as second:
            display = second.open(DISPLAY, channel_caps=ALL_CAPS | CODEC_VP8)
            display.send(DISPLAY_INIT, display_init())
            display.send(PREFERRED_CODECS, bytes([2, VP8, MJPEG]))
            display.read_all(0.3)
            first = s.lead()
            messages = display.read_all(0.3)
            check(CREATE in types(messages), "the second client got no stream")
            codecs = [create_of(next(m for m in got if m.type == CREATE)).codec for got in (first, messages)]
            equal(codecs, [MJPEG, VP8], "codecs")
        s.end()


def test_slow_client():
    """One that takes nothing gets the newest frame when it takes something again, not all those in between."""
    tiny = (0, 0, 8, 8)

    def write(scene):
        scene.video(BOX, LEAD)
        for i in range(60):
            scene.video(BOX, 1, i)
            scene.picture((8 * (i % 40), 8, 8, 8), noise(8, 8, i))
        scene.fill(tiny, 0xff)

    with Stage(write) as j:
        s = Screening(j)
        s.lead()
        s.display.good = False  # no more acknowledgements
        seen = []
        for place in range(s.at + 1, s.at + 2 * 60 + 2):
            s.host.command(f"play-to {place}", 30)
            time.sleep(STEP / 4)
            seen += s.display.take_messages()
        taken = len(seen)
        before = types(seen).count(DATA)
        s.display.good = True
        for _ in range(3):
            s.display.send(2)  # the acknowledgements that are due
        seen += s.display.read_until(FILL)
        late = types(seen).count(DATA) - before
        print(f"# {before} frames before it was full, {late} later")
        check(1 <= late <= 3, "frames that were kept:", late)
        check(DATA in types(seen[taken:taken + 2]), "the frame has lost its place to what came later")
        s.end()


if __name__ == "__main__":
    sys.exit(main([test_order, test_clip_comes_first, test_without_codecs, test_old_client, test_sized, test_cannot_decode,
                   test_reports, test_preferred_codecs, test_two_codecs, test_slow_client]))

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Video streams with the real client: it shows videos about as they are, everything else exactly, and exactly all of it when
a video has ended: by itself, by a stop of the machine, by what is drawn from it, by a migration.

What a scripted client gets is looked at message by message in test_video_messages.py.
"""
import math
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from client import Client  # noqa: E402
from journey import DISPLAY, MAIN, WITH_GSTREAMER, check, equal, main  # noqa: E402
from scene import XOR, noise, photograph  # noqa: E402
from stage import (ACTIVATE_REPORT, BEGIN, BOX, CLIP, COPY, CREATE, DATA, DATA_SIZED, DESTROY, MORE,  # noqa: E402
                   MULTI_MEDIA_TIME, Stage)

def rows(picture, box):
    width, _, data = picture
    left, top, w, h = box
    return b"".join(data[3 * (y * width + left):3 * (y * width + left + w)] for y in range(top, top + h))


def psnr(one, other, box):
    """Likeness in dB; infinite: equal."""
    a, b = rows(one, box), rows(other, box)
    square = sum((x - y) ** 2 for x, y in zip(a, b))
    return math.inf if square == 0 else 10 * math.log10(255 ** 2 * len(a) / square)


def still(scene, box, number, frames=30, **options):
    """A video that shows the same for a while: about what the client must show then."""
    for _ in range(frames):
        scene.frame(box, number, **options)
        scene.wait(33)


def wait_like(j, host, box, least=25, timeout=10):
    """Until the client shows about what the host has; gives the likeness."""
    deadline, wanted = time.monotonic() + timeout, j.picture(host)
    while True:
        like = psnr(j.picture(j.client), wanted, box)
        if like >= least:
            return like
        check(time.monotonic() < deadline, f"the client shows something else than the video: {like:.1f} dB")
        time.sleep(0.02)


def test_plays():
    def write(scene):
        scene.video(BOX, BEGIN + MORE)
        still(scene, BOX, BEGIN + MORE)
        return scene.commands

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        like = wait_like(j, host, BOX)
        print(f"# while it plays: {like:.1f} dB")
        j.compare(host, "after the video")
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")
        equal(j.count(ACTIVATE_REPORT), 1, "requests for reports")
        frames = j.count(DATA)
        print(f"# {frames} frames, {j.report_count()} reports")
        check(frames > (MORE + 30) / 2, "hardly any frames:", frames)
        check(j.report_count() > 3, "hardly any reports:", j.report_count())
        check(like < math.inf, "the frames were exact")
        j.quiet()


def test_filter():
    """What looks like a drawing is none, unless everything counts."""
    pixels = [noise(BOX[2], BOX[3], seed) for seed in range(4)]

    def write(scene):
        for i in range(40):
            scene.picture(BOX, pixels[i % 4])
            scene.wait(20)

    for streaming, streams in (("filter", 0), ("all", 1), ("off", 0)):
        with Stage(write, streaming=streaming) as j:
            host = j.host()
            j.connect(host)
            host.play_to("end")
            j.compare(host, streaming)
            equal(j.count(CREATE), streams, f"streams with {streaming}")


def test_drawn_over():
    """What is drawn over a running video is exact, and stays."""
    fill, bits, words = (150, 150, 20, 20), (400, 300, 60, 50), (120, 190, 30, 10)

    def write(scene):
        scene.video(BOX, BEGIN + 20)
        scene.fill(fill, 0xff0000)
        still(scene, BOX, 0, 10)  # it goes on and covers that
        scene.fill(fill, 0x00ff00)
        scene.picture(words, noise(30, 10))
        scene.copy_bits(bits, 110, 110)
        return scene.commands

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        sums = host.sums()
        wanted = j.picture(host)
        for box in (fill, bits, words):
            deadline = time.monotonic() + 5
            while psnr(j.picture(j.client), wanted, box) < math.inf:
                check(time.monotonic() < deadline, "not exact:", box)
        check(j.client.wait_sum(sums[0]), "the picture differs after the video")
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")
        check(j.count(CLIP) >= 3, "clips:", j.count(CLIP))


def test_blended():
    """An operation that takes up what the video shows gets the true pixels."""
    box = (90, 130, 200, 40)

    def write(scene):
        scene.video(BOX, BEGIN + 20)
        for i in range(6):
            scene.fill(box, 0x7f7f7f, XOR)
            scene.video(BOX, 5, i)
        scene.fill(box, 0x7f7f7f, XOR)
        return scene.commands

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        j.compare(host)
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")


def test_sized():
    """Frames of another size, or box, than the first."""
    larger = (95, 95, 180, 140)

    def write(scene):
        scene.video(BOX, BEGIN + 10)
        scene.video(BOX, 20, size=(128, 96))
        scene.video(larger, 10, size=(180, 140))
        still(scene, larger, 5, size=(120, 90))
        return scene.commands

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        print(f"# {wait_like(j, host, larger, 20):.1f} dB")
        j.compare(host)
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")
        check(j.count(DATA_SIZED) > 20, "frames of another size:", j.count(DATA_SIZED))


def test_clipped():
    """A video behind another window."""
    parts = [(100, 100, 160, 40), (100, 140, 30, 80)]

    def write(scene):
        for i in range(BEGIN + 30):
            scene.frame(BOX, i, clip=parts if i > BEGIN + 10 else None)
            if i == BEGIN + 10:
                scene.fill((130, 140, 200, 200), 0x808080)
            scene.wait(33)
        return scene.commands

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        j.compare(host)
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")


def test_many():
    """No more than 50 streams at a time; the other videos are pictures."""
    boxes = [(60 * (i % 10), 45 * (i // 10), 50, 40) for i in range(60)]

    def write(scene):
        for i in range(BEGIN + 6):
            for box in boxes:
                scene.frame(box, i)
            scene.wait(60)

    with Stage(write, streaming="all") as j:
        host = j.host()
        j.connect(host)
        host.play_to("end")
        j.compare(host, timeout=30)
        j.wait_ended()
        equal(j.count(CREATE), 50, "streams")


def test_stop():
    """When the machine stops the picture is right at once."""
    def write(scene):
        scene.video(BOX, BEGIN + 20)
        place = scene.commands
        scene.video(BOX, BEGIN + 20, 30)
        return place

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        host.vm_stop()
        j.wait_ended()
        j.compare(host)
        equal(j.count(CREATE), 1, "streams")
        host.vm_start()
        host.play_to("end")
        j.wait_count(CREATE, 2)
        j.compare(host)


def test_late_client():
    """A client that comes while a video plays; one that goes."""
    def write(scene):
        scene.video(BOX, BEGIN + 20)
        place = scene.commands
        scene.video(BOX, 40, 30)
        return place

    with Stage(write) as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        j.wait_count(CREATE, 1)
        j.disconnect()
        host.wait_clients(0)
        j.tap.mark("second")
        j.connect(host)
        host.play_to("end")
        j.compare(host)
        check(j.count(CREATE, "second") > 0, "the second client got no stream")
        check(j.count(DATA, "second") > 10, "the second client got frames:", j.count(DATA, "second"))


def test_two_clients():
    def write(scene):
        scene.video(BOX, BEGIN + 40)
        still(scene, BOX, 5)

    with Stage(write) as j:
        host = j.host(env={"SPICE_DEBUG_ALLOW_MC": "1"})
        j.connect(host)
        with Client(j.doors[host]) as other:
            other.wait_event("channel", timeout=20, what="opened", type=DISPLAY, id=0)
            host.wait_clients(2)
            host.play_to("end")
            sums = host.sums()
            j.compare(host, "first client")
            check(other.wait_sum(sums[0]), "the second client's picture differs")
            equal(j.count(CREATE), 2, "streams")


def test_migration():
    """A video plays on while the machine moves: it begins anew at the destination."""
    def write(scene):
        scene.video(BOX, BEGIN + 20)
        before = scene.commands
        scene.video(BOX, 10, 40)
        place = scene.commands
        scene.video(BOX, BEGIN + 30, 50)
        return before, place

    with Stage(write) as j:
        before, place = j.places
        a, b = j.host(), j.host(incoming=True, start=before)
        j.connect(a)
        a.play_to(place)
        j.wait_count(CREATE, 1)
        j.hop(a, b, mark="switch")
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams before")
        j.compare(b, "after the switch")
        b.play_to("end")
        j.compare(b, "at the end")
        j.wait_ended()
        equal(j.count(CREATE), 2, "streams")
        check(j.count(DATA) > 20, "frames:", j.count(DATA))
        j.quiet()


def test_with_jpeg():
    """Pictures may be approximate on a slow line; what is sent in a video's place, and what is made of it, is not."""
    bits = (400, 300, 60, 50)

    def write(scene):
        scene.video(BOX, BEGIN + 20)
        scene.copy_bits(bits, 110, 110)
        scene.fill((90, 130, 200, 40), 0x7f7f7f, XOR)
        scene.video(BOX, 10, 30)
        return scene.commands

    with Stage(write, jpeg="always") as j:
        host = j.host()
        j.connect(host)
        host.play_to(j.places)
        j.wait_count(CREATE, 1)
        j.wait_ended()
        wanted = j.picture(host)
        for box in (BOX, bits):
            deadline = time.monotonic() + 5
            while psnr(j.picture(j.client), wanted, box) < math.inf:
                check(time.monotonic() < deadline, "not exact:", box)


def random_scene(seed):
    """Two videos, and around and over them whatever may be drawn; at last nothing but the picture itself."""
    rand = random.Random(seed)

    def box(size=120):
        width, height = rand.randint(1, size), rand.randint(1, size)
        return rand.randint(0, 400 - width), rand.randint(0, 300 - height), width, height

    def draw(scene):
        kind = rand.randrange(5)
        if kind == 0:
            scene.fill(box(), rand.randrange(1 << 24))
        elif kind == 1:
            scene.fill(box(), rand.randrange(1 << 24), XOR)
        elif kind == 2:
            target = box()
            scene.copy_bits(target, rand.randint(0, 400 - target[2]), rand.randint(0, 300 - target[3]))
        elif kind == 3:
            target = box(40)
            scene.picture(target, noise(target[2], target[3], rand.randrange(99)))
        else:
            target = box()
            clip = [box() for _ in range(rand.randint(1, 4))]
            scene.picture(target, photograph(target[2], target[3], rand.randrange(99)), clip=clip)

    def frame(scene, where, i):
        left, top, width, height = where
        if rand.random() < 0.1:
            scene.frame(where, i, clip=[box() for _ in range(rand.randint(1, 4))])
        elif rand.random() < 0.1:
            scene.frame(where, i, size=(width - 20, height - 10))
        elif rand.random() < 0.1:
            scene.frame((left - 5, top - 5, width + 10, height + 10), i)
        else:
            scene.frame(where, i)

    def write(scene):
        first, second = (60, 60, 140, 110), (180, 120, 150, 120)  # one lies over the other
        for i in range(160):
            frame(scene, first, i)
            if i > 40:
                frame(scene, second, i)
            if i > 25 and rand.random() < 0.5:
                draw(scene)
            scene.wait(33)

    return write


def test_random():
    rounds = int(os.environ.get("CARAVAN_VIDEO_ROUNDS", "2"))
    first = int(os.environ.get("CARAVAN_VIDEO_SEED", "1"))
    for seed in range(first, first + rounds):
        with Stage(random_scene(seed)) as j:
            host = j.host()
            j.connect(host)
            host.play_to("end")
            j.compare(host, f"seed {seed}")
            j.wait_ended()
            equal(host.sums()[0], j.client.sum(), f"picture after the end, seed {seed}")
            print(f"# seed {seed}: {j.count(CREATE)} streams, {j.count(DATA) + j.count(DATA_SIZED)} frames, "
                  f"{j.count(CLIP)} clips")
            check(j.count(CREATE) >= 1, "streams:", j.count(CREATE))


def test_codecs():
    """All codecs that a server has on this machine. A client that lacks a plugin says so, and then gets pictures."""
    def write(scene):
        scene.video(BOX, BEGIN + MORE)
        still(scene, BOX, BEGIN + MORE)
        return scene.commands

    for codec in ("gstreamer:vp8", "gstreamer:vp9", "gstreamer:h264", "gstreamer:mjpeg"):
        with Stage(write, video_codecs=codec) as j:
            # spice-gtk finds out by the first frame that it lacks a decoder; what is on the way then it calls a fault of its own.
            j.client_may_say = r"display_handle_stream_data: assertion 'st != NULL' failed"
            host = j.host(env=WITH_GSTREAMER)
            j.connect(host)
            host.play_to(j.places)
            like = wait_like(j, host, BOX)
            j.compare(host, codec)
            j.wait_ended()
            print(f"# {codec}: {like:.1f} dB, {j.count(DATA)} frames")
            equal(j.count(CREATE), 1, "streams")


def test_slow_line():
    """Frames that take long on the way: the client's clock is set back, so that they come in time."""
    def write(scene):
        scene.video((0, 0, 640, 480), BEGIN + MORE)

    with Stage(write) as j:
        host = j.host(env={"SPICE_BIT_RATE": "0.2"})
        j.connect(host)
        host.play_to("end")
        j.compare(host)
        j.wait_ended()
        equal(j.count(CREATE), 1, "streams")
        check(j.count(MULTI_MEDIA_TIME, channel=MAIN) > 0, "the clock was not set back")


def test_like_stock():
    """The stock library makes as many streams, frames and clips of the same pictures."""
    def write(scene):
        scene.video(BOX, BEGIN + 20)
        scene.fill((150, 150, 20, 20), 0xff0000)
        scene.video(BOX, 30, 20)
        scene.video((300, 50, 128, 96), 40)

    counts = []
    for options in ({}, {"lib": "stock"}):
        with Stage(write, **options) as j:
            host = j.host()
            j.connect(host)
            host.play_to("end")
            j.compare(host)
            j.wait_ended()
            counts.append({n: j.count(n) for n in (COPY, CREATE, CLIP, DESTROY, ACTIVATE_REPORT, DATA)})
    print(f"# ours {counts[0]}, stock {counts[1]}")
    # A picture that comes together with the next one is hidden by it, for the one or the other.
    frames = [(c.pop(COPY), c.pop(DATA)) for c in counts]
    equal(counts[0], counts[1], "messages")
    check(all(0.8 * b < a < 1.25 * b for a, b in zip(*frames)), "pictures and frames:", frames)


if __name__ == "__main__":
    sys.exit(main([test_plays, test_filter, test_drawn_over, test_blended, test_sized, test_clipped, test_many, test_stop,
                   test_late_client, test_two_clients, test_migration, test_with_jpeg, test_random, test_codecs,
                   test_slow_line, test_like_stock]))

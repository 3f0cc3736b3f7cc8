# SPDX-License-Identifier: LGPL-2.1-or-later
"""Codecs: CPU time that a server needs to encode and send images, and what it sends; ours and the stock library.

For each kind of image a recording is made: one large picture after the other is drawn, none of them cacheable. A host
plays it with a client that reads everything. The next picture is drawn when the one before it has been sent, so that
none is dropped. The first ones, which fill the dictionary's window and the memory for it, do not count. From the CPU
time of the display's thread that of a host without a client is taken away: what remains is codec and sending; the
median of some rounds counts. The pictures of the last kind, "recorded", are what the first recording of
CARAVAN_WORKLOADS (or album-small) draws. MB are those of the raw pixels, ratio of the bytes: sent to raw.
"""
import math
import os
import random
import re
import subprocess
import tempfile
import time
import zlib

import session
from client import Client
from host import Host
from session import ADDRESS, LIBS
from wiretap import Wiretap

WIDTH, HEIGHT = 1280, 800
COPY, PUT = 3, 8  # QXL_DRAW_COPY, SPICE_ROPD_OP_PUT
BITMAP_32, TOP_DOWN = 8, 4
ROUNDS = 3
WARM_UP = 16
PICTURES = 12  # different ones: when one comes again it is not in the dictionary's window any more
CODECS = ("quic", "lz", "glz", "auto_glz", "auto_lz", "lz4", "off")


def photo(seed):
    """Soft gradients with noise in the low bits."""
    rng = random.Random(seed)
    noise = rng.randbytes(WIDTH * HEIGHT)
    rows = []
    for y in range(HEIGHT):
        at = y * WIDTH
        row = bytearray(4 * WIDTH)
        n = noise[at:at + WIDTH]
        for c, (dx, dy) in enumerate(((0.31, 0.12), (0.11, 0.27), (0.21, 0.2))):
            row[c::4] = bytes((int(60 + c * 20 + dx * x * 0.5 + dy * y * 0.5 + 20 * math.sin(seed)) + (v >> c & 7)) & 255
                              for x, v in enumerate(n))
        rows.append(bytes(row))
    return b"".join(rows)


def gradient(seed):
    """A smooth ramp without noise."""
    return b"".join(bytes(v for x in range(WIDTH) for v in ((x // 5 + y // 3 + seed) & 255, (x // 6 + seed) & 255,
                                                            (y // 4) & 255, 0)) for y in range(HEIGHT))


def interface(seed):
    """Windows with frames, and text: groups of dark pixels on a flat ground."""
    rng = random.Random(seed)
    picture = [bytearray(b"\x90\x60\x30\x00" * WIDTH) for _ in range(HEIGHT)]
    for _ in range(6):
        w, h = rng.randrange(300, 700), rng.randrange(200, 500)
        x0, y0 = rng.randrange(0, WIDTH - w), rng.randrange(0, HEIGHT - h)
        for y in range(y0, y0 + h):
            ground = b"\xc8\x80\x40\x00" if y < y0 + 20 else b"\xf4\xf4\xf4\x00"
            picture[y][4 * x0:4 * (x0 + w)] = ground * w
        for line in range(y0 + 30, y0 + h - 14, 14):
            for x in range(x0 + 10, x0 + w - 20, 8):
                glyph = rng.getrandbits(35) if rng.random() < 0.8 else 0
                for bit in range(35):
                    if glyph >> bit & 1:
                        place = 4 * (x + bit % 5)
                        picture[line + bit // 5][place:place + 4] = b"\x20\x20\x20\x00"
    return b"".join(picture)


def noise(seed):
    """Nothing can be done about it."""
    return random.Random(seed).randbytes(4 * WIDTH * HEIGHT)


def recorded(path, count):
    """The largest 32 bit pictures that a recording draws, cut or repeated to the size of the others."""
    with subprocess.Popen(session.reader(path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as stream:
        data = stream.stdout.read(200 << 20)
        stream.kill()
    found = {}
    head = re.compile(rb"bitmap\.format [89]\nbitmap\.flags \d+\nbitmap\.x (\d+)\nbitmap\.y (\d+)\nbitmap\.stride (\d+)\n"
                      rb"has_palette 0\n(?:data_chunks 0 \d+\n)?binary (\d) [a-z_.]+ (\d+):")
    for m in head.finditer(data):
        w, h, stride, plain = (int(m[i]) for i in (1, 2, 3, 5))
        if w * h < 20000 or plain != stride * h:
            continue
        at, size = m.end(), plain
        if m[4] == b"1":  # packed: its size follows
            colon = data.index(b":", at)
            at, size = colon + 1, int(data[at:colon])
        blob = data[at:at + size]
        pixels = zlib.decompress(blob) if m[4] == b"1" else blob
        found.setdefault(hash(pixels), (w * h, w, h, stride, pixels))
    pictures = []
    for _, w, h, stride, pixels in sorted(found.values(), reverse=True)[:count]:
        rows = []
        for y in range(HEIGHT):
            row = pixels[y % h * stride:y % h * stride + 4 * w]
            rows.append((row * (WIDTH // w + 1))[:4 * WIDTH])
        pictures.append(b"".join(rows))
    return pictures


def write_recording(path, pictures, draws):
    """`draws` commands, each a COPY of the next of the pictures over the whole primary."""
    with open(path, "wb") as out:
        out.write(b"SPICE_REPLAY 1\n")
        events = 0

        def event(what, kind, text):
            nonlocal events
            out.write(b"event %d %d %d %d\n" % (events, what, kind, 1000000 + events * 1000) + text)
            events += 1

        event(1, 16, b"")
        event(1, 8, b"")
        event(1, 20, b"%d %d %d 32\n0 1 0 0\n" % (WIDTH, HEIGHT, 4 * WIDTH) +
              b"binary 0 data %d:" % (4 * WIDTH * HEIGHT) + bytes(4 * WIDTH * HEIGHT) + b"\n")
        for n in range(draws):
            pixels = pictures[n % len(pictures)]
            rect = b"0 0 %d %d" % (HEIGHT, WIDTH)
            event(0, 1, b"drawable\nrect bbox " + rect + b"\ntype 0\neffect 1\nmm_time 0\nself_bitmap 0\n"
                  b"rect self_bitmap_area 0 0 0 0\nsurface_id 0\n" +
                  b"surfaces_dest -1\nrect surfaces_rects 0 0 0 0\n" * 3 +
                  b"type %d\nimage 1\ndescriptor.id %d\ndescriptor.type 0\ndescriptor.flags 0\n" % (COPY, 1000 + n) +
                  b"descriptor.width %d\ndescriptor.height %d\n" % (WIDTH, HEIGHT) +
                  b"bitmap.format %d\nbitmap.flags %d\n" % (BITMAP_32, TOP_DOWN) +
                  b"bitmap.x %d\nbitmap.y %d\nbitmap.stride %d\nhas_palette 0\n" % (WIDTH, HEIGHT, 4 * WIDTH) +
                  b"data_chunks 0 %d\nbinary 0 bitmap.data %d:" % (len(pixels), len(pixels)) + pixels + b"\n" +
                  b"rect src_area " + rect + b"\nrop_descriptor %d\nscale_mode 0\n" % PUT +
                  b"flags 0\npoint 0 0\nimage 0\n")


def sent_images(tap):
    """{kind: {count, bytes, pixels}} of what the display channels carried."""
    images = {}
    for phase in tap.stats()["phases"]:
        for channel in phase["channels"]:
            for kind, count in channel.get("images", {}).items():
                sums = images.setdefault(kind, {"count": 0, "bytes": 0, "pixels": 0})
                for field in sums:
                    sums[field] += count[field]
    return images


def settled_count(tap):
    """The number of images sent, when no more come."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 1:
        count = sum(i["count"] for i in sent_images(tap).values())
        if count != last:
            last, since = count, time.monotonic()
        time.sleep(0.05)
    return last


def play(host, first, draws, wait):
    before = session.display_cpu(host.process)
    for n in range(draws):
        host.play_to(first + n + 1, timeout=60)
        host.settle()
        wait(n + 1)
    return session.display_cpu(host.process) - before


def run_one(lib, codec, path, draws):
    options = {"lib": lib, "recording": path, "streaming": "off", "compression": codec, "jpeg": "never",
               "zlib_glz": "never"}
    with Host(start=1, **options) as host, Wiretap([(ADDRESS, host.port)]) as tap, Client(tap.ports[0]) as client:
        client.wait_event("channel", timeout=30, what="opened", type=session.DISPLAY)
        host.wait_clients(1)
        at_start = settled_count(tap)

        def wait(n):
            deadline = time.monotonic() + 60
            while sum(i["count"] for i in sent_images(tap).values()) < at_start + n:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"picture {n} does not come: {sent_images(tap)}")
                time.sleep(0.005)

        play(host, host.position, WARM_UP, wait)
        at_start += WARM_UP
        before = sent_images(tap)
        busy = play(host, host.position, draws, wait)
        images = sent_images(tap)
        for kind, count in before.items():
            for field in count:
                images[kind][field] -= count[field]
        same = client.wait_sum(host.sums()[0], timeout=20)
    with Host(start=1, **options) as host:
        play(host, host.position, WARM_UP, lambda n: None)
        alone = play(host, host.position, draws, lambda n: None)
    raw = 4 * sum(i["pixels"] for i in images.values())  # one more or less may have gone than was drawn
    seconds = max(busy - alone, 1e-9)
    return {"mb_s": round(raw / seconds / 1e6, 1), "percent": round(100 * sum(i["bytes"] for i in images.values()) / raw, 2),
            "cpu_s": round(seconds, 3), "same_picture": same,
            "images": {k: i["count"] for k, i in images.items() if i["count"]}}


def pictures_of(arguments, count):
    """(name, pictures) for each kind."""
    for make in (photo, gradient, interface, noise):
        yield make.__name__, [make(seed) for seed in range(1, count + 1)]
    for recording in session.recordings(arguments.workloads):
        if recording.name in ("album-small", "pictures", "web"):
            found = recorded(recording.path, count)
            if found:
                yield recording.name, found


def median_of(runs):
    """The run with the median speed."""
    return sorted(runs, key=lambda one: one["mb_s"])[len(runs) // 2]


def run(arguments):
    draws, rounds = (12, 1) if arguments.quick else (48, ROUNDS)
    print(f"Images of {WIDTH}x{HEIGHT} pixels; MB/s of CPU time, bytes in % of the raw ones.\n"
          f"{'codec':10}{'picture':14}{'ours':>9}{'stock':>9}{'ratio':>7}{'ours %':>9}{'stock %':>9}{'ratio':>7}")
    results = []
    with tempfile.TemporaryDirectory(prefix="caravan-codecs-") as directory:
        path = os.path.join(directory, "pictures.rec")
        for name, pictures in pictures_of(arguments, PICTURES):
            write_recording(path, pictures, 1 + WARM_UP + draws)
            for codec in arguments.codec or CODECS[:3]:
                runs = [{library: run_one(lib, codec, path, draws) for library, lib in LIBS} for _ in range(rounds)]
                result = {"codec": codec, "picture": name,
                          **{library: median_of([one[library] for one in runs]) for library, _ in LIBS}}
                ours, stock = result["ours"], result["stock"]
                print(f"{codec:10}{name:14}{ours['mb_s']:>9.0f}{stock['mb_s']:>9.0f}{ours['mb_s'] / stock['mb_s']:>7.2f}"
                      f"{ours['percent']:>9.2f}{stock['percent']:>9.2f}"
                      f"{ours['percent'] / max(stock['percent'], 0.01):>7.2f}"
                      f"  {ours['images']} {stock['images']}"
                      f"{'' if ours['same_picture'] and stock['same_picture'] else '  PICTURES DIFFER'}", flush=True)
                results.append(result)
    return results

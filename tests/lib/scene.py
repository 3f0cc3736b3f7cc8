# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scene: writes a recording of a guest that shows videos and draws over them, for Host(recording=...).

    with Scene(path, 640, 480) as scene:
        for i in range(60):
            scene.frame((100, 100, 200, 150), i)
            scene.wait(33)
        scene.fill((120, 120, 30, 30), 0xff0000)
        before = scene.commands     # host.play_to(before)

Boxes are (left, top, width, height), times ms, colours 0xRRGGBB. Every command has a number, from 1.
"""
import math

OPAQUE, BLEND = 1, 0
FILL, COPY, COPY_BITS = 1, 3, 4
PUT, XOR = 8, 64

PERIOD = 600


def _wave(length):
    """A row of pixels (B, G, R, 0) whose neighbours differ a little, like those of a photograph."""
    out = bytearray()
    for i in range(length):
        angle = 2 * math.pi * i / PERIOD
        out += bytes((int(128 + 120 * math.sin(angle)), int(128 + 120 * math.sin(2 * angle + 1)),
                      int(128 + 120 * math.cos(3 * angle)), 0))
    return bytes(out)


_ROW = _wave(PERIOD + 4096)


def photograph(width, height, shift=0):
    """Pixels of a picture that moves as `shift` grows."""
    return b"".join(_ROW[4 * start:4 * (start + width)] for start in ((5 * shift + 2 * y) % PERIOD for y in range(height)))


def noise(width, height, seed=0):
    """Pixels of a picture that no one would take for a photograph."""
    state, out = seed * 2654435761 + 1, bytearray()
    for _ in range(width * height):
        state = (state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out += bytes((0xff * (state >> 60 & 1), 0xff * (state >> 61 & 1), 0xff * (state >> 62 & 1), 0))
    return bytes(out)


class Scene:
    def __init__(self, path, width=640, height=480, color=0x336699):
        self.path, self.width, self.height = path, width, height
        self.commands = self._events = self._images = 0
        self._time = 10 ** 9
        self._file = open(path, "wb")
        self._text("SPICE_REPLAY 1")
        self._event(1, 20)
        self._text(f"{width} {height} {width * 4} 32\n0 1 0 0")
        self._binary("data", bytes(width * height * 4))
        self.fill((0, 0, width, height), color)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()

    def _text(self, text):
        self._file.write(text.encode() + b"\n")

    def _binary(self, name, data):
        self._file.write(f"binary 0 {name} {len(data)}:".encode() + data + b"\n")

    def _event(self, what, kind):
        self._text(f"event {self._events} {what} {kind} {self._time}")
        self._events += 1

    def wait(self, ms):
        """The next command comes so much later, if the host keeps the recording's pace."""
        self._time += int(ms * 10 ** 6)

    @staticmethod
    def _rect(name, box):
        left, top, width, height = box
        return f"rect {name} {top} {left} {top + height} {left + width}"

    def _drawable(self, kind, box, effect, clip=None):
        self._event(0, 1)
        self.commands += 1
        self._text("drawable\n" + self._rect("bbox", box))
        if clip is None:
            self._text("type 0")
        else:
            data = b"".join(v.to_bytes(4, "little", signed=True) for left, top, width, height in clip
                            for v in (top, left, top + height, left + width))
            self._text(f"type 1\nnum_rects {len(clip)}\ndata_chunks 0 {len(data)}")
            self._binary("clip_rects", data)
        self._text(f"effect {effect}\nmm_time 0\nself_bitmap 0\nrect self_bitmap_area 0 0 0 0\nsurface_id 0\n" +
                   "surfaces_dest -1\nrect surfaces_rects 0 0 0 0\n" * 3 + f"type {kind}")

    def fill(self, box, color, rop=PUT):
        self._drawable(FILL, box, OPAQUE if rop == PUT else BLEND)
        self._text(f"type 1\nu.color {color}\nrop_descriptor {rop}\nflags 0\npoint 0 0\nimage 0")

    def copy_bits(self, box, left, top):
        """To the box, from there."""
        self._drawable(COPY_BITS, box, OPAQUE)
        self._text(f"point {left} {top}")

    def picture(self, box, pixels, size=None, clip=None, cache=False):
        """Pixels B, G, R, 0, top row first, of `size` (that of the box if not given: no scaling)."""
        width, height = size or box[2:]
        self._images += 1
        self._drawable(COPY, box, OPAQUE, clip)
        self._text(f"image 1\ndescriptor.id {self._images << 32 | 1}\ndescriptor.type 0\ndescriptor.flags {int(cache)}\n"
                   f"descriptor.width {width}\ndescriptor.height {height}\nbitmap.format 8\nbitmap.flags 5\n"
                   f"bitmap.x {width}\nbitmap.y {height}\nbitmap.stride {width * 4}\nhas_palette 0")
        self._binary("image_data_flat", pixels)
        self._text(self._rect("src_area", (0, 0, width, height)) + f"\nrop_descriptor {PUT}\nscale_mode 0\nflags 0\n"
                   "point 0 0\nimage 0")

    def frame(self, box, number, size=None, clip=None):
        """A frame of a video."""
        self.picture(box, photograph(*(size or box[2:]), number), size, clip)

    def video(self, box, frames, first=0, ms=33, size=None):
        for i in range(first, first + frames):
            self.frame(box, i, size)
            self.wait(ms)

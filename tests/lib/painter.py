# SPDX-License-Identifier: LGPL-2.1-or-later
"""An X program that draws on command: libX11, called from here. What it draws depends on nothing but the arguments."""
import ctypes
import ctypes.util
import random

GX_XOR, GX_INVERT, GX_AND, GX_COPY = 6, 10, 1, 3
FILL_TILED, FILL_STIPPLED, FILL_OPAQUE_STIPPLED = 1, 2, 3
EVEN, LINE_DASH, CAP_ROUND, JOIN_ROUND = 0, 1, 2, 1
Z_PIXMAP, ALL_PLANES = 2, 0xffffffff
OVERRIDE_REDIRECT, BACKGROUND, CURSOR = 1 << 9, 1 << 1, 1 << 14


class Color(ctypes.Structure):
    _fields_ = [("pixel", ctypes.c_ulong), ("red", ctypes.c_ushort), ("green", ctypes.c_ushort),
                ("blue", ctypes.c_ushort), ("flags", ctypes.c_char), ("pad", ctypes.c_char)]


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulong) for name in ("background_pixmap", "background", "border_pixmap", "border")] + \
        [(name, ctypes.c_int) for name in ("bit_gravity", "win_gravity", "backing_store")] + \
        [("backing_planes", ctypes.c_ulong), ("backing_pixel", ctypes.c_ulong), ("save_under", ctypes.c_int),
         ("event_mask", ctypes.c_long), ("no_propagate", ctypes.c_long), ("override_redirect", ctypes.c_int),
         ("colormap", ctypes.c_ulong), ("cursor", ctypes.c_ulong)]


def _library():
    x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    for name in ("XOpenDisplay", "XCreateImage"):
        getattr(x, name).restype = ctypes.c_void_p
    for name in ("XDefaultRootWindow", "XCreateWindow", "XCreatePixmap", "XCreateBitmapFromData",
                 "XCreatePixmapCursor"):
        getattr(x, name).restype = ctypes.c_ulong
    for name in ("XCreateGC", "XDefaultGC", "XGetImage", "XDefaultVisual"):
        getattr(x, name).restype = ctypes.c_void_p
    return x


def _arguments(values):
    """Handles and pointers are 64 bits wide, coordinates fit into 32: pass all as long."""
    return [ctypes.c_long(v) if isinstance(v, int) else v for v in values]


class Painter:
    """A connection to the display with one window without decorations. Use it in a `with`, or call close()."""

    # Called in place of exit(): by the library when the server has gone, or when a request was wrong.
    _ON_EXIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda _display, _data: None)
    _ON_ERROR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda _d, _e: Painter._count_error())
    errors = 0

    @staticmethod
    def _count_error():
        Painter.errors += 1
        return 0

    def __init__(self, display, x=300, y=420, width=400, height=300):
        self._x = _library()
        self._x.XSetErrorHandler(Painter._ON_ERROR)
        self._display = self._x.XOpenDisplay(display.encode())
        if not self._display:
            raise OSError("no X server at " + display)
        self._call("XSetIOErrorExitHandler", Painter._ON_EXIT, None)
        self.root = self._call("XDefaultRootWindow")
        self.depth = self._call("XDefaultDepth", 0)
        self.width, self.height = width, height
        self.window = self._window(x, y, width, height, 0x336699)
        self._park()
        self.sync()

    def _call(self, name, *values):
        return getattr(self._x, name)(ctypes.c_void_p(self._display), *_arguments(values))

    def _window(self, x, y, width, height, background, cursor=None):
        attributes = Attributes(background=background, override_redirect=1, cursor=cursor or 0)
        mask = OVERRIDE_REDIRECT | BACKGROUND | (CURSOR if cursor else 0)
        window = self._call("XCreateWindow", self.root, x, y, width, height, 0, self.depth, 1, None, mask,
                            ctypes.byref(attributes))
        self._call("XMapRaised", window)
        return window

    def _park(self):
        """A small window with an invisible pointer: what the server draws as a pointer is no part of the picture."""
        empty = self._call("XCreateBitmapFromData", self.root, b"\0" * 32, 16, 16)
        color = Color()
        cursor = self._call("XCreatePixmapCursor", empty, empty, ctypes.byref(color), ctypes.byref(color), 0, 0)
        self._parking = self._window(0, 0, 8, 8, 0x808080, cursor)
        self.park()

    def park(self):
        self._call("XRaiseWindow", self._parking)
        self._call("XWarpPointer", 0, self._parking, 0, 0, 0, 0, 4, 4)
        self.sync()

    def sync(self):
        self._call("XSync", 0)

    def gc(self, foreground=0, background=0xffffff, function=GX_COPY, drawable=None):
        gc = self._call("XCreateGC", drawable or self.window, 0, None)
        self._call("XSetForeground", gc, foreground)
        self._call("XSetBackground", gc, background)
        self._call("XSetFunction", gc, function)
        return gc

    def pixmap(self, width, height, depth=None):
        return self._call("XCreatePixmap", self.root, width, height, depth or self.depth)

    def free_pixmap(self, pixmap):
        self._call("XFreePixmap", pixmap)

    def fill(self, drawable, gc, x, y, width, height):
        self._call("XFillRectangle", drawable, gc, x, y, width, height)

    def put_image(self, drawable, gc, x, y, width, height, pixels):
        """pixels: 4 bytes each, blue first."""
        image = self._call("XCreateImage", self._call("XDefaultVisual", 0), self.depth, Z_PIXMAP, 0, None, width,
                           height, 32, width * 4)
        # The pointer is the image's fifth field, after four ints. XFree frees the head alone.
        buffer = ctypes.create_string_buffer(pixels, len(pixels))
        ctypes.cast(image + 16, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.addressof(buffer)
        self._call("XPutImage", drawable, gc, ctypes.c_void_p(image), 0, 0, x, y, width, height)
        self.sync()
        self._x.XFree(ctypes.c_void_p(image))

    def copy(self, source, target, gc, x, y, width, height, to_x, to_y):
        self._call("XCopyArea", source, target, gc, x, y, width, height, to_x, to_y)

    def read_back(self, drawable, x, y, width, height):
        """Lets the server read pixels; it does not matter which."""
        image = self._call("XGetImage", drawable, x, y, width, height, ALL_PLANES, Z_PIXMAP)
        data = ctypes.cast(image + 16, ctypes.POINTER(ctypes.c_void_p))[0]
        pixels = ctypes.string_at(data, width * height * 4)
        self._x.XFree(ctypes.c_void_p(data))
        self._x.XFree(ctypes.c_void_p(image))
        return pixels

    def noise(self, width, height, seed):
        return random.Random(seed).randbytes(width * height * 4)

    def scene(self, seed=0):
        """Everything that the core protocol draws, on the window."""
        self.rectangles(seed)
        self.shapes(seed)
        self.patterns(seed)
        self.images(seed)
        self.texts(seed)
        self.sync()

    def rectangles(self, seed):
        rnd = random.Random(seed)
        for function in (GX_COPY, GX_XOR, GX_INVERT, GX_AND):
            gc = self.gc(rnd.randrange(1 << 24), function=function)
            for _ in range(5):
                self.fill(self.window, gc, rnd.randrange(self.width), rnd.randrange(self.height), 60, 40)
        gc = self.gc(0xff8800)
        self._call("XSetPlaneMask", gc, 0x00ff00)
        self.fill(self.window, gc, 20, 20, 80, 80)

    def shapes(self, seed):
        rnd = random.Random(seed + 1)
        for width in (0, 1, 5):
            gc = self.gc(rnd.randrange(1 << 24))
            self._call("XSetLineAttributes", gc, width, LINE_DASH if width == 1 else EVEN, CAP_ROUND, JOIN_ROUND)
            for _ in range(4):
                x, y = rnd.randrange(self.width), rnd.randrange(self.height)
                self._call("XDrawLine", self.window, gc, x, y, rnd.randrange(self.width), rnd.randrange(self.height))
                self._call("XDrawArc", self.window, gc, x, y, 70, 50, 0, 300 * 64)
            self._call("XFillArc", self.window, gc, 200, 60 * (1 + width // 2), 50, 50, 45 * 64, 270 * 64)

    def patterns(self, seed):
        tile = self.pixmap(24, 16)
        self.put_image(tile, self.gc(), 0, 0, 24, 16, self.noise(24, 16, seed + 2))
        stipple = self._call("XCreateBitmapFromData", self.root, bytes(range(1, 33)), 16, 16)
        for number, style in enumerate((FILL_TILED, FILL_STIPPLED, FILL_OPAQUE_STIPPLED)):
            gc = self.gc(0x00ffff, 0x400040)
            self._call("XSetTile", gc, tile)
            self._call("XSetStipple", gc, stipple)
            self._call("XSetFillStyle", gc, style)
            self.fill(self.window, gc, 110 * number, self.height - 70, 100, 60)
        self.free_pixmap(tile)
        self.free_pixmap(stipple)

    def images(self, seed):
        """Put, copied within the window (also onto itself), to a pixmap and back, and read."""
        gc = self.gc()
        self.put_image(self.window, gc, 10, 120, 100, 60, self.noise(100, 60, seed + 3))
        pixmap = self.pixmap(150, 100)
        self.fill(pixmap, self.gc(0x204060), 0, 0, 150, 100)
        self.copy(self.window, pixmap, gc, 10, 120, 100, 60, 20, 20)
        self.copy(pixmap, self.window, gc, 0, 0, 150, 100, 240, 130)
        self.copy(self.window, self.window, gc, 10, 120, 300, 80, 20, 131)
        pixels = self.read_back(self.window, 20, 131, 100, 60)
        self.put_image(self.window, gc, 120, 10, 100, 60, pixels)
        self.free_pixmap(pixmap)

    def texts(self, seed):
        gc = self.gc(0xffffff, 0x000080)
        for number in range(4):
            words = b"scene %d, line %d: the quick brown fox" % (seed, number)
            name = "XDrawString" if number % 2 else "XDrawImageString"
            self._call(name, self.window, gc, 20, 200 + 14 * number, words, len(words))

    def close(self):
        if self._display:
            self._call("XCloseDisplay")
            self._display = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

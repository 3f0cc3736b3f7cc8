# SPDX-License-Identifier: LGPL-2.1-or-later
"""The headless client (gtk-client) as a Python object."""
import base64
import time

from peer import Peer, PeerError, program

DISPLAY = 2
# What the client may complain of with the stock library: that one initialises a cursor channel twice if it was opened
# before the display had its primary surface.
STOCK_COMPLAINT = r"cursor_handle_init: assertion 'c->init_done == FALSE' failed"


class Client(Peer):
    """Connects at once, to port, tls_port (or both) or uri. Sizes are bytes. secure: names of channels, or "all".

    without: main capabilities to drop, e.g. ["SEAMLESS_MIGRATE"].
    """

    def __init__(self, port=None, host="127.0.0.1", password=None, cache_size=None, glz_window_size=None, audio=False,
                 audio_file=None, smartcard_db=None, without=(), uri=None, log=None, env=None, tls_port=None, ca_file=None,
                 cert_subject=None, secure=None, username=None):
        address = ["--uri", uri] if uri else ["--host", host] + (["--port", str(port)] if port else [])
        argv = [program("tests/lib/gtk-client")] + address
        for option, value in (("--tls-port", tls_port), ("--ca-file", ca_file), ("--cert-subject", cert_subject),
                              ("--secure", secure), ("--username", username)):
            if value is not None:
                argv += [option, str(value)]
        if password is not None:
            argv += ["--password", password]
        if cache_size:
            argv += ["--cache-size", str(cache_size)]
        if glz_window_size:
            argv += ["--glz-window-size", str(glz_window_size)]
        if audio:
            argv.append("--audio")
        if audio_file:
            argv += ["--audio-file", audio_file]
        if smartcard_db:
            argv += ["--smartcard-db", smartcard_db]
        caps = {"SPICE_MAIN_CAP_" + name: "0" for name in without}
        super().__init__(argv, log=log, env=dict(caps, **(env or {})))

    def wait_picture(self, display=0, timeout=30):
        """Waits for a primary surface that is marked ready."""
        return self.wait_event("mark", timeout=timeout, id=display, mark=True)

    def sum(self, display=0):
        """SHA-256 of the pixels: bytes R, G, B, top-down."""
        return self.command("sum", display)["sha256"]

    def shown(self, display=0):
        """sum(), or None where the client has no picture, as between two resolutions."""
        try:
            return self.sum(display)
        except PeerError:
            if not self.alive():
                raise
            return None

    def wait_sum(self, wanted, display=0, timeout=30):
        """Waits until the picture has this sum; False after the timeout."""
        deadline = time.monotonic() + timeout
        while self.shown(display) != wanted:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def wait_still(self, quiet=0.5, display=0, timeout=30):
        """Waits until the picture has not changed for `quiet` seconds; returns its sum."""
        deadline = time.monotonic() + timeout
        last, since = None, time.monotonic()
        while time.monotonic() < deadline:
            now = self.sum(display)
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return last
            time.sleep(0.05)
        raise PeerError("the picture does not come to rest")

    def shot(self, path, display=0):
        return self.command("shot", path, display)

    def state(self):
        """{"migration": nick, "channels": {"display:0": "opened", ...}, "mouse-mode": 1 server, 2 client, "agent": bool}"""
        answer = self.command("state")
        pairs = [c.split("=") for c in answer["channels"].split()]
        return dict(answer, channels=dict(pairs))

    def wait_migrated(self, timeout=30):
        """Waits until the session's migration state is back at none; once for each migration."""
        return self.wait_event("migration-state", timeout=timeout, state="none")

    def playback(self):
        """{"bytes": since the last start, "sha256": of these, "total": bytes of all}"""
        return self.command("playback")

    def record(self, path):
        """Begins to send the samples of a file, at the speed of 48 kHz stereo; event record-end when they are sent."""
        return self.command("record", path)

    def card(self, action):
        """insert or remove: the software smartcard."""
        return self.command("card", action)

    def key(self, code):
        return self.command("key", code)

    def motion(self, dx, dy):
        return self.command("motion", dx, dy)

    def port_stream(self, name, on=True, paced=False):
        """Writes a numbered stream to the port and checks what comes as one; or stops to write.

        paced: with rests; without them all buffers on the way fill up.
        """
        return self.command("port-stream", name, ("paced" if paced else "on") if on else "off")

    def port_counts(self, name):
        """{"written": bytes, "read": bytes}, and if it was not right "wrong": position, "bytes": hex"""
        return self.command("port-counts", name)

    def clipboard_stream(self, on=True):
        """The same as port_stream(), through the clipboard and an agent that asks for it."""
        return self.command("clipboard-stream", "on" if on else "off")

    def clipboard_counts(self):
        return self.command("clipboard-counts")

    def position(self, x, y, display=0):
        return self.command("position", x, y, display)

    def button(self, number):
        return self.command("button", number)

    def modifiers(self):
        """The guest's keyboard lights: 1 scroll, 2 num, 4 caps lock."""
        return self.command("modifiers")["modifiers"]

    def wait_mouse_mode(self, mode, timeout=30):
        """1 server, 2 client."""
        deadline = time.monotonic() + timeout
        while self.state()["mouse-mode"] != mode:
            if time.monotonic() > deadline:
                raise PeerError("the mouse mode does not become %d" % mode)
            time.sleep(0.05)

    def monitors(self):
        """{"0:0": "1024x768+0+0", ...}: by display channel and monitor."""
        return dict(m.split("=") for m in self.command("monitors")["monitors"].split())

    def resize(self, monitor, width, height, *position):
        return self.command("resize", monitor, width, height, *position)

    def offer_clipboard(self, text):
        return self.command("clipboard-offer", base64.b64encode(text.encode()).decode())

    def ask_clipboard(self, timeout=30):
        """The text of the guest's clipboard, after an event clipboard-grab."""
        self.command("clipboard-ask")
        return base64.b64decode(self.wait_event("clipboard", timeout=timeout)["text"]).decode()

    def copy_files(self, *paths, timeout=60):
        self.command("copy-files", *paths)
        answer = self.wait_event("files-copied", timeout=timeout)
        if not answer["ok"]:
            raise PeerError("files were not copied: %s" % answer["error"])

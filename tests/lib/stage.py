# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stage: what the tests of video streams share."""
import os
import tempfile
import time

import pictures
from journey import DISPLAY, Journey, check
from scene import Scene

COPY, CREATE, DATA, CLIP, DESTROY, DATA_SIZED, ACTIVATE_REPORT = 304, 122, 123, 124, 125, 316, 319
REPORT = 102
MULTI_MEDIA_TIME = 106  # of the main channel
BOX = (100, 100, 160, 120)
BEGIN = 24  # frames: enough for a stream to begin
MORE = 60


class Stage(Journey):
    """A journey whose recording is a scene that was written for it: `write(scene)` gives what the test wants to know."""

    def __init__(self, write, **options):
        self.scene_file = tempfile.NamedTemporaryFile(suffix=".rec")
        with Scene(self.scene_file.name) as scene:
            self.places = write(scene)
        super().__init__(recording=self.scene_file.name, **dict({"streaming": "filter", "pace": 1}, **options))

    def connect(self, host, **options):
        if host.position < 1:
            host.play_to(1)  # there is a primary surface
        return super().connect(host, **options)

    def count(self, number, name=None, channel=DISPLAY):
        """Messages of that type, in all phases or one."""
        names = [name] if name else [p["name"] for p in self.tap.stats()["phases"]]
        return sum(self.message_count(n, number, channel) for n in names)

    def report_count(self):
        return sum(c["from_client"]["types"].get(str(REPORT), {}).get("messages", 0)
                   for p in self.tap.stats()["phases"] for c in p["channels"] if c["type"] == DISPLAY)

    def picture(self, who, client=None):
        path = os.path.join(self.directory, "shot")
        (client or who).shot(path)
        return pictures.read(path)

    def wait_count(self, number, n, timeout=20):
        deadline = time.monotonic() + timeout
        while self.count(number) < n:
            check(time.monotonic() < deadline, f"messages of type {number}: {self.count(number)} instead of {n}")
            time.sleep(0.02)

    def wait_ended(self):
        """Until all streams that began have ended at the client."""
        self.wait_count(DESTROY, self.count(CREATE))

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reading proxy (wiretap) as a Python object."""
from peer import Peer, program

DISPLAY = 2


class Wiretap(Peer):
    """routes: (host, port) of servers. `ports` are where clients connect, in the same order."""

    def __init__(self, routes=(), log=None, env=None):
        super().__init__([program("tests/lib/wiretap")], log=log, env=env)
        self.ports = []
        for host, port in routes:
            self.add_route(host, port)

    def add_route(self, host, port, listen=0):
        port = self.command("route", listen, host, port)["port"]
        self.ports.append(port)
        return port

    def mark(self, name):
        """A new phase begins: stats() counts it apart."""
        self.command("mark", name)

    def stats(self):
        return self.command("stats")

    def phase(self, name, stats=None):
        """The counters of the last phase of that name: {"total": {...}, "channels": [...]}"""
        return [p for p in (stats or self.stats())["phases"] if p["name"] == name][-1]

    def cache_ids(self, session=-1):
        return [int(i, 16) for i in self.command("cache-ids")["sessions"][session]["ids"]]

    def made(self, phase, **fields):
        """Images that servers made of what a surface shows, since that mark (until the next): dictionaries with surface,
        type, box (left, top, right, bottom), route and id of the channel; those with these values."""
        return [m for m in self.command("made")["images"]
                if m["phase"] == phase and all(m[k] == v for k, v in fields.items())]

    def violations(self, ignore=()):
        """Broken rules, without the kinds to ignore. (The stock server always breaks "sub-size".)"""
        return [v for v in self.stats()["violations"] if v["kind"] not in ignore]

    def save_migrate_data(self, directory):
        return self.command("save-migrate-data", directory)["files"]

    def tamper(self, channel_type, channel_id, what, argument=None):
        """what: truncate N, append HEX, replace FILE, drop; of the client's next MIGRATE_DATA on that channel."""
        self.command("tamper", channel_type, channel_id, what, *([] if argument is None else [argument]))

    def hold(self, channel_type, channel_id, ms):
        """The client's next MIGRATE_DATA on that channel, and what follows it, goes on so much later."""
        self.command("hold", channel_type, channel_id, ms)

    def replace_held(self, channel_type, channel_id, path):
        """The message that hold() holds back gets this body. PeerError as long as it is not there."""
        self.command("replace-held", channel_type, channel_id, path)

    def release(self, channel_type, channel_id):
        self.command("release", channel_type, channel_id)

    def cut(self, route, channel_type=None, channel_id=None):
        words = [] if channel_type is None else [channel_type, channel_id]
        return self.command("cut", route, *words)["closed"]

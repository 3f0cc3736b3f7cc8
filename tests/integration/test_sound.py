#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Playback and record with the real client: what the guest plays is what the client gets, and the other way round; a
seamless migration in the middle of a tone.

HOST_LIB=stock runs the tests with the distribution's library. HOST_PROGRAM names another program file.
"""
import array
import cmath
import math
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import cases  # noqa: E402
from client import Client  # noqa: E402
from host import Host, migrate  # noqa: E402

ASAN = os.path.join(TOP, "build", "asan")
LIB = os.environ.get("HOST_LIB", os.path.join(ASAN, "lib"))
PROGRAM = os.environ.get("HOST_PROGRAM", os.path.join(ASAN, "bin", "caravan-host"))
RECORDING = os.path.join(TOP, "tests", "data", "replay-synthetic.rec")
PLAYBACK, RECORD = 5, 6
TONE_HZ = 440


def make_host(**options):
    return Host(lib=LIB, program=PROGRAM, recording=RECORDING, audio=True, **options)


def wait_sound(client):
    client.wait_event("channel", type=PLAYBACK, what="opened")
    client.wait_event("channel", type=RECORD, what="opened")


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def wait_total(client, size, timeout=10):
    """Until the client has heard that many bytes."""
    deadline = time.monotonic() + timeout
    while client.playback()["total"] < size and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.playback()["total"] == size, (client.playback(), size)


def tone(data, rate, channel):
    """Amplitude of the tone in one channel, and its part of the power."""
    samples = array.array("h", data)[channel::2]
    turn = -2j * math.pi * TONE_HZ / rate
    amplitude = 2 * abs(sum(v * cmath.exp(turn * i) for i, v in enumerate(samples))) / len(samples)
    power = sum(v * v for v in samples) / len(samples)
    return amplitude, amplitude * amplitude / 2 / power


def assert_tone(data, rate):
    for channel, wanted in (0, 12000), (1, 6000):
        amplitude, part = tone(data, rate, channel)
        assert abs(amplitude - wanted) < wanted / 10 and part > 0.95, (channel, amplitude, part)


def play(host, client, ms, path):
    """Plays a tone to its end; all of it was taken."""
    before = client.playback()["total"]
    host.command(f"tone {ms} {path}")
    end = host.wait_event("tone-end")
    assert end["missed"] == 0, end
    data = read(path)
    assert len(data) == 4 * end["pairs"]
    wait_total(client, before + len(data))
    start, stop = client.wait_event("playback-start"), client.wait_event("playback-stop")
    assert start["channels"] == 2
    assert stop["bytes"] == len(data), stop
    return data, start["rate"]


def recorded(host, client, source, path):
    """Lets the client record a file, and gives what the host read of it."""
    host.command("record-start")
    rate = client.wait_event("record-start")["rate"]
    client.record(source)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        host.command(f"record-read {path}")
        if any(e["event"] == "record-end" for e in client.poll()):
            break
        time.sleep(0.02)
    client.wait_event("record-end", timeout=1)
    time.sleep(0.2)
    host.command(f"record-read {path}")
    host.command("record-stop")
    client.wait_event("record-stop")
    return read(path), rate


def test_raw(path):
    """A rate that Opus does not know: bit exact both ways."""
    heard = path("heard")
    with make_host(audio_rate=44100) as host, Client(host.port, audio=True, audio_file=heard) as client:
        wait_sound(client)
        played, rate = play(host, client, 700, path("played"))
        assert rate == 44100
        assert read(heard) == played
        again, _ = play(host, client, 200, path("again"))
        assert read(heard) == played + again
        got, rate = recorded(host, client, path("played"), path("recorded"))
        assert rate == 44100
        assert got == played, (len(got), len(played))


def test_opus(path):
    """All frames arrive, and sound like the tone."""
    heard = path("heard")
    with make_host() as host, Client(host.port, audio=True, audio_file=heard) as client:
        wait_sound(client)
        played, rate = play(host, client, 700, path("played"))
        assert rate == 48000
        data = read(heard)
        assert len(data) == len(played) and data != played
        assert_tone(data[len(data) // 4 // 2 * 4:], rate)
        got, rate = recorded(host, client, path("played"), path("recorded"))
        assert rate == 48000
        assert len(got) == len(played) and got != played
        assert_tone(got[len(got) // 4 // 2 * 4:], rate)


def test_compression_switch(path):
    """The setting changes in the middle of a tone."""
    with make_host() as host, Client(host.port, audio=True, audio_file=path("heard")) as client:
        wait_sound(client)
        host.command(f"tone 1200 {path('played')}")
        client.wait_event("playback-start")
        time.sleep(0.4)
        host.command("playback-compression 0")
        client.wait_event("playback-stop")
        client.wait_event("playback-start")
        host.wait_event("tone-end")
        played = read(path("played"))
        wait_total(client, len(played))
        heard = read(path("heard"))
        raw = client.wait_event("playback-stop")["bytes"]
        assert 0 < raw < len(played)
        assert heard[-raw:] == played[-raw:] and heard[:-raw] != played[:-raw]


def test_volume(path):
    with make_host() as host:
        with Client(host.port, audio=True) as client:
            wait_sound(client)
            host.command("volume 30000 40000")
            host.command("mute 1")
            for channel in "playback", "record":
                client.wait_event(channel + "-volume", volume="30000 40000")
                client.wait_event(channel + "-mute", mute=True)
        host.wait_clients(0)
        with Client(host.port, audio=True) as client:  # a later client is told
            for channel in "playback", "record":
                client.wait_event(channel + "-volume", volume="30000 40000")
                client.wait_event(channel + "-mute", mute=True)


def test_two_clients(path):
    """The newer client takes the sound over, and the older one goes on without."""
    env = {"SPICE_DEBUG_ALLOW_MC": "1"}
    with make_host(audio_rate=44100, env=env) as host, Client(host.port, audio=True) as first:
        wait_sound(first)
        host.command("tone 60000")
        first.wait_event("playback-start")
        with Client(host.port, audio=True) as second:
            second.wait_event("channel", type=1, what="opened")
            time.sleep(0.5)
            assert first.alive()
        # With several clients the sound channels are not offered: the first one keeps them.
        before = first.playback()["total"]
        time.sleep(0.3)
        assert first.playback()["total"] > before


def test_migration(path):
    """The tone goes on at the other host; not one frame of either part is lost."""
    heard = path("heard")
    with make_host(audio_rate=44100) as source, make_host(audio_rate=44100, incoming=True, start=0) as destination:
        with Client(source.port, audio=True, audio_file=heard) as client:
            wait_sound(client)
            source.command("volume 30000 40000")
            client.wait_event("playback-volume")
            source.command("record-start")
            client.wait_event("record-start")
            source.command(f"tone 20000 {path('first')}")
            client.wait_event("playback-start")
            destination.command(f"tone 1000 {path('second')}")
            destination.command("record-start")
            time.sleep(0.5)
            migrate(source, destination)
            client.wait_migrated()
            end = destination.wait_event("tone-end")
            assert end["missed"] == 0, end
            first, second = read(path("first")), read(path("second"))
            assert first and second
            wait_total(client, len(first) + len(second))
            assert read(heard) == first + second
            client.wait_event("playback-stop")
            client.wait_event("record-stop")
            client.wait_event("record-start")
            assert client.wait_event("playback-stop")["bytes"] == len(second)
            assert not [e for e in client.poll() if e["event"].endswith("-volume")
                        and e["volume"] != "30000 40000"]
            # And the microphone: whole frames; only the newest fit into the ring.
            with open(path("voice"), "wb") as stream:
                stream.write(first[:38400])
            client.record(path("voice"))
            client.wait_event("record-end")
            time.sleep(0.2)
            pairs = destination.command(f"record-read {path('got')}")["pairs"]
            assert pairs == 8192, pairs
            assert read(path("got")) == first[38400 - 4 * pairs:38400]
        assert "WARNING" not in source.log_text() + destination.log_text(), source.log_text() + destination.log_text()


def main():
    tests = [test_raw, test_opus, test_compression_switch, test_volume, test_two_clients, test_migration]
    if not os.access(PROGRAM, os.X_OK):
        print("1..0 # SKIP no program", PROGRAM)
        return 0
    return cases.run([(test.__name__, cases.in_directory(test)) for test in tests])


if __name__ == "__main__":
    sys.exit(main())

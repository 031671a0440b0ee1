"""Boards over a serial line: the firmware's own C behind a pseudo-terminal that adds, loses and flips."""

from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge_graphs import Builder
from serial_board import Damage, Line, board, build_board, flipping, inserting, losing

from edgekit.bench.host import SANITIZE, host_model
from edgekit.bench.serial_frame import DATA, FLUSH, Decoder, Frame, crc16, encode
from edgekit.bench.serial_link import TRIES, SerialLink, open_port
from edgekit.core.errors import TargetError
from edgekit.deploy.generate import Sources, generate
from edgekit.deploy.target import find_target
from edgekit.features.presets import PRESETS
from edgekit.graph.graph import Graph
from edgekit.graph.integer.interpreter import run_integer

serial = pytest.importorskip("serial")
SPEC = PRESETS["kws-mfcc-49x10"]
CLIPS = np.random.default_rng(0).integers(-128, 128, (3, 49, 10, 1), dtype=np.int8)


def _graph() -> Graph:
    builder = Builder(np.random.default_rng(0), (1, 49, 10, 1))
    builder.conv2d(4, (3, 3), stride=(4, 4), activation="relu")
    pooled = builder.activation("pooled", (1, 4))
    builder.append("mean", (builder.x.name,), pooled, {"axes": (1, 2), "keep_dims": False})
    return builder.graph()


EXPECTED = run_integer(_graph(), CLIPS).reshape(3, -1)


@pytest.fixture(scope="module")
def sources() -> Sources:
    return generate(_graph(), SPEC, find_target("cpu"), "tiny")


@pytest.fixture(scope="module")
def program(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_board(sources, tmp_path_factory.mktemp("board"), *SANITIZE)


@pytest.fixture
def line(program: Path) -> Iterator[Line]:
    with board(program) as running:
        yield running


def _link(port: Any, seconds: float = 0.5) -> SerialLink:
    return SerialLink(port, "board", answer_s=seconds, run_s=max(seconds, 0.5))


def test_a_board_says_what_it_is_and_gives_the_interpreters_bytes(line: Line) -> None:
    with open_port(line.path, 115200) as port:
        link = _link(port)
        told = link.hello()
        assert (told.input_size, told.output_size, told.clip_samples, told.hertz) == (490, 4, 16000, 1_000_000)
        for clip, expected in zip(CLIPS, EXPECTED, strict=True):
            run = link.run(clip, 4)
            np.testing.assert_array_equal(run.scores, expected)
            assert run.label == expected.argmax() and run.ticks < 1_000_000
        assert link.stack() == 4711


def test_pcm_gives_the_bytes_of_the_same_c_on_this_machine(line: Line, sources: Sources) -> None:
    pcm = np.random.default_rng(1).normal(0, 3000, (1, 16000)).astype(np.int16)
    with host_model(sources) as model:
        scores, labels = model.push(pcm)
    with open_port(line.path, 115200) as port:
        run = _link(port).push(pcm[0], 4)
    np.testing.assert_array_equal(run.scores, scores[0])
    assert run.label == labels[0]


@pytest.mark.parametrize(
    "damage", [losing(1, 0.0007), flipping(2, 0.0007), inserting(3, 0.0007)], ids=["lost", "flipped", "added"]
)
def test_a_bad_line_costs_time_and_no_wrong_byte(line: Line, damage: Damage) -> None:
    line.to_board = line.to_host = damage
    with open_port(line.path, 115200) as port:
        link = _link(port, 0.3)
        for _ in range(3):
            for clip, expected in zip(CLIPS, EXPECTED, strict=True):
                np.testing.assert_array_equal(link.run(clip, 4).scores, expected)


def test_a_lost_reply_runs_nothing_twice(line: Line, sources: Sources) -> None:
    """Samples that were pushed twice would give another clip."""
    pcm = np.random.default_rng(1).normal(0, 3000, (1, 16000)).astype(np.int16)
    with host_model(sources) as model:
        scores, _ = model.push(pcm)
    pieces = random.Random(5)
    line.to_host = lambda data: b"" if pieces.random() < 0.004 else data
    with open_port(line.path, 115200) as port:
        np.testing.assert_array_equal(_link(port, 0.3).push(pcm[0], 4).scores, scores[0])


def test_a_stuck_board_is_an_error_in_bounded_time_and_the_next_request_is_understood(line: Line) -> None:
    with open_port(line.path, 115200) as port:
        link = _link(port, 0.2)
        link.hello()
        line.silent = True
        begin = time.monotonic()
        with pytest.raises(TargetError, match=r"no answer in 8 times 0\.2 s"):
            link.hello()
        assert time.monotonic() - begin < TRIES * 0.2 + 2
        line.silent = False
        np.testing.assert_array_equal(link.run(CLIPS[0], 4).scores, EXPECTED[0])


def test_a_frame_that_lost_its_end_does_not_swallow_the_next_request(line: Line) -> None:
    with open_port(line.path, 115200) as port:
        port.write(encode(Frame(2, 9, bytes(200)))[:50])
        np.testing.assert_array_equal(_link(port).run(CLIPS[1], 4).scores, EXPECTED[1])


def test_a_board_that_babbles_for_ever_is_left_in_time(line: Line) -> None:
    line.to_host = lambda data: os.urandom(len(data) * 4)
    with open_port(line.path, 115200) as port:
        begin = time.monotonic()
        with pytest.raises(TargetError, match="no answer"):
            _link(port, 0.2).hello()
        assert time.monotonic() - begin < TRIES * 0.2 + 2


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (2, b""),
        (2, struct.pack("<I", 490) + b"x"),
        (2, struct.pack("<I", 0xFFFFFFFF) + b"xy"),
        (4, b"\x01\x00"),
        (99, b""),
    ],
)
def test_impossible_requests_are_refused_and_touch_no_memory(line: Line, kind: int, data: bytes) -> None:
    """The board runs under sanitizers: a byte outside its buffers would end it."""
    with open_port(line.path, 115200) as port:
        port.write(encode(Frame(kind, 77, data)))
        decoder, replies, end = Decoder(), [], time.monotonic() + 3
        while not replies and time.monotonic() < end:
            replies = decoder.feed(port.read(64))
        assert replies[0].type == kind | 0x80 and struct.unpack_from("<i", replies[0].data)[0] == -100
        np.testing.assert_array_equal(_link(port).run(CLIPS[2], 4).scores, EXPECTED[2])


def test_random_bytes_never_end_the_board(line: Line) -> None:
    with open_port(line.path, 115200) as port:
        rng = random.Random(11)
        for _ in range(40):
            port.write(bytes(rng.choice((0xA5, 0x5A, 0x25, rng.randrange(256))) for _ in range(200)))
            port.read(4096)
        port.write(FLUSH)
        np.testing.assert_array_equal(_link(port).run(CLIPS[0], 4).scores, EXPECTED[0])


def test_a_missing_line_is_named() -> None:
    with pytest.raises(TargetError, match="cannot be opened") as caught:
        open_port("/dev/no-such-line", 115200)
    assert caught.value.where == "/dev/no-such-line"


def test_the_crc_is_that_of_the_catalogue() -> None:
    """Check value of CRC-16/IBM-3740 in the catalogue of parametrised CRC algorithms."""
    assert crc16(b"123456789") == 0x29B1


def test_frames_are_found_among_anything_else() -> None:
    rng = random.Random(0)
    frames = [Frame(rng.randrange(256), i, rng.randbytes(rng.randrange(DATA + 1))) for i in range(60)]
    stream = b"".join(rng.choice((b"", b"\xa5", b"\xa5\x5a", b"m-ready\r\n")) + encode(frame) for frame in frames)
    decoder, found = Decoder(), []
    for begin in range(0, len(stream), 7):
        found += decoder.feed(stream[begin : begin + 7])
    found += decoder.feed(FLUSH)  # what a false start still waits for
    assert found == frames


def test_a_damaged_frame_does_not_hide_the_one_behind_it() -> None:
    first, second = encode(Frame(1, 1, b"abc")), encode(Frame(2, 2, b"defg"))
    assert Decoder().feed(first[:6] + b"X" + first[7:] + second) == [Frame(2, 2, b"defg")]
    assert Decoder().feed(first[:-4] + second + FLUSH) == [Frame(2, 2, b"defg")]

from __future__ import annotations

import os
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.net.deflate import STEP, Deflate, deflated


def inflated(layer: Deflate) -> bytes:
    found = b""
    while layer.waiting:
        piece = layer.inflate()
        assert len(piece) <= STEP
        found += piece
    return found


@given(st.lists(st.binary(max_size=20_000) | st.binary(max_size=50).map(lambda x: x * 3000)))
def test_bursts_are_one_stream_to_any_inflater(bursts: list[bytes]) -> None:
    layer = Deflate()
    other = zlib.decompressobj(-15)
    for burst in bursts:
        packed = deflated(burst)
        assert other.decompress(packed) == burst
        layer.feed(packed)
        assert inflated(layer) == burst


@given(st.binary(max_size=3000), st.integers(1, 50))
def test_it_does_not_matter_in_which_pieces_it_comes(data: bytes, size: int) -> None:
    packed = deflated(data)
    layer = Deflate()
    found = b""
    for start in range(0, len(packed), size):
        layer.feed(packed[start : start + size])
        found += inflated(layer)
    assert found == data


def test_a_bomb_is_inflated_no_further_than_asked() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)
    layer = Deflate()
    tracemalloc.start()
    layer.feed(bomb)
    assert len(layer.inflate()) == STEP
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert layer.waiting


def test_what_is_no_deflate_is_refused() -> None:
    layer = Deflate()
    layer.feed(b"\xff" * 100)
    with pytest.raises(ValueError, match="compressed data"):
        inflated(layer)


def test_what_comes_after_the_end_is_not_compressed() -> None:
    layer = Deflate()
    layer.feed(zlib.compress(b"whole")[2:-4] + b"in the ")
    assert inflated(layer) == b"whole"
    layer.feed(b"clear")
    assert layer.ended
    assert not layer.waiting
    assert layer.rest() == b"in the clear"


def test_a_secret_in_one_burst_does_not_shorten_the_next() -> None:
    secret = os.urandom(200)
    deflated(secret)
    assert len(deflated(secret)) >= len(secret)

"""RTF: its text, and any bytes, in linear time."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.text import rtf


def test_rtf_is_read_without_its_tables() -> None:
    document = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator Writer;}"
        rb"Hello \b bold\b0\par caf\'e9 \u26085?\u26412? \{x\}}"
    )
    assert rtf.text(document, 1000) == ("Hello bold\ncafé 日本 {x}", False)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_rtf(noise: bytes) -> None:
    text, _ = rtf.text(rb"{\rtf1 " + noise, 50)
    assert len(text) <= 50


def test_hostile_rtf_takes_linear_time() -> None:
    for unit in (b"{", rb"\u1 ", rb"\'e9", b"{\\*", b"\\a"):
        began = time.process_time()
        rtf.text(rb"{\rtf1 " + unit * (1_000_000 // len(unit)), 1 << 20)
        assert time.process_time() - began < 5

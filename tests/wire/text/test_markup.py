"""The words of HTML: what a browser shows, in time that grows with its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.text.markup import visible, visible_pieces


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>he<b>llo</b> <SPAN style='x'>wor</SPAN>ld<br>next", "hello world next"),
        ("a<td>b</td>c<article>d", "a b c d"),
        ("<style>p { x }</style>a<script>if (1 < 2) x()</SCRIPT >b<!-- c --> d", "a b d"),
        ("caf&eacute;&nbsp;&#8364;&#x41;", "café €A"),
        ("2 < 3 and 4 > 3", "2 < 3 and 4 > 3"),
        ("a<!-- never closed", "a"),
        ("a<script>never closed", "a"),
        ("a<p class=", "a"),
        ("a&#" + "9" * 100_000 + ";b", "a\ufffdb"),
    ],
)
def test_only_what_is_shown_counts(markup: str, words: str) -> None:
    assert " ".join(visible(markup).split()) == words


@given(st.lists(st.sampled_from(["<p>", "<b>", "x", "&amp;", "<!--", "-->", "<a href='", "'>"])))
def test_markup_in_pieces_never_fails(parts: list[str]) -> None:
    assert "".join(visible_pieces(parts)) is not None


@pytest.mark.parametrize("unit", ["<", "<!--", "<b", "<script>", "&#1;", "</", "<a x='"])
def test_time_grows_with_length_only(unit: str) -> None:
    began = time.process_time()
    visible(unit * (500_000 // len(unit)))
    assert time.process_time() - began < 2

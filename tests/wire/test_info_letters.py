from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import info_letters
from merpati.wire.info_letters import NAME, InfoRequest


@pytest.mark.parametrize(
    ("subject", "text", "request_"),
    [
        ("get prices.txt", "", InfoRequest("get", ("prices.txt",))),
        ("Re: GET a, b a", "", InfoRequest("get", ("a", "b"))),
        ("ambil harga.pdf", "", InfoRequest("get", ("harga.pdf",))),
        ("index", "", InfoRequest("index")),
        ("Bantuan!", "", InfoRequest("help")),
        ("hello", "index please", InfoRequest("index")),
        ("hello", "get a.txt thank you", InfoRequest("get", ("a.txt", "thank", "you"))),
        ("hello", "send me the prices", None),
        ("help wanted", "", None),
        ("index of all things", "", None),
        ("get ../etc/passwd", "", None),
        ("get .hidden", "", None),
        ("", "", None),
    ],
)
def test_requests(subject: str, text: str, request_: InfoRequest | None) -> None:
    assert info_letters.parse(subject, text) == request_


@given(st.text(max_size=600), st.text(max_size=600))
def test_whatever_is_asked_names_only_files(subject: str, text: str) -> None:
    found = info_letters.parse(subject, text)
    if found is not None:
        assert all(NAME.fullmatch(name) and "/" not in name for name in found.names)
        assert len(found.names) <= info_letters.NAMES_MAX


@pytest.mark.parametrize("language", ["en", "id", "xx"])
@pytest.mark.parametrize("letter", ["help", "index", "get", "none"])
def test_answers_are_written_in_both_languages(letter: str, language: str) -> None:
    subject, text = info_letters.write(letter, language, "info@a.id", ["a{b}"], ["c"])
    assert subject
    assert "{address}" not in text
    if letter in {"get", "none"}:
        assert "  c" in text

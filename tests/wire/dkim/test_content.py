from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from merpati.wire.dkim import Content, DkimVerdict, canonical, sign, verify
from tests.support import signing
from tests.support.signing import LETTER, NOW


def test_a_name_stands_for_the_lowest_field_and_the_next_time_for_the_one_above() -> None:
    content = Content(b"A: 1\r\nB: x\r\na: 2\r\n\r\n")
    names = [b"a", b"c", b"a", b"b", b"a"]
    assert [field.value for field in content.select(names)] == [b"2", b"1", b"x"]


def test_the_simple_form_is_the_field_as_it_stands() -> None:
    content = Content(b"A :\t1\r\n  2 \r\nb: x")
    first, last = content.named(b"a")[0], content.named(b"b")[0]
    assert content.canonical(first, "simple") == b"A :\t1\r\n  2 \r\n"
    assert content.canonical(first, "relaxed") == b"a:1 2\r\n"
    assert content.canonical(last, "simple") == b"b: x\r\n"


def test_what_is_hashed_ahead_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    content = Content(signing.sign())
    content.hash_ahead()
    monkeypatch.delattr(canonical, "hash_body")
    (result,) = signing.zone().answer(verify(content, NOW))
    assert result.verdict is DkimVerdict.PASS


def test_two_signatures_cost_one_hash_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[canonical.Form] = []
    hash_body = canonical.hash_body

    def counting(data: bytes, start: int, form: canonical.Form) -> bytes:
        calls.append(form)
        return hash_body(data, start, form)

    monkeypatch.setattr(canonical, "hash_body", counting)
    content = Content(LETTER)
    sign(content, signing.key("rsa"), NOW)
    sign(content, signing.key("ed25519"), NOW)
    assert calls == ["relaxed"]


def test_a_message_in_a_file_is_read_where_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(signing.sign(LETTER * 3))
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        (result,) = signing.zone().answer(verify(mapped, NOW))
        assert result.verdict is DkimVerdict.PASS
        assert sign(mapped, signing.key("ed25519"), NOW)

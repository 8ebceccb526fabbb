from __future__ import annotations

import pathlib
import re
import tomllib
from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses, parseaddr
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.wire.mime.addresses import Mailbox, parse_list
from merpati.wire.mime.author import MAX_FROM, Author, Doubt, author
from merpati.wire.mime.headers import MAX_BYTES
from merpati.wire.smtp.paths import Path, parse_domain
from tests.support.growth import LINEAR, growth

CORPUS = pathlib.Path(__file__).parents[2] / "corpora" / "author"
ABOVE = b"Received: from a by b;\r\n\tFri, 15 Jan 2027 08:00:00 +0000\r\nTo: x@y.example\r\n"
BELOW = b"\r\nSubject: from: all of us\r\n from: here\r\n\r\nFrom: body@evil.example\r\n"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((CORPUS / name).read_text("utf-8"))["case"]
    return found


def header(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["header"].encode()


@pytest.mark.parametrize("case", cases("one.toml"), ids=lambda case: case["from"])
def test_one_author(case: dict[str, Any]) -> None:
    found = author(ABOVE + case["from"].encode() + BELOW)
    assert (found.domain, found.doubt) == (case["domain"], None), found.reason
    assert found.address


@pytest.mark.parametrize("case", cases("doubt.toml"), ids=lambda case: case["why"])
def test_no_author(case: dict[str, Any]) -> None:
    text = header(case)
    found = author(text + BELOW)
    assert (found.domain, found.doubt) == ("", Doubt(case["doubt"]))
    assert found.reason
    if case["why"] != "a header that begins with a continuation: of what?":  # then it is folded in
        assert author(ABOVE + text + BELOW).doubt is Doubt(case["doubt"])


def test_no_case_of_doubt_passes_as_the_victim() -> None:
    assert len(cases("doubt.toml")) >= 60
    for case in cases("doubt.toml"):
        assert not author(header(case) + b"\r\n\r\n").domain


def test_what_stands_below_from_does_no_harm() -> None:
    found = author(b"From: a@example.org\r\nno field\r\n \r\nX: y\r\n\r\nbody")
    assert found == Author("example.org", "a@example.org")


def test_a_message_without_a_body_has_an_author() -> None:
    assert author(b"From: a@example.org\r\n").domain == "example.org"
    assert author(b"From: a@example.org").domain == "example.org"
    assert author(b"From: a@example.org\r\n\r\n").domain == "example.org"


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\nFrom: a@example.org\r\n", b"Body"])
def test_a_message_without_a_header_has_none(content: bytes) -> None:
    assert author(content).doubt is Doubt.MISSING


def test_a_header_beyond_the_limit_has_none() -> None:
    padding = b"X: y\r\n" * (MAX_BYTES // 6 + 1)
    assert author(b"From: a@example.org\r\n" + padding + b"\r\n").doubt is Doubt.HEADER


def test_a_from_beyond_the_limit_has_none() -> None:
    names = b", ".join([b"a@example.org"] * (MAX_FROM // 10))
    assert author(b"From: " + names + b"\r\n\r\n").doubt is Doubt.SYNTAX


PIECES = st.sampled_from([
    b"ceo@victim.example", b"<a@evil.example>", b"<", b">", b'"', b"(", b")", b",", b";", b":",
    b"\\", b" ", b"@", b"=?utf-8?q?=3Cx=40victim.example=3E?=", b"Ceo", b"\r\n ", b"\r\n", b".",
    b"From:", b"\0", b"[192.0.2.1]", "ü".encode(), b"a@evil.example",
])  # fmt: skip


def plain(domain: str) -> str:
    return Path("", parse_domain(domain)).ascii_domain()


def unfolded(value: bytes) -> bytes:
    """What of it belongs to the From field."""
    return re.split(rb"\r\n(?! )", value)[0].replace(b"\r\n", b"")


@given(st.lists(PIECES, max_size=9).map(b"".join))
def test_whoever_gets_an_author_is_shown_as_that_author(value: bytes) -> None:
    found = author(b"From: " + value + b"\r\n\r\n")
    if found.doubt is not None:
        assert found.domain == found.address == ""
        return
    text = unfolded(value)
    shown = [one for one in parse_list(text) if isinstance(one, Mailbox) and one.domain]
    assert {plain(one.domain) for one in shown} == {found.domain}
    victim, evil = b"victim.example" in text, b"evil.example" in text
    assert not (victim and evil) or b'"' in text


@given(st.binary(max_size=300))
def test_any_bytes_have_an_author_or_a_doubt(content: bytes) -> None:
    for found in (author(content), author(b"From: " + content)):
        assert bool(found.domain) is (found.doubt is None)


# Other programs' readings


def _tolerant(value: str) -> list[str]:
    return [address for _, address in getaddresses([value])]


def _old(value: str) -> list[str]:
    return [parseaddr(value)[1]]


def _modern(value: str) -> list[str]:
    if not value.isascii():
        return []
    try:
        message = message_from_bytes(b"From: " + value.encode() + b"\r\n\r\n", policy=default)
        return [one.addr_spec for one in message["From"].addresses]
    except Exception:  # noqa: BLE001 -- it gives up on many a broken header
        return []


def _brackets(value: str) -> list[str]:
    return re.findall(r"<([^<>]*@[^<>]*)>", value)


READERS = [_tolerant, _old, _modern, _brackets]


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=7).map(b"".join))
@example(b"<ceo@victim.example,>")
def test_no_other_reader_sees_another_domain(value: bytes) -> None:
    found = author(b"From: " + value + b"\r\n\r\n")
    if found.doubt is not None:
        return
    text = unfolded(value).decode()
    for reader in READERS:
        for address in reader(text):
            _, at, domain = address.rpartition("@")
            # A comma or semicolon left at its end makes no other domain of it.
            assert not at or plain(domain.strip('<>",;')) == found.domain, (
                reader.__name__,
                address,
            )


@pytest.mark.parametrize(
    "unit",
    [b'"\\', b'"', b"(", b"\\", b"<", b"a@", b"a@b.c,", b"=?a?q?", b"=?a?q?=40?= ", b" ", b"\r\n "],
)
def test_time_grows_with_the_length_of_from(unit: bytes) -> None:
    assert growth(author, unit, MAX_FROM // 2 - 10, b"From: ") <= LINEAR


@pytest.mark.parametrize(
    "unit", [b"from\r\n", b"from", b"\x80", b"from\x80\r\n", b"a:\r\n", b" \r\n"]
)
def test_time_grows_with_the_length_of_the_header(unit: bytes) -> None:
    assert growth(author, unit, MAX_BYTES // 4) <= LINEAR

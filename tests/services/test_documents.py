"""Hostile documents cost their own text and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from merpati.net import caged
from merpati.net.caged import Caged
from merpati.services.documents import DOCUMENTS_MAX, Reader
from merpati.services.extract import documents
from merpati.wire.mime import tree
from tests.support import documents as made

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHILD = Path(__file__).parents[1] / "support" / "caged_child.py"
PDF = made.pdf("unharmed")


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    one = Reader()
    yield one
    await one.close()


async def read(reader: Reader, document: bytes) -> tuple[str, dict[str, int]]:
    content = made.message(document, "file.pdf", "application/pdf")
    found = await reader.texts(content, tree.parse(content))
    return found.text.strip(), found.results


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (made.pdf("a page"), "a page"),
        (made.docx("a letter"), "a letter"),
        (rb"{\rtf1 rich \b text}", "rich text"),
        ("caf\u00e9;1;2".encode(), "caf\u00e9;1;2"),
        ("caf\u00e9".encode("cp1252"), "caf\u00e9"),
    ],
    ids=["pdf", "docx", "rtf", "csv", "old"],
)
async def test_documents_are_read_by_what_they_are(
    reader: Reader, document: bytes, text: str
) -> None:
    assert await read(reader, document) == (text, {"read": 1})


@pytest.mark.parametrize(
    ("document", "result"),
    [
        (b"%PDF-1.7 " + b"<< " * 100_000, "broken"),
        (PDF[:300], "broken"),
        (b"PK\x03\x04" + bytes(100), "broken"),
        (made.archive(word__document_xml='<!DOCTYPE x [<!ENTITY a "aaa">]><t>&a;</t>'), "broken"),
        (made.archive(word__document_xml=b"<x><t>" + b"a" * 90_000_000 + b"</t></x>"), "cut"),
        (b"log line\n" * 1_000_000, "cut"),
        (bytes(1000), "unknown"),
    ],
    ids=["deep pdf", "torn pdf", "torn zip", "entities", "zip bomb", "long text", "data"],
)
async def test_hostile_documents_are_refused_in_little_time(
    reader: Reader, document: bytes, result: str
) -> None:
    _, results = await read(reader, document)
    assert results == {result: 1}  # `cut` and `broken` are said by who did not run out of time
    assert await read(reader, PDF) == ("unharmed", {"read": 1})


async def test_mutated_documents_never_stop_the_next(reader: Reader) -> None:
    for at in range(0, len(PDF), 40):
        await read(reader, PDF[:at] + b"\xff<<9999999999 0 R" + PDF[at + 7 :])
    assert await read(reader, PDF) == ("unharmed", {"read": 1})


async def test_a_message_of_many_documents_is_read_in_part(reader: Reader) -> None:
    part = b"--b\r\nContent-Type: application/rtf\r\n\r\n{\\rtf1 x}\r\n"
    content = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        + part * (DOCUMENTS_MAX + 1)
        + b"--b--"
    )
    found = await reader.texts(content, tree.parse(content))
    assert found.cut
    assert found.results == {"read": DOCUMENTS_MAX}


def test_only_documents_are_taken_for_documents() -> None:
    for name, media_type, expected in (
        ("a.pdf", "application/pdf", 1),
        ("a.docx", "application/octet-stream", 1),
        ("a.exe", "application/octet-stream", 0),
        ("a.pdf", "image/png", 0),
        ("a.txt", "text/plain", 0),
    ):
        content = made.message(b"x", name, media_type)
        assert len(documents(tree.parse(content))) == expected, name


@pytest.mark.parametrize("deed", ["crash", "memory", "open", "socket", "fork", "loop", "lie"])
async def test_the_cage_holds(deed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Caged(str(CHILD))
    try:
        assert await child.ask(b"hello") == b"hello"
        with monkeypatch.context() as patched:
            if deed == "lie":  # what it announces never comes
                patched.setattr(caged, "WALL_SECONDS", 1.0)
            said = await child.ask(deed.encode())
        assert said in {None, b"refused"}
        assert (said == b"refused") is (deed in {"open", "socket", "fork", "memory"})
        assert await child.ask(b"hello") == b"hello"
    finally:
        await child.close()

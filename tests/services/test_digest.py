from __future__ import annotations

import mmap
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.services.digest import digest, outline
from merpati.wire.imap import structure
from merpati.wire.mime import headers, text, tree

CORPORA = Path(__file__).parents[1] / "corpora"
MAILS = sorted(CORPORA.glob("mail-parser/*/*.eml"))
LETTER = (
    b"Date: Mon, 2 Nov 2026 10:11:12 +0100\r\nFrom: Ani <ani@example.net>\r\n"
    b"Subject: Re: report\r\nMessage-ID: <2@example.net>\r\nReferences: <0@x> <1@x>\r\n"
    b"In-Reply-To: <1@x>\r\n\r\nGood morning.\r\n"
)


def test_a_digest_holds_what_readers_ask_for() -> None:
    found = digest(LETTER, 7)
    assert found.sent_at == 1_793_610_672_000
    assert found.preview == "Good morning."
    assert found.message_id == "<2@example.net>"
    assert len(found.thread_refs) == 3
    assert found.envelope.startswith(b'("Mon, 2 Nov 2026 10:11:12 +0100" "Re: report" (("Ani" ')


def test_a_reply_shares_its_references_with_the_first_message() -> None:
    first = digest(b"Subject: report\r\nMessage-ID: <0@x>\r\n\r\n", 7)
    assert first.thread_refs[0] in digest(LETTER, 7).thread_refs
    other = digest(b"Subject: another\r\nMessage-ID: <0@x>\r\n\r\n", 7)
    assert not set(other.thread_refs) & set(digest(LETTER, 7).thread_refs)


@pytest.mark.parametrize("date", [b"", b"Date: nonsense\r\n"])
def test_without_a_date_the_time_of_receipt_counts(date: bytes) -> None:
    assert digest(date + b"Subject: x\r\n\r\n", 7).sent_at == 7


def test_a_date_before_1970_is_one() -> None:
    assert digest(b"Date: 1 Jan 1960 00:00 +0000\r\n\r\n", 7).sent_at == -315_619_200_000


@pytest.mark.parametrize(
    ("date", "day"),
    [
        (b"Date: Mon, 2 Nov 2026 00:30:00 +0100\r\n", 20_759),
        (b"Date: Mon, 2 Nov 2026 23:30:00 -0100\r\n", 20_759),
        (b"Date: nonsense\r\n", None),
        (b"", None),
    ],
)
def test_the_day_it_was_sent_is_that_of_the_sender(date: bytes, day: int | None) -> None:
    assert digest(date + b"Subject: x\r\n\r\n", 7).sent_day == day


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_the_digest_is_what_its_parts_say_of_real_mail(path: Path) -> None:
    content = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    found = digest(content, 7)
    root = tree.parse(content)
    fields = headers.split(content, root.header_start, root.body_start)
    assert tree.decode(found.structure) == root
    assert found.envelope == structure.envelope(fields)
    assert found.bodystructure == structure.bodystructure(root, content)
    assert found.preview == text.preview(content, root)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_digest(content: bytes) -> None:
    found = digest(content, 7)
    assert found.sent_at == 7 or found.sent_day is not None


def test_a_memory_map_gives_the_same_digest(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_bytes(LETTER)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert digest(content, 7) == digest(LETTER, 7)


def test_the_outline_names_the_message_and_looks_no_further() -> None:
    found = outline(b"Subject: x\r\nMessage-ID: <a@b>\r\n\r\nMessage-ID: <not@this>\r\n", 7)
    assert (found.message_id, found.sent_at) == ("<a@b>", 7)
    assert outline(b"Subject: x\r\n\r\nMessage-ID: <not@this>\r\n", 7).message_id == ""
    assert outline(b"", 7).message_id == ""


def test_references_are_kept_as_they_are_unless_there_are_too_many() -> None:
    header = b"References: <a@x>\r\n <b@x>\r\n\r\n"
    assert digest(header, 0).references == b"<a@x> <b@x>"
    assert digest(b"Subject: x\r\n\r\n", 0).references == b""
    ids = [b"<%d@example.org>" % n for n in range(900)]
    kept = digest(b"References: " + b"\r\n ".join(ids) + b"\r\n\r\n", 0).references.split()
    assert kept == ids[:1] + ids[-19:]

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.services import info
from merpati.services.info import InfoSettings
from merpati.store import forwards
from tests.support.post import Post
from tests.support.server import ANA, BUDI


@pytest.fixture
async def folder(post: Post, tmp_path: Path) -> Path:
    """What Budi's account hands out."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "prices.txt").write_text("1 pigeon: 5\n")
    (files / "logo.png").write_bytes(bytes(range(256)))
    (files / ".secret").write_text("no")
    (files / "sub").mkdir()
    (files / "link.txt").symlink_to(tmp_path / "log")
    await post.store.write(forwards.set_folder, post.budi.id, str(files))
    return files


async def ask(post: Post, subject: str, text: str = "", more: str = "", sender: str = ANA) -> int:
    """Write to Budi; how many letters Ana has then."""
    message = f"From: {ANA}\r\nSubject: {subject}\r\nMessage-ID: <q@x>\r\n{more}\r\n{text}\r\n"
    await post.send(sender, BUDI, message=message.encode(), account=post.ana)
    await post.work()
    return len(await post.inbox(post.ana))


@pytest.mark.usefixtures("folder")
async def test_a_file_is_sent_to_who_asks_and_the_request_is_kept(post: Post) -> None:
    assert await ask(post, "get prices.txt nothing.txt") == 1
    [answer] = await post.inbox(post.ana)
    assert b'filename="prices.txt"' in answer
    assert b"MSBwaWdlb246IDUK" in answer
    assert b"nothing.txt" in answer
    assert b"In-Reply-To: <q@x>" in answer
    assert b"Auto-Submitted: auto-replied" in answer
    assert answer.startswith(b"Return-Path: <>")
    assert len(await post.inbox(post.budi)) == 1


@pytest.mark.usefixtures("folder")
async def test_index_and_help_in_subject_or_text_and_either_language(post: Post) -> None:
    for n, (subject, text) in enumerate(
        [("INDEX", ""), ("Re: help", ""), ("", "daftar\r\n"), ("hello", "ambil logo.png\r\n")], 1
    ):
        assert await ask(post, subject, text) == n
    index, _, daftar, logo = await post.inbox(post.ana)
    assert b"  logo.png\r\n  prices.txt\r\n" in index
    assert index.count(b"secret") == daftar.count(b"link.txt") == 0
    assert b"Content-Type: image/png" in logo


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("subject", "more", "sender"),
    [
        ("lunch?", "", ANA),
        ("index of our plans", "", ANA),
        ("index", "Auto-Submitted: auto-generated\r\n", ANA),
        ("index", "List-Id: <a.b>\r\n", ANA),
        ("index", "Precedence: bulk\r\n", ANA),
        ("index", "", ""),
    ],
)
async def test_ordinary_mail_and_machines_are_not_answered(
    post: Post, subject: str, more: str, sender: str
) -> None:
    assert await ask(post, subject, "", more, sender) == 0
    assert len(await post.inbox(post.budi)) == 1


@pytest.mark.usefixtures("folder")
async def test_nobody_gets_more_than_so_many_answers_a_day(post: Post) -> None:
    limit = InfoSettings().answers
    for _ in range(limit + 3):
        await ask(post, "index")
    assert len(await post.inbox(post.ana)) == limit
    post.time.advance(86_400)
    assert await ask(post, "index") == limit + 1


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "outside.txt").write_text("private")
    for name in ("../outside.txt", "/etc/passwd", ".secret", "sub", "link.txt", "", "a\0b"):
        assert info.read_file(folder, name, 1000) is None
    assert info.read_file(folder, "prices.txt", 1000) == b"1 pigeon: 5\n"
    assert info.read_file(folder, "prices.txt", 3) is None
    assert info.index(folder / "gone") == []

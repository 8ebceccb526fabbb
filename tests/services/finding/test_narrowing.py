"""Where the text index tells which emails may be meant: the answers are those without it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from merpati.base.log import Log, Sink
from merpati.base.metrics import Metrics
from merpati.model import criteria as c
from merpati.services import indexer
from merpati.services.documents import Reader
from merpati.services.finding import finder
from merpati.services.finding.columns import Column
from merpati.services.finding.finder import Finder, Source
from merpati.services.finding.pages import KEEP_FROM
from merpati.services.indexer import Indexer
from merpati.services.text_index import TextIndex
from merpati.store import email_edit, emails, finding, mailboxes, text_index, text_schema
from merpati.store.sqlite import SqliteStore
from tests.services.finding.mail import Mail, message
from tests.support.clock import FakeClock
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from merpati.model.criteria import Criterion
    from merpati.store.engine import Store, Transaction

# Written so that ENVELOPE shows it otherwise, in part or in another order.
PEOPLE = [
    b"Ani Wijaya <ani@a.example>",
    b"ani@a.example (Ani Wijaya)",
    b'"A\\ni \\"the boss\\" Wijaya" <ani@a.example>',
    b'"an i"@a.example',
    b"ani @ a . example",
    b"Team: Budi <budi@b.example>, ani@a.example;, last@c.example",
    b"=?utf-8?q?B=C3=BCdi?= =?utf-8?q?man?= <budi@b.example>",
    b"=?iso-2022-jp?b?GyRCMiZ+LkxAGyhC?= <wang@d.example>",
    "王小明 <wang@d.example>".encode(),
    b"B\xfcdi <budi@b.example>",
    b"broken <<ani@",
    b"",
    b'"Z\\oro" <q@a.example>',
    b", ".join(b"Person %d <p%d@many.example>" % (n, n) for n in range(300)) + b', "Z\\oro" <q@b>',
]
SUBJECTS = [
    b"Invoice for March",
    b"Re: =?utf-8?q?Invoice_f=C3=BCr?= =?utf-8?q?_M=C3=A4rz?=",
    b"x" * 5_000 + b" invoice",
    "再见世界 invoice".encode(),
    b"in\r\n voice",
    b"in\xe9voice",
    b"l" * 260 + b"o" * 300 + b" ng",
    b"",
]
IDS = [b"<one.1@a.example>", b"< one.1 @ a.example >", b"one.1@a.example", b"(why) <two@b>", b""]
OTHERS = [
    b"List-Id: The List <list.a.example>",
    b"X-Colour: gr\xfcn\r\nX-Shade: bl\xc3\xbc",
    b"X-Colour: =?utf-8?q?gr=C3=BCn?=",
    b"Comments: " + b"word " * 20_000 + b"zebra",
    b"Received: from list.a.example",
    b"Sender: ani@a.example (Ani Wijaya)",
]
TEXTS = [
    "ani", "Ani Wijaya", "ani@a.example", "wijaya <ani", "an i", "budi", "büdiman", "diman <bu",
    "王小", "王", "invoice", "in voice", "invoice für", "xx inv", "再见", "one.1", "<one.1@a",
    "two", "list.a", "grün", "blü", "zebra", "p299@many", "person 12", "example", "the boss",
    "team:", "", "zoro", "zoro <q",
    "l" * 260 + "o" * 300 + " ng", "last@c.example", "e", "word zebra", "\\n", "@",
]  # fmt: skip
FIELDS = [
    "from", "to", "cc", "bcc", "subject", "message-id", "in-reply-to", "list-id", "x-colour",
    "x-shade", "comments", "received", "sender",
]  # fmt: skip


def made(chance: random.Random) -> bytes:
    """Some message, with what the worst have in their headers."""
    fields = [b"Date: Mon, 12 Oct 2026 23:30:00 -0500"]
    for name, values in (
        (b"From", PEOPLE), (b"To", PEOPLE), (b"Cc", PEOPLE), (b"Subject", SUBJECTS),
        (b"Message-ID", IDS), (b"In-Reply-To", IDS),
    ):  # fmt: skip
        some = chance.choices(values, k=chance.choice([0, 1, 1, 1, 2]))
        fields += [b"%b: %b" % (name, value) for value in some]
    fields += chance.sample(OTHERS, chance.randint(0, 2))
    text = b" ".join(chance.choice(TEXTS).encode() for _ in range(3))
    return b"\r\n".join([*fields, b"", text, b"%d" % chance.randint(0, 9), b""])


def asked(chance: random.Random, depth: int = 2) -> Criterion:
    """Some criterion about texts, and a few that are not."""
    text = chance.choice(TEXTS)
    leaves: list[Criterion] = [
        *[c.Header(chance.choice(FIELDS), text) for _ in range(4)],
        c.Body(text),
        c.Text(text),
        c.Keyword("$seen"),
        c.Uids(((chance.randint(1, 20), chance.randint(20, 60)),)),
    ]
    if not depth or chance.random() < 0.5:
        return chance.choice(leaves)
    parts = tuple([asked(chance, depth - 1) for _ in range(chance.randint(0, 3))])
    both: list[Criterion] = [c.And(parts), c.Or(parts), c.Not(asked(chance, depth - 1))]
    return chance.choice(both)


class Indexed:
    """Mail, with a finder that asks an index and one that asks none."""

    def __init__(self, mail: Mail, index: Store) -> None:
        clock = FakeClock()
        log = Log(Sink(clock))

        async def opened() -> Store:
            return index

        self.mail = mail
        self.index = index
        self.text_index = TextIndex(opened, log)
        self.finder = Finder(mail.store, mail.blobs, self.text_index)
        self.indexer = Indexer(
            "one", mail.store, index, mail.blobs, Reader(), clock, Metrics(), log
        )

    async def agree(self, wanted: Criterion, source: Source | None = None) -> list[int]:
        source = source or self.mail.source
        expected = (await self.mail.finder.find(source, wanted)).uids
        assert (await self.finder.find(source, wanted)).uids == expected, wanted
        return list(expected)


@pytest.fixture
async def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Indexed]:
    """With an index that is asked for all there is, though the mailbox is small."""
    monkeypatch.setattr(finder, "LARGE", 1)
    monkeypatch.setattr(finder, "WALKED", 1)
    mail = await Mail.open(tmp_path)
    index = SqliteStore(tmp_path / "index.db", durable=False)
    await index.write(text_schema.prepare)
    yield Indexed(mail, index)
    await index.close()
    await mail.store.close()


async def test_no_header_field_is_so_odd_that_the_index_would_hide_it(indexed: Indexed) -> None:
    each = [b"%b: %b" % (name, one) for name in (b"From", b"To", b"Cc") for one in PEOPLE]
    each += [b"Subject: %b" % one for one in SUBJECTS]
    each += [b"%b: %b" % (name, one) for name in (b"Message-ID", b"In-Reply-To") for one in IDS]
    await indexed.mail.add(*[b"%b\r\n\r\nsomething\r\n" % one for one in each + OTHERS])
    await indexed.indexer.finish()
    for text in TEXTS:
        await indexed.agree(c.Text(text))
        for field in FIELDS:
            await indexed.agree(c.Header(field, text))


@pytest.mark.parametrize("looked_up", [0, 4_096])
@pytest.mark.parametrize("seed", range(4))
async def test_the_index_changes_no_answer(
    indexed: Indexed, monkeypatch: pytest.MonkeyPatch, seed: int, looked_up: int
) -> None:
    monkeypatch.setattr(finder, "PLACES_MAX", looked_up)
    chance = random.Random(seed)
    mail = indexed.mail
    archive = await mail.store.write(mailboxes.create, mail.account_id, "Kept", NOW)
    places = [INBOX, archive.id]
    for _ in range(3):
        await mail.add(*[made(chance) for _ in range(12)], keywords=["$seen"] * 5)
        some = sorted(chance.sample(mail.uids, 3))
        await mail.store.write(emails.copy, mail.account_id, INBOX, archive.id, some, NOW)
        await mail.store.write(email_edit.move, mail.account_id, INBOX, archive.id, some[:1], NOW)
        await mail.remove(*some[:1])
        if chance.random() < 0.8:
            await indexed.indexer.finish()
        for _ in range(40):
            place = chance.choice(places)
            rows = await mail.store.read(emails.uids_of, mail.account_id, place)
            await indexed.agree(asked(chance), Source(mail.account_id, place, rows))


async def test_few_that_hold_a_text_are_looked_up_where_they_lie(indexed: Indexed) -> None:
    mail = indexed.mail
    await mail.add(*[message(f"{n} pear", subject=f"fig {n}") for n in range(30)])
    await mail.add(message("the only plum", subject="The only one"))
    await mail.remove(4)
    await indexed.indexer.finish()
    assert await indexed.agree(c.Body("plum")) == [31]
    assert await indexed.agree(c.Header("subject", "only")) == [31]
    assert await indexed.agree(c.And((c.Text("plum"), c.Not(c.Keyword("$seen"))))) == [31]
    assert await indexed.agree(c.Not(c.Header("subject", "fig"))) == [31]
    assert len(await indexed.agree(c.Body("pear"))) == 29
    await mail.add(message("another plum, not in the index yet"))
    assert await indexed.agree(c.Body("plum")) == [31, 32]


async def test_where_many_lie_is_told_by_a_column_that_is_kept(
    indexed: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "PLACES_MAX", 0)
    mail = indexed.mail
    await mail.add(*[message(f"{n} {'pear' if n % 2 else 'fig'}") for n in range(KEEP_FROM)])
    await indexed.indexer.finish()
    assert await indexed.agree(c.Body("pear")) == list(range(2, KEEP_FROM + 1, 2))
    place = (mail.account_id, INBOX, 0, Column.BLOB_ID)
    assert await mail.store.read(finding.load_page, *place) is not None


async def test_where_mail_has_been_is_forgotten_when_the_index_is_tidied(
    indexed: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = indexed.mail
    await mail.add(*[message(f"{n} pear") for n in range(20)])
    await indexed.indexer.finish()
    archive = await mail.store.write(mailboxes.create, mail.account_id, "Kept", NOW)
    await mail.store.write(email_edit.move, mail.account_id, INBOX, archive.id, mail.uids, NOW)
    mail.uids = []
    await indexed.indexer.finish()

    async def count() -> int:
        return await indexed.index.read(text_index.count_places, mail.account_id)

    monkeypatch.setattr(indexer, "STALE", 2)
    await indexed.indexer.tidy()
    assert await count() == 40  # not so many that it were worth the while
    monkeypatch.setattr(indexer, "STALE", 1.5)
    await indexed.indexer.tidy()
    assert await count() == 20
    there = Source(mail.account_id, archive.id, range(1, 21))
    assert len(await indexed.agree(c.Body("pear"), there)) == 20


async def test_of_a_message_that_cannot_be_read_the_header_is_found_all_the_same(
    indexed: Indexed,
) -> None:
    mail = indexed.mail
    await mail.add(*[message(f"{n} pear", subject=f"fig {n}") for n in range(3)])
    await mail.store.write(_damage)
    await indexed.indexer.finish()
    assert await indexed.agree(c.Header("subject", "fig 1")) == [2]


async def _damage(tx: Transaction) -> None:
    await tx.run("UPDATE body SET encoding = 1")

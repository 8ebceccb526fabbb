from __future__ import annotations

import asyncio
import random
from datetime import date
from email import message_from_bytes, policy
from email.utils import getaddresses, parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from merpati.base.log import Log, Sink
from merpati.base.tasks import Tasks
from merpati.model import criteria as c
from merpati.services.documents import Found
from merpati.services.finding.columns import GROUP_OF, Column
from merpati.services.finding.finder import Source
from merpati.services.text_index import Field, Matches
from merpati.store import emails
from merpati.wire.text.folding import fold
from tests.services.finding.mail import DAY, Mail, message
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds
from tests.support.store import INBOX, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from merpati.model.criteria import Criterion
    from merpati.store.engine import Transaction

NAMES = ["Ani", "Büdi Çelik", "O'Hara, Jo", "王小明", "", "team"]
WORDS = ["apple", "Ärger", "Straße", "report", "2026", "再见世界", "x-y", "RE"]
KEYWORDS = ["", "$seen", "$flagged $seen", "$flagged work", "work"]
SAID = ("from", "to", "cc", "subject", "date", "x-colour")  # the rest is no text that people write
DATES = [
    "Mon, 12 Oct 2026 23:30:00 -0500", "Tue, 13 Oct 2026 01:00:00 +0700", "nonsense",
    "1 Jan 2020 00:00:00 +0000",
]  # fmt: skip


def made(chance: random.Random) -> bytes:
    """Some message, with what real ones have in their headers."""
    mail = message_from_bytes(b"", policy=policy.SMTP)
    for field in ("From", "To", "Cc"):
        if chance.random() < 0.8:
            people = chance.choices(NAMES, k=chance.randint(1, 3))
            shown = [f'"{name}" <p{n}@example.org>' for n, name in enumerate(people)]
            mail[field] = ", ".join(shown)
    if chance.random() < 0.9:
        mail["Subject"] = " ".join(chance.choices(WORDS, k=chance.randint(0, 5)))
    if chance.random() < 0.3:
        mail["X-Colour"] = chance.choice(WORDS)
    text = " ".join(chance.choices(WORDS, k=chance.randint(0, 20)))
    mail.set_content(text, cte=chance.choice(["base64", "quoted-printable"]))
    wanted = chance.choice(DATES)
    raw = mail.as_bytes()
    return raw if chance.random() < 0.1 else b"Date: %b\r\n%b" % (wanted.encode(), raw)


def asked(chance: random.Random, depth: int = 3) -> Criterion:
    """Some criterion."""
    word = chance.choice([*WORDS, *NAMES, "p1@EXAMPLE", "pple rep", "ß", "STRASSE", "小"])
    leaves: list[Criterion] = [
        c.Keyword(chance.choice(["$seen", "work", "$nowhere"])),
        c.Size(least=chance.randint(0, 900)),
        c.Size(below=chance.randint(0, 900)),
        c.Received(since=NOW + chance.randint(0, 30), before=NOW + chance.randint(0, 60)),
        c.SentDay(since=20_738 + chance.randint(0, 2)),
        c.SentDay(before=20_738 + chance.randint(0, 2)),
        c.Header(chance.choice(["from", "to", "cc", "bcc", "subject", "x-colour"]), word),
        c.Header(chance.choice(["cc", "subject", "x-colour"]), ""),
        c.Body(word),
        c.Text(word),
        c.Uids(((chance.randint(1, 20), chance.randint(20, 40)),)),
        c.All(),
    ]
    if not depth or chance.random() < 0.4:
        return chance.choice(leaves)
    parts = tuple([asked(chance, depth - 1) for _ in range(chance.randint(0, 3))])
    both: list[Criterion] = [c.And(parts), c.Or(parts), c.Not(asked(chance, depth - 1))]
    return chance.choice(both)


class Naive:
    """One message, judged with Python's own email package."""

    def __init__(self, uid: int, raw: bytes, keywords: str, received_at: int) -> None:
        self.uid, self.raw, self.keywords, self.received_at = uid, raw, keywords, received_at
        self.mail = message_from_bytes(raw, policy=policy.default)

    def meets(self, wanted: Criterion) -> bool:
        match wanted:
            case c.And(parts=parts):
                return all(map(self.meets, parts))
            case c.Or(parts=parts):
                return any(map(self.meets, parts))
            case c.Not(part=part):
                return not self.meets(part)
            case c.Keyword(keyword=keyword):
                return keyword in self.keywords.split()
            case c.Size(least=least, below=below):
                return least <= len(self.raw) and (below is None or len(self.raw) < below)
            case c.Received(since=since, before=before):
                return (since or 0) <= self.received_at < (before or 10**15)
            case c.SentDay(since=since, before=before):
                return (since or 0) <= self.day() < (before or 10**6)
            case c.Uids(ranges=ranges):
                return any(low <= self.uid <= high for low, high in ranges)
            case c.Header(field=field, text=text):
                return any(fold(text) in fold(each) for each in self.values(field))
            case c.Body(text=text):
                return fold(text) in fold(self.mail.get_content())
            case c.Text(text=text):
                lines = [value for name in SAID for value in self.mail.get_all(name, [])]
                return self.meets(c.Body(text)) or any(fold(text) in fold(one) for one in lines)
            case _:
                return isinstance(wanted, c.All)

    def values(self, field: str) -> list[str]:
        found = [str(value) for value in self.mail.get_all(field, [])]
        if field in {"from", "to", "cc"}:
            people = getaddresses(found)
            return [", ".join(f"{name} <{box}>" if name else f"<{box}>" for name, box in people)
                    ] if found else []  # fmt: skip
        return found

    def day(self) -> int:
        try:
            when = parsedate_to_datetime(self.mail.get("date") or "")
        except ValueError:
            return self.received_at // DAY
        return when.date().toordinal() - date(1970, 1, 1).toordinal()


def background() -> Tasks:
    """Tasks that are made when nobody waits for them."""
    return Tasks(Log(Sink(FakeClock(), style="json")), CountingIds())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("waits", [True, False])
async def test_what_is_found_is_what_a_naive_reader_finds(
    tmp_path: Path, seed: int, waits: bool
) -> None:
    chance = random.Random(seed)
    tasks = None if waits else background()
    mail = await Mail.open(tmp_path, tasks)
    raws = [made(chance) for _ in range(40)]
    keywords = [chance.choice(KEYWORDS) for _ in raws]
    await mail.add(*raws, keywords=keywords)
    naive = [
        Naive(uid, raw, words, NOW + n)
        for n, (uid, raw, words) in enumerate(zip(mail.uids, raws, keywords, strict=True))
    ]
    for _ in range(50):
        wanted = asked(chance)
        expected = [one.uid for one in naive if one.meets(wanted)]
        assert (await mail.finder.find(mail.source, wanted)).uids == expected, wanted
    if tasks is not None:
        await tasks.stop(5)
    await mail.store.close()


async def test_the_first_search_does_not_wait_for_pages_and_they_are_made_behind_it(
    tmp_path: Path,
) -> None:
    tasks = background()
    mail = await Mail.open(tmp_path, tasks)
    await mail.add(*[message(subject=f"number {n}") for n in range(1200)])
    wanted = c.Header("subject", "number 77")

    async def pages(tx: Transaction) -> int:
        return int(await tx.value("SELECT count(DISTINCT page) FROM header_page"))

    expected = [uid for uid in mail.uids if str(uid - 1).startswith("77")]
    assert (await mail.finder.find(mail.source, wanted)).uids == expected
    assert await mail.store.read(pages) == 0
    while len(tasks):  # noqa: ASYNC110 -- they end by themselves, and tell nobody
        await asyncio.sleep(0.001)
    assert await mail.store.read(pages) == 2
    assert (await mail.finder.find(mail.source, wanted)).uids == expected
    assert (await mail.finder.find(mail.source, c.Header("subject", ""))).uids == mail.uids
    await mail.store.close()


async def test_pages_grow_with_the_mailbox_and_outlive_what_is_removed(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    wanted = c.Header("subject", "odd")
    expected: list[int] = []
    for size in (3, 70, 1000, 10, 100):
        start = len(mail.uids)
        subjects = ["odd" if n % 2 else "even" for n in range(start, start + size)]
        uids = await mail.add(*[message(subject=each) for each in subjects])
        expected += [uid for uid, each in zip(uids, subjects, strict=True) if each == "odd"]
        assert (await mail.finder.find(mail.source, wanted)).uids == expected
    gone = mail.uids[::3]
    await mail.remove(*gone)
    expected = [uid for uid in expected if uid not in gone]
    assert (await mail.finder.find(mail.source, wanted)).uids == expected
    gone = mail.uids[: len(mail.uids) - 20]
    await mail.remove(*gone)
    expected = [uid for uid in expected if uid not in gone]
    assert (await mail.finder.find(mail.source, wanted)).uids == expected
    everything = await mail.finder.find(mail.source, c.Not(wanted))
    assert everything.uids == [uid for uid in mail.uids if uid not in expected]
    await mail.store.close()


async def test_a_kept_page_is_read_and_not_made_again(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=f"number {n}") for n in range(100)])
    found = await mail.finder.find(mail.source, c.Header("subject", "number 7"))
    assert len(found.uids) == 11

    async def forget(tx: object) -> None:
        await tx.run("UPDATE message SET envelope = $1", b"damaged")  # type: ignore[attr-defined]

    await mail.store.write(forget)
    again = Mail(mail.store, tmp_path, mail.account_id)
    found = await again.finder.find(mail.source, c.Header("subject", "number 7"))
    assert len(found.uids) == 11
    await mail.store.close()


async def pages_of(mail: Mail) -> dict[tuple[int, int], bytes]:
    """What is kept, by field and page."""

    async def unit(tx: Transaction) -> list[tuple[int, int, bytes]]:
        return await tx.rows("SELECT field, page, data FROM header_page")

    return {(field, page): data for field, page, data in await mail.store.read(unit)}


async def test_to_look_at_a_few_messages_neither_makes_pages_nor_makes_them_anew(
    tmp_path: Path,
) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(subject=f"number {n}") for n in range(300)])
    few = Source(mail.account_id, INBOX, mail.uids[10:20])
    wanted = c.Header("subject", "number 1")
    assert (await mail.finder.find(few, wanted)).uids == mail.uids[10:20]
    assert await pages_of(mail) == {}
    half = Source(mail.account_id, INBOX, mail.uids[:100])
    assert len((await mail.finder.find(half, wanted)).uids) == 11
    kept = await pages_of(mail)  # of all 300, whoever asked
    assert {field for field, _ in kept} == set(GROUP_OF[Column.SUBJECT].columns)
    again = Mail(mail.store, tmp_path, mail.account_id)
    assert (await again.finder.find(few, wanted)).uids == mail.uids[10:20]
    assert len((await again.finder.find(mail.source, wanted)).uids) == 111
    assert await pages_of(mail) == kept
    await mail.remove(*mail.uids[:200])
    again = Mail(mail.store, tmp_path, mail.account_id)
    assert (await again.finder.find(mail.source, wanted)).uids == []
    left = await pages_of(mail)  # most were gone, and nothing of them stays
    assert left.keys() == kept.keys()
    assert all(len(left[each]) < len(kept[each]) for each in kept)
    await mail.store.close()


async def test_the_end_of_a_very_long_field_is_found(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    people = ", ".join(f"person{n}@example.org" for n in range(500))
    await mail.add(message(to=people), message(to="ani@example.org"))
    found = await mail.finder.find(mail.source, c.Header("to", "person499@"))
    assert found.uids == [1]
    found = await mail.finder.find(mail.source, c.Header("to", "person500@"))
    assert found.uids == []
    await mail.store.close()


async def test_marks_of_the_columns_are_not_found(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(message(subject="a"), message(subject="b"))
    for text in ("\x01", "a\n", "\x02", "a\nb"):
        assert (await mail.finder.find(mail.source, c.Header("subject", text + "\x01"))).uids == []
    await mail.store.close()


async def test_emails_are_found_by_mailbox_thread_and_content(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(
        message(message_id="<1@x>", subject="one"),
        message(message_id="<2@x>", subject="Re: one", references="<1@x>"),
        message(message_id="<3@x>", subject="other"),
        keywords=["$seen", "", "$seen"],
    )
    rows = await mail.store.read(
        emails.fetch, mail.account_id, INBOX, mail.uids,
        ("uid", "thread_id", "blob_id", "received_at", "email_id"),
    )  # fmt: skip

    async def find(wanted: Criterion) -> list[int]:
        return [*(await mail.finder.find(mail.source, wanted)).uids]

    assert await find(c.ThreadId(rows[0][1])) == [1, 2]
    assert await find(c.Content(rows[2][2], rows[2][3])) == [3]
    assert await find(c.Among(frozenset({2, 77}))) == [2]
    assert await find(c.InThread("$seen")) == [1, 2, 3]
    assert await find(c.InThread("$seen", present=False)) == [1, 2]
    assert await find(c.Not(c.InThread("$seen", present=False))) == [3]
    assert await find(c.InMailbox((INBOX,))) == [1, 2, 3]
    assert await find(c.InMailbox((INBOX + 1,))) == []
    assert await find(c.ModSeq(10**9)) == []
    assert await find(c.Saved(since=NOW)) == [1, 2, 3]
    await mail.store.close()


async def test_attachments_are_seen(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    part = "--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b--"
    await mail.add(
        message("--b\r\n\r\ntext\r\n" + part, content_type="multipart/mixed; boundary=b"),
        message("--b\r\n\r\ntext\r\n--b--", content_type="multipart/mixed; boundary=b"),
        message(),
    )
    assert (await mail.finder.find(mail.source, c.HasAttachment())).uids == [1]
    await mail.store.close()


class Index:
    """An index that has read some of a mailbox."""

    def __init__(self, matches: Matches | None) -> None:
        self.matches = matches
        self.questions: list[tuple[Field, str, bool]] = []

    async def match(
        self, account_id: int, field: Field, text: str, *, fuzzy: bool = False,
        mailbox_id: int = 0, few: int = 0,
    ) -> Matches | None:  # fmt: skip
        assert account_id
        assert mailbox_id == INBOX
        assert few == 0  # of so small a mailbox
        self.questions.append((field, text, fuzzy))
        return self.matches


@pytest.mark.parametrize(
    ("exact", "upto", "partial", "expected"),
    [
        (True, 0, (), [1, 2, 3, 4]),  # the index is believed, the rest is read
        (True, 9, (), [1, 4]),
        (True, 2, (), [1, 3, 4]),
        (False, 9, (), [1]),  # what it found is read: 4 does not hold the word
        (True, 9, (2,), [1, 2, 4]),
    ],
)
async def test_the_index_answers_and_the_rest_is_read(
    tmp_path: Path, exact: bool, upto: int, partial: tuple[int, ...], expected: list[int]
) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(f"{n} {word}") for n, word in enumerate(["pear"] * 3 + ["fig"])])
    matches = Matches({1: 1.0, 4: 1.0}, exact, {INBOX: upto}, partial=frozenset(partial))
    index = Index(matches)
    mail.finder.text_index = index  # type: ignore[assignment]
    found = await mail.finder.find(mail.source, c.Body("pear"))
    assert found.uids == expected
    found = await mail.finder.find(mail.source, c.Not(c.Body("pear")))
    assert found.uids == [uid for uid in mail.uids if uid not in expected]
    assert index.questions == [(Field.BODY, "pear", False)] * 2
    await mail.store.close()


async def test_fuzzy_results_have_scores(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(str(n), subject=word) for n, word in enumerate(["pear", "pears"])])
    matches = Matches({1: 1.0, 2: 0.5}, True, {INBOX: 9})
    index = Index(matches)
    mail.finder.text_index = index  # type: ignore[assignment]
    found = await mail.finder.find(mail.source, c.Header("subject", "peer", fuzzy=True))
    assert (found.uids, found.scores) == ([1, 2], {1: 1.0, 2: 0.5})
    assert (await mail.finder.find(mail.source, c.Header("subject", "pears"))).uids == [2]
    assert index.questions == [(Field.SUBJECT, "peer", True)]
    await mail.store.close()


class Opener:
    """Opens every document, and finds the same in each."""

    async def texts(self, content: object, root: object) -> Found:
        assert content
        assert root
        return Found("a pear tree", False, {})


async def test_documents_that_the_index_has_not_opened_are_opened(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.add(*[message(str(n)) for n in range(4)])
    mail.finder.text_index = Index(  # type: ignore[assignment]
        Matches({1: 1.0}, True, {INBOX: 3}, unread=frozenset({2}))
    )
    assert (await mail.finder.find(mail.source, c.Body("pear"))).uids == [1]
    mail.finder.contents.reader = Opener()  # type: ignore[assignment]
    assert (await mail.finder.find(mail.source, c.Body("pear"))).uids == [1, 2, 4]
    await mail.store.close()

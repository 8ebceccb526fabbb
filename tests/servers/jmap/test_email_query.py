from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from merpati.model import object_ids
from merpati.servers.jmap import email_query
from merpati.store import email_edit, email_keywords, emails
from tests.support.jmap import JmapInstance

BASE = 1_700_000_000_000
KEYWORDS = ("$seen", "$flagged", "work")
PROPERTIES = (
    "id", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "from", "subject",
    "hasAttachment",
)  # fmt: skip


def letter(chance: random.Random, n: int) -> bytes:
    head = [
        f"From: {chance.choice(('Ana', 'Budi', 'Citra'))} <p{chance.randrange(4)}@example.org>",
        f"Subject: {chance.choice(('', 'Re: '))}matter {chance.randrange(5)}",
        f"Message-ID: <{n}@x>",
    ]
    if n and chance.random() < 0.6:
        head.append(f"In-Reply-To: <{chance.randrange(n)}@x>")
        head.append(f"References: <{chance.randrange(n)}@x>")
    if chance.random() < 0.3:
        head.append("Content-Type: multipart/mixed; boundary=b")
        text = "\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b--\r\n"
    else:
        text = "\r\n" + "x" * chance.randrange(3) * 100
    return ("\r\n".join(head) + "\r\n" + text).encode()


class World:
    """An account that changes, and what a naive reading of RFC 8621 says of it."""

    def __init__(self, jmap: JmapInstance, seed: int) -> None:
        self.jmap = jmap
        self.chance = random.Random(seed)
        self.count = 0
        self.mailboxes: list[str] = []

    async def call(self, name: str, **arguments: Any) -> Any:
        answer = await self.jmap.call(name, accountId=self.jmap.account, **arguments)
        assert answer.get("method") != "error", answer
        return answer

    async def emails(self) -> list[Any]:
        found: list[Any] = (await self.call("Email/get", ids=None, properties=PROPERTIES))["list"]
        return found

    async def step(self) -> None:
        """Something happens."""
        chance = self.chance
        if chance.random() < 0.3:
            await self.by_imap()
            return
        emails = await self.emails()
        what = chance.random()
        if what < 0.5 or len(emails) < 5:
            for _ in range(chance.randrange(1, 4)):
                box = object_ids.read_mailbox(chance.choice(self.mailboxes)) or 0
                await self.jmap.deliver(
                    letter(chance, self.count), mailbox_id=box,
                    keywords=" ".join(chance.sample(KEYWORDS, chance.randrange(3))),
                    received_at=BASE + chance.randrange(6) * 1000,
                )  # fmt: skip
                self.count += 1
            return
        one = chance.choice(emails)
        if what < 0.75:
            word = chance.choice(KEYWORDS)
            patch: Any = {f"keywords/{word}": None if word in one["keywords"] else True}
        elif what < 0.9:
            count = chance.randrange(1, 3)
            patch = {"mailboxIds": dict.fromkeys(chance.sample(self.mailboxes, count), True)}
        else:
            await self.call("Email/set", destroy=[one["id"]])
            return
        await self.call("Email/set", update={one["id"]: patch})

    async def by_imap(self) -> None:
        r"""Something happens by IMAP, which knows \Deleted."""
        account, store = self.jmap.ana.id, self.jmap.store
        sql = "SELECT mailbox_id, uid, keywords FROM mailbox_email WHERE account_id = $1"
        rows = await store.read(lambda tx: tx.rows(sql, account))
        if not rows:
            return
        box, uid, keywords = self.chance.choice(rows)
        target = object_ids.read_mailbox(self.chance.choice(self.mailboxes)) or 0
        act = self.chance.random()
        if act < 0.6:
            how = email_keywords.Change.ADD
            if "$deleted" in keywords:
                how = email_keywords.Change.REMOVE
            await store.write(
                email_keywords.change, account, box, [uid], how, frozenset({"$deleted"})
            )
        elif act < 0.7:
            await store.write(emails.copy, account, box, target, [uid])
        elif act < 0.8 and target != box:
            await store.write(email_edit.move, account, box, target, [uid])
        else:
            deleted = await store.read(emails.deleted, account, box)
            await store.write(emails.remove, account, box, deleted)

    def filter(self, depth: int = 0) -> Any:
        chance = self.chance
        if depth < 2 and chance.random() < 0.3:
            operator = chance.choice(("AND", "OR", "NOT"))
            parts = [self.filter(depth + 1) for _ in range(chance.randrange(1, 4))]
            return {"operator": operator, "conditions": parts}
        at = f"2023-11-14T22:13:2{chance.randrange(7)}Z"
        some = chance.choice(KEYWORDS)
        conditions: list[tuple[str, Any]] = [
            ("inMailbox", chance.choice(self.mailboxes)),
            ("inMailboxOtherThan", chance.sample(self.mailboxes, chance.randrange(1, 3))),
            ("before", at),
            ("after", at),
            ("minSize", chance.choice((0, 150, 250, 400))),
            ("maxSize", chance.choice((150, 250, 400))),
            ("hasKeyword", some),
            ("notKeyword", some),
            ("allInThreadHaveKeyword", some),
            ("someInThreadHaveKeyword", some),
            ("noneInThreadHaveKeyword", some),
            ("hasAttachment", chance.random() < 0.5),
            ("subject", f"matter {chance.randrange(5)}"),
            ("from", chance.choice(("ana", "p1@example.org"))),
        ]
        return dict(chance.sample(conditions, chance.choice((0, 1, 1, 2))))

    def sort(self) -> list[Any]:
        chance = self.chance
        if chance.random() < 0.5:
            return [{"property": "receivedAt", "isAscending": chance.random() < 0.5}]
        names = (
            "receivedAt", "size", "subject", "from", "hasKeyword", "allInThreadHaveKeyword",
            "someInThreadHaveKeyword",
        )  # fmt: skip
        found = []
        for name in chance.sample(names, chance.randrange(1, 3)):
            one = {"property": name, "isAscending": chance.random() < 0.5}
            if name.endswith("Keyword"):
                one["keyword"] = chance.choice(KEYWORDS)
            found.append(one)
        return found


def holds(email: Any, filter_: Any, threads: dict[str, list[Any]]) -> bool:
    """RFC 8621 4.4.1, read plainly."""
    if "operator" in filter_:
        each = [holds(email, one, threads) for one in filter_["conditions"]]
        return {"AND": all(each), "OR": any(each), "NOT": not any(each)}[filter_["operator"]]
    thread = threads[email["threadId"]]
    address = email["from"][0]
    checks: dict[str, Callable[[Any], bool]] = {
        "inMailbox": lambda v: v in email["mailboxIds"],
        "inMailboxOtherThan": lambda v: bool(set(email["mailboxIds"]) - set(v)),
        "before": lambda v: email["receivedAt"] < v,
        "after": lambda v: email["receivedAt"] >= v,
        "minSize": lambda v: email["size"] >= v,
        "maxSize": lambda v: email["size"] < v,
        "hasKeyword": lambda v: v in email["keywords"],
        "notKeyword": lambda v: v not in email["keywords"],
        "allInThreadHaveKeyword": lambda v: all(v in one["keywords"] for one in thread),
        "someInThreadHaveKeyword": lambda v: any(v in one["keywords"] for one in thread),
        "noneInThreadHaveKeyword": lambda v: not any(v in one["keywords"] for one in thread),
        "hasAttachment": lambda v: email["hasAttachment"] is v,
        "subject": lambda v: all(word in email["subject"] for word in v.split()),
        "from": lambda v: v in f"{address['name']} {address['email']}".lower(),
    }
    return all(checks[name](value) for name, value in filter_.items())


def sort_key(email: Any, one: Any, threads: dict[str, list[Any]]) -> Any:
    thread = threads[email["threadId"]]
    match one["property"]:
        case "from":
            return email["from"][0]["name"].lower()
        case "subject":
            return email["subject"].removeprefix("Re: ").lower()
        case "hasKeyword":
            return one["keyword"] in email["keywords"]
        case "allInThreadHaveKeyword":
            return all(one["keyword"] in each["keywords"] for each in thread)
        case "someInThreadHaveKeyword":
            return any(one["keyword"] in each["keywords"] for each in thread)
    return email[one["property"]]


def naive(emails: list[Any], filter_: Any, sort: list[Any]) -> list[str]:
    threads: dict[str, list[Any]] = {}
    for one in emails:
        threads.setdefault(one["threadId"], []).append(one)
    found = [one for one in emails if holds(one, filter_, threads)]
    found.sort(key=lambda one: int(one["id"][1:], 16), reverse=not sort[0]["isAscending"])
    for one in reversed(sort):
        found.sort(
            key=lambda email, one=one: sort_key(email, one, threads),  # type: ignore[misc]
            reverse=not one["isAscending"],
        )
    return [one["id"] for one in found]


def collapsed(ids: list[str], emails: list[Any]) -> list[str]:
    thread_of = {one["id"]: one["threadId"] for one in emails}
    seen: set[str] = set()
    return [id_ for id_ in ids if not (thread_of[id_] in seen or seen.add(thread_of[id_]))]  # type: ignore[func-returns-value]


@pytest.mark.parametrize("seed", range(6))
async def test_every_query_finds_what_a_plain_reading_of_all_emails_finds(
    jmap: JmapInstance, seed: int
) -> None:
    world = World(jmap, seed)
    boxes = (await world.call("Mailbox/get", ids=None, properties=["id"]))["list"]
    world.mailboxes = [one["id"] for one in boxes[:3]]
    for _ in range(6):
        await world.step()
    queries = [(world.filter(), world.sort()) for _ in range(12)]
    for _ in range(10):
        emails = await world.emails()
        for filter_, sort in queries:
            whole = naive(emails, filter_, sort)
            for collapse in (False, True):
                wanted = collapsed(whole, emails) if collapse else whole
                position = world.chance.choice((0, 0, 1, -2))
                told = await world.call(
                    "Email/query", filter=filter_, sort=sort, collapseThreads=collapse,
                    calculateTotal=True, position=position, limit=world.chance.choice((3, 1000)),
                )  # fmt: skip
                start = max(0, len(wanted) + position) if position < 0 else position
                start = min(start, len(wanted))
                assert told["position"] == start
                assert told["total"] == len(wanted)
                page = wanted[start:]
                assert told["ids"] == page[: len(told["ids"])], (filter_, sort, collapse)
                assert len(told["ids"]) >= min(3, len(page))
                if not wanted:
                    continue
                anchor = world.chance.choice(wanted)
                offset = world.chance.choice((-1, 0, 1))
                told = await world.call(
                    "Email/query", filter=filter_, sort=sort, collapseThreads=collapse,
                    anchor=anchor, anchorOffset=offset, limit=2,
                )  # fmt: skip
                start = max(0, wanted.index(anchor) + offset)
                assert told["ids"] == wanted[start : start + 2]
        await world.step()


@pytest.mark.parametrize("seed", range(4))
async def test_what_changed_in_a_result_turns_the_old_one_into_the_new_one(
    jmap: JmapInstance, seed: int
) -> None:
    world = World(jmap, seed + 100)
    boxes = (await world.call("Mailbox/get", ids=None, properties=["id"]))["list"]
    world.mailboxes = [one["id"] for one in boxes[:3]]
    for _ in range(6):
        await world.step()
    for _ in range(12):
        filter_, sort = world.filter(), world.sort()
        collapse = world.chance.random() < 0.5
        query = {"filter": filter_, "sort": sort, "collapseThreads": collapse}
        old = await world.call("Email/query", **query)
        for _ in range(world.chance.randrange(1, 4)):
            await world.step()
        arguments = {**query, "accountId": jmap.account, "sinceQueryState": old["queryState"]}
        changes = await jmap.call("Email/queryChanges", **arguments)
        assert old["canCalculateChanges"] is True
        ids = [id_ for id_ in old["ids"] if id_ not in changes["removed"]]
        for one in changes["added"]:
            ids.insert(one["index"], one["id"])
        assert ids == (await world.call("Email/query", **query))["ids"]


async def test_a_result_follows_its_account_and_is_not_found_anew(
    jmap: JmapInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        await jmap.deliver(b"Subject: x\r\n\r\n", received_at=BASE + n)
    query: dict[str, Any] = {
        "accountId": jmap.account,
        "filter": {"inMailbox": "F1", "notKeyword": "$seen"},
        "sort": [{"property": "receivedAt", "isAscending": False}],
    }
    first = await jmap.call("Email/query", **query)

    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(email_query.EmailQuery, "_run", never)
    uid = await jmap.deliver(b"Subject: new\r\n\r\n", received_at=BASE + 2)
    new = object_ids.email(1 << 32 | uid)
    told = await jmap.call("Email/query", **query)
    assert told["ids"] == [*first["ids"][:2], new, *first["ids"][2:]]
    await jmap.call(
        "Email/set", accountId=jmap.account, update={new: {"keywords": {"$seen": True}}},
        destroy=[first["ids"][0]],
    )  # fmt: skip
    told = await jmap.call("Email/query", **query, collapseThreads=True)
    assert told["ids"] == first["ids"][1:]


async def test_a_comparator_of_keywords_names_one(jmap: JmapInstance) -> None:
    told = await jmap.call("Email/query", accountId=jmap.account, sort=[{"property": "hasKeyword"}])
    assert told["type"] == "invalidArguments"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("quick  brown", ["quick", "brown"]),
        ('"quick brown" fox', ["quick brown", "fox"]),
        ("'quick brown' fox", ["quick brown", "fox"]),
        ("""'it\\'s "so"' x""", ["""it's "so\"""", "x"]),
        (r'"a \"b\" \\ c"', [r'a "b" \ c']),
        ("don't can't", ["don't", "can't"]),
        ('"quick br', ["quick", "br"]),
        ("o'brien's 'x", ["o'brien's", "x"]),
        ('"" \'\' " "', []),
    ],
)
def test_phrases_stand_in_either_quotes(text: str, found: list[str]) -> None:
    """RFC 8621 4.4.1."""
    assert email_query.words(text) == found


@pytest.mark.parametrize(
    ("filter_", "wanted"),
    [
        ({"operator": "AND", "conditions": [{"inMailbox": "F1"}, {"inMailbox": "F3"}]}, "b"),
        ({"inMailbox": "F1", "inMailboxOtherThan": ["F1"]}, "b"),
        ({"inMailbox": "F1", "inMailboxOtherThan": ["F1", "F3"]}, ""),
        ({"operator": "AND", "conditions": [
            {"inMailbox": "F1"}, {"operator": "NOT", "conditions": [{"inMailbox": "F3"}]},
        ]}, "a"),
        ({"operator": "AND", "conditions": [
            {"inMailbox": "F3", "subject": "b"}, {"inMailbox": "F1"}, {"text": "hello"},
        ]}, "b"),
        ({"operator": "OR", "conditions": [{"inMailbox": "F3"}, {"inMailbox": "F9"}]}, "bc"),
    ],
)  # fmt: skip
async def test_an_email_in_two_mailboxes_is_in_both(
    jmap: JmapInstance, filter_: Any, wanted: str
) -> None:
    names = {}
    for name, boxes in (("a", ["F1"]), ("b", ["F1", "F3"]), ("c", ["F3"])):
        told = await jmap.call("Email/set", accountId=jmap.account, create={"k": {
            "mailboxIds": dict.fromkeys(boxes, True), "subject": name,
            "textBody": [{"partId": "1"}], "bodyValues": {"1": {"value": "hello"}},
        }})  # fmt: skip
        names[told["created"]["k"]["id"]] = name
    for sort in ([{"property": "receivedAt"}], [{"property": "subject"}]):
        told = await jmap.call("Email/query", accountId=jmap.account, filter=filter_, sort=sort)
        assert sorted(names[one] for one in told["ids"]) == list(wanted)

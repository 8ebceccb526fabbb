"""Queries of emails as a stranger would try them (RFC 8620 5.5, 5.6; RFC 8621 4.4), over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap_http import Client

NEWEST = [{"property": "receivedAt", "isAscending": False}]
OLDEST = [{"property": "receivedAt"}]


def letter(id_: str, subject: str, sender: str, day: int, body: str = "", more: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: {id_} <x@y.test>\r\nSubject: {subject}\r\n"
        f"Date: {day} Jul 2025 10:00:00 +0000\r\nMessage-ID: <{id_}@x>\r\n{more}\r\n{body}\r\n"
    ).encode()


# By when they came: a, b, c, d, e; d answers a, in one thread.
LETTERS = {
    "a": letter("a", "Re: banana", "Zed <z@x.test>", 4, "alpha"),
    "b": letter("b", "Apple", "bob@x.test", 1, "beta " * 50),
    "c": letter(
        "c", "Fwd: apple pie", '"alice" <c@x.test>', 5, "gamma",
        "Cc: carol@cc.test\r\nBcc: bcc@b.test\r\nX-Foo: hello world\r\nX-Foo: second\r\n",
    ),
    "d": letter("d", "Re: banana", "\u00c4b <q@x.test>", 3, "delta", "References: <a@x>\r\n"),
    "e": letter("e", "cherry", "=?utf-8?q?=C3=84b?= <q@x.test>", 2, "epsilon"),
}  # fmt: skip
SEEN = "ab"


@pytest.fixture
async def ids(client: Client) -> dict[str, str]:
    """The emails' ids by their letters."""
    return {
        name: await client.add(
            message,
            receivedAt=f"2025-07-{n:02}T00:00:00Z",
            keywords={"$seen": True} if name in SEEN else {},
        )
        for n, (name, message) in enumerate(LETTERS.items(), 1)
    }


async def ask(client: Client, ids: dict[str, str], **arguments: Any) -> str:
    """The letters of what is found; an error's type."""
    told = await client.call("Email/query", **arguments)
    names = {id_: name for name, id_ in ids.items()}
    found: str = told.get("error") or "".join(names[id_] for id_ in told["ids"])
    return found


async def test_every_sort(client: Client, ids: dict[str, str]) -> None:
    for name, found in (
        ("receivedAt", "abcde"), ("sentAt", "bedac"), ("from", "cdeba"), ("to", "abcde"),
        ("subject", "bcade"),
    ):  # fmt: skip
        up = [{"property": name}, {"property": "receivedAt"}]
        assert await ask(client, ids, sort=up) == found, name
        down = [{"property": name, "isAscending": False}, NEWEST[0]]
        assert await ask(client, ids, sort=down) == found[::-1], name
    assert (await ask(client, ids, sort=[{"property": "size"}]))[-1] == "b"
    for name, with_ in (
        ("hasKeyword", "ab"), ("allInThreadHaveKeyword", "b"), ("someInThreadHaveKeyword", "abd"),
    ):  # fmt: skip
        one: dict[str, Any] = {"property": name, "keyword": "$SEEN", "isAscending": False}
        without = "".join(name for name in "abcde" if name not in with_)
        assert await ask(client, ids, sort=[one, *OLDEST]) == with_ + without
        assert await ask(client, ids, sort=[{**one, "isAscending": True}, *OLDEST]) == (
            without + with_
        )
    for wrong, error in (
        ({"property": "hasKeyword"}, "invalidArguments"),
        ({"property": "preview"}, "unsupportedSort"),
        ({"property": "subject", "collation": "i;nonsense"}, "unsupportedSort"),
        ({"property": "subject", "isAscending": 1}, "invalidArguments"),
        ("subject", "invalidArguments"),
    ):
        assert await ask(client, ids, sort=[wrong]) == error
    for collation in ("i;ascii-casemap", "i;unicode-casemap"):
        sort = [{"property": "subject", "collation": collation}, *OLDEST]
        assert await ask(client, ids, sort=sort) == "bcade"


async def test_every_filter(client: Client, ids: dict[str, str]) -> None:
    both = [{"subject": "apple"}, {"from": "alice"}]
    for filter_, found in (
        (None, "abcde"), ({}, "abcde"),
        ({"before": "2025-07-03T00:00:00Z"}, "ab"), ({"after": "2025-07-03T00:00:00Z"}, "cde"),
        ({"hasKeyword": "$SEEN"}, "ab"), ({"notKeyword": "$seen"}, "cde"),
        ({"allInThreadHaveKeyword": "$seen"}, "b"), ({"someInThreadHaveKeyword": "$seen"}, "abd"),
        ({"noneInThreadHaveKeyword": "$seen"}, "ce"), ({"hasAttachment": True}, ""),
        ({"text": "carol"}, "c"), ({"text": "BCC@b"}, "c"), ({"text": "banana"}, "ad"),
        ({"text": "delta"}, "d"), ({"body": "banana"}, ""), ({"body": "delta"}, "d"),
        ({"from": "alice c@x.test"}, "c"), ({"from": "alice bob"}, ""), ({"from": "\u00e4b"}, "de"),
        ({"to": "x@y.test"}, "abcde"), ({"cc": "carol"}, "c"), ({"bcc": "bcc"}, "c"),
        ({"subject": "pie apple"}, "c"), ({"subject": '"apple pie"'}, "c"),
        ({"subject": '"pie apple"'}, ""),
        ({"header": ["x-foo"]}, "c"), ({"header": ["X-FOO", "WORLD"]}, "c"),
        ({"header": ["X-Foo", "second"]}, "c"), ({"header": ["X-Foo", "third"]}, ""),
        ({"header": ["X-Bar"]}, ""),
        ({"inMailbox": "F1"}, "abcde"), ({"inMailbox": "F2"}, ""),
        ({"inMailboxOtherThan": ["F1"]}, ""), ({"inMailboxOtherThan": ["F2", "F3"]}, "abcde"),
        ({"inMailbox": "F1", "hasKeyword": "$seen", "subject": "apple"}, "b"),
        ({"operator": "AND", "conditions": both}, "c"),
        ({"operator": "OR", "conditions": both}, "bc"),
        ({"operator": "NOT", "conditions": both}, "ade"),
        ({"operator": "NOT", "conditions": [{"operator": "NOT", "conditions": both}]}, "bc"),
        (
            {"operator": "AND", "conditions": [
                {"operator": "OR", "conditions": [{"subject": "apple"}, {"subject": "cherry"}]},
                {"operator": "NOT", "conditions": [{"from": "bob"}]},
            ]},
            "ce",
        ),
        ({"nonsense": 1}, "unsupportedFilter"),
        ({"operator": "AND", "conditions": [{"nonsense": 1}]}, "unsupportedFilter"),
        ({"operator": "and", "conditions": []}, "invalidArguments"),
        ({"operator": "AND"}, "invalidArguments"),
        ({"operator": "OR", "conditions": [None]}, "invalidArguments"),
        ({"before": "2025-07-03"}, "invalidArguments"), ({"header": []}, "invalidArguments"),
        ({"header": ["a", "b", "c"]}, "invalidArguments"), ({"minSize": -1}, "invalidArguments"),
        ({"hasAttachment": "yes"}, "invalidArguments"), ({"inMailbox": None}, "invalidArguments"),
    ):  # fmt: skip
        assert await ask(client, ids, filter=filter_, sort=OLDEST) == found, filter_
    size = (await client.email(ids["b"], "size"))["size"]
    for filter_, found in (
        ({"minSize": size}, "b"), ({"maxSize": size}, "acde"), ({"minSize": size + 1}, ""),
        ({"maxSize": size + 1}, "abcde"),
    ):  # fmt: skip
        assert await ask(client, ids, filter=filter_, sort=OLDEST) == found, filter_


async def test_windows_of_a_result(client: Client, ids: dict[str, str]) -> None:
    for wanted, found, position in (
        ({}, "abcde", 0), ({"position": 0, "limit": 0}, "", 0), ({"position": 3}, "de", 3),
        ({"position": -1}, "e", 4), ({"position": -99, "limit": 1}, "a", 0),
        ({"position": 5}, "", None), ({"position": 99}, "", None),
        ({"anchor": "c"}, "cde", 2), ({"anchor": "c", "limit": 1}, "c", 2),
        ({"anchor": "c", "anchorOffset": -1}, "bcde", 1),
        ({"anchor": "c", "anchorOffset": 1, "limit": 1}, "d", 3),
        ({"anchor": "a", "anchorOffset": -9, "limit": 2}, "ab", 0),
        ({"anchor": "e", "anchorOffset": 9}, "", None),
        ({"anchor": "c", "position": 99, "limit": 1}, "c", 2),
        ({"position": 1, "anchorOffset": 3, "limit": 1}, "b", 1),
    ):  # fmt: skip
        window: dict[str, Any] = {"sort": OLDEST, **wanted}
        if "anchor" in window:
            window["anchor"] = ids[window["anchor"]]
        told = await client.call("Email/query", calculateTotal=True, **window)
        assert told["ids"] == [ids[name] for name in found], window
        assert position is None or told["position"] == position
        assert told["total"] == 5
        assert "total" not in await client.call("Email/query", **window)
    assert await ask(client, ids, anchor="nobody") == "anchorNotFound"
    assert await ask(client, ids, anchor=ids["d"], collapseThreads=True, sort=OLDEST) == (
        "anchorNotFound"
    )
    assert await ask(client, ids, limit=-1) == "invalidArguments"


async def test_of_a_thread_only_the_first_is_told(client: Client, ids: dict[str, str]) -> None:
    collapsed = {"collapseThreads": True}
    assert await ask(client, ids, sort=OLDEST, **collapsed) == "abce"
    assert await ask(client, ids, sort=NEWEST, **collapsed) == "edcb"
    seen = {"filter": {"hasKeyword": "$seen"}}
    assert await ask(client, ids, sort=NEWEST, **collapsed, **seen) == "ba"
    told = await client.call("Email/query", calculateTotal=True, limit=1, **collapsed)
    assert told["total"] == 4


@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.parametrize("sort", [OLDEST, NEWEST, [{"property": "subject"}, NEWEST[0]]])
@pytest.mark.parametrize("filter_", [None, {"notKeyword": "$seen"}, {"subject": "banana"}])
async def test_changes_of_a_query_lead_to_what_it_is_now(
    client: Client, ids: dict[str, str], sort: Any, filter_: Any, *, collapse: bool
) -> None:
    asked: dict[str, Any] = {"sort": sort, "filter": filter_, "collapseThreads": collapse}

    async def follows(old: Any) -> None:
        """RFC 8620 5.6: splice out what is removed, in what is added, at its index."""
        told = await client.call(
            "Email/queryChanges", sinceQueryState=old["queryState"], calculateTotal=True, **asked
        )
        new = await client.call("Email/query", calculateTotal=True, **asked)
        kept = [id_ for id_ in old["ids"] if id_ not in told["removed"]]
        for one in told["added"]:
            assert one["id"] not in kept
            kept.insert(one["index"], one["id"])
        assert kept == new["ids"]
        assert (told["oldQueryState"], told["newQueryState"], told["total"]) == (
            old["queryState"], new["queryState"], new["total"],
        )  # fmt: skip

    first = await client.call("Email/query", **asked)
    await follows(first)
    await client.call("Email/set", update={ids["d"]: {"keywords/$seen": True}})
    await follows(first)
    second = await client.call("Email/query", **asked)
    await client.add(
        letter("f", "Re: banana", "new@x.test", 9, "", "References: <a@x>\r\n"),
        receivedAt="2025-07-03T12:00:00Z",
    )
    await client.add(letter("g", "grape", "new@x.test", 9), receivedAt="2025-06-01T00:00:00Z")
    await follows(second)
    third = await client.call("Email/query", **asked)
    await client.call("Email/set", destroy=[ids["a"], ids["c"]])
    await client.call("Email/set", update={ids["e"]: {"mailboxIds": {"F5": True}}})
    await follows(third)
    await follows(first)


async def test_snippets_of_what_was_found(client: Client, ids: dict[str, str]) -> None:
    long = await client.add(b"Subject: long\r\n\r\n" + "w\u00f6rt needle ".encode() * 300)
    told = await client.call("SearchSnippet/get", filter={"text": "needle"}, emailIds=[long])
    [one] = told["list"]
    assert "<mark>needle</mark>" in one["preview"]
    assert len(one["preview"].encode()) <= 255
    either = {"operator": "OR", "conditions": [{"subject": "apple"}, {"body": "alpha"}]}
    told = await client.call(
        "SearchSnippet/get", filter=either, emailIds=[ids["a"], ids["b"], "nobody"]
    )
    assert told["list"] == [
        {"emailId": ids["a"], "subject": None, "preview": "<mark>alpha</mark>"},
        {"emailId": ids["b"], "subject": "<mark>Apple</mark>", "preview": None},
    ]
    assert told["notFound"] == ["nobody"]
    denied = {"operator": "NOT", "conditions": [{"subject": "apple"}]}
    told = await client.call("SearchSnippet/get", filter=denied, emailIds=[ids["a"]])
    assert told["list"] == [{"emailId": ids["a"], "subject": None, "preview": None}]
    assert told["notFound"] is None

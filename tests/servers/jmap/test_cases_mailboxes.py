"""Mailboxes and threads as a stranger would try them (RFC 8621 2 and 3), over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap_http import Client

RIGHTS = {
    "mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords",
    "mayCreateChild", "mayRename", "mayDelete", "maySubmit",
}  # fmt: skip


async def made(client: Client, **mailboxes: Any) -> list[str]:
    """The ids of new mailboxes."""
    told = await client.call("Mailbox/set", create=mailboxes)
    assert told["notCreated"] is None, told
    return [told["created"][name]["id"] for name in mailboxes]


async def refused(client: Client, **arguments: Any) -> tuple[str, list[str]]:
    """Why the only thing that a /set asks for was not done, and the properties at fault."""
    told = await client.call("Mailbox/set", **arguments)
    [error] = [
        error
        for name in ("notCreated", "notUpdated", "notDestroyed")
        for error in (told[name] or {}).values()
    ]
    return error["type"], error.get("properties", [])


async def test_a_mailbox_has_all_its_properties(client: Client) -> None:
    told = await client.call("Mailbox/get")
    assert sorted(one["role"] for one in told["list"]) == [
        "archive", "drafts", "inbox", "junk", "sent", "trash",
    ]  # fmt: skip
    for one in told["list"]:
        assert one.keys() >= {
            "id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails",
            "totalThreads", "unreadThreads", "myRights", "isSubscribed",
        }  # fmt: skip
        assert one["myRights"].keys() >= RIGHTS
        assert all(isinstance(right, bool) for right in one["myRights"].values())
        assert 0 <= one["sortOrder"] < 2**31
    some = await client.call("Mailbox/get", ids=["F1"], properties=["name", "role"])
    assert some["list"] == [{"id": "F1", "name": "Inbox", "role": "inbox"}]


async def test_what_was_created_is_told_as_far_as_the_client_does_not_know(client: Client) -> None:
    told = await client.call(
        "Mailbox/set", create={"k": {"name": "N", "parentId": None, "sortOrder": 7}}
    )
    new = told["created"]["k"]
    assert {"name", "sortOrder"}.isdisjoint(new)
    assert (new["totalEmails"], new["unreadThreads"], new["role"]) == (0, 0, None)
    assert new["isSubscribed"] is True
    [got] = (await client.call("Mailbox/get", ids=[new["id"]]))["list"]
    assert (got["name"], got["parentId"], got["sortOrder"]) == ("N", None, 7)
    assert got.items() >= new.items()


async def test_parents_are_named_by_creation_id_in_any_order(client: Client) -> None:
    c, b, a = await made(
        client,
        c={"name": "c", "parentId": "#b"},
        b={"name": "b", "parentId": "#a"},
        a={"name": "a"},
    )
    told = await client.call("Mailbox/get", ids=[a, b, c], properties=["parentId"])
    assert [one["parentId"] for one in told["list"]] == [None, a, b]
    for parent in (a, b, c):
        assert await refused(client, update={a: {"parentId": parent}}) == (
            "invalidProperties",
            ["parentId"],
        )
    assert await refused(client, destroy=[a]) == ("mailboxHasChild", [])
    kept = await refused(client, destroy=[a], onDestroyRemoveEmails=True)
    assert kept == ("mailboxHasChild", [])
    told = await client.call("Mailbox/set", destroy=[a, b, c])
    assert set(told["destroyed"]) == {a, b, c}


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "Sent"}, "name"),
        ({"name": "INBOX"}, "name"),
        ({"name": "N", "parentId": "F999"}, "parentId"),
        ({"name": "N", "parentId": 1}, "parentId"),
        ({"name": "N", "role": "sent"}, "role"),
        ({"name": "N", "role": "Sent"}, "role"),
        ({"name": "N", "role": "nonsense"}, "role"),
        ({"name": "N", "sortOrder": 2**31}, "sortOrder"),
        ({"name": "N", "sortOrder": "1"}, "sortOrder"),
        ({"name": "N", "isSubscribed": 1}, "isSubscribed"),
        ({"name": "N", "myRights": {}}, "myRights"),
        ({"name": "N", "unreadEmails": 0}, "unreadEmails"),
        ({"name": "N", "id": "F77"}, "id"),
    ],
)
async def test_a_mailbox_that_cannot_be_says_what_is_wrong(
    client: Client, properties: dict[str, Any], named: str
) -> None:
    assert await refused(client, create={"k": properties}) == ("invalidProperties", [named])


async def test_siblings_differ_in_name_and_others_need_not(client: Client) -> None:
    [first, second] = await made(client, a={"name": "one"}, b={"name": "two"})
    assert await refused(client, update={second: {"name": "one"}}) == (
        "invalidProperties",
        ["name"],
    )
    [child] = await made(client, c={"name": "one", "parentId": first})
    assert await refused(client, update={child: {"parentId": None}}) != ("", [])
    told = await client.call(
        "Mailbox/set", update={first: {"name": "two"}, second: {"name": "one"}}
    )
    assert told["updated"].keys() == {first, second}


async def test_roles_can_be_given_taken_and_exchanged(client: Client) -> None:
    [important] = await made(client, k={"name": "I", "role": "important"})
    for update in (
        {important: {"role": None}},
        {important: {"role": "flagged"}},
        {"F4": {"role": "trash"}, "F5": {"role": "junk"}},
        {"F4": {"role": None}, important: {"role": "trash"}},
    ):
        told = await client.call("Mailbox/set", update=update)
        assert told["notUpdated"] is None, told
    roles = {
        one["id"]: one["role"]
        for one in (await client.call("Mailbox/get", properties=["role"]))["list"]
    }
    assert (roles["F4"], roles["F5"], roles[important]) == (None, "junk", "trash")


async def test_a_mailbox_with_emails_goes_only_with_them(client: Client) -> None:
    [box] = await made(client, k={"name": "N"})
    alone = await client.add(b"Subject: alone\r\n\r\n", box)
    both = await client.add(b"Subject: both\r\n\r\n", box)
    await client.call("Email/set", update={both: {"mailboxIds/F1": True}})
    assert await refused(client, destroy=[box]) == ("mailboxHasEmail", [])
    told = await client.call("Mailbox/set", destroy=[box], onDestroyRemoveEmails=True)
    assert told["destroyed"] == [box]
    left = await client.call("Email/get", ids=[alone, both], properties=["mailboxIds"])
    assert left["list"] == [{"id": both, "mailboxIds": {"F1": True}}]
    assert left["notFound"] == [alone]


async def test_when_only_counts_changed_changes_say_so(client: Client) -> None:
    state = (await client.call("Mailbox/get", ids=[]))["state"]
    quiet = await client.call("Mailbox/changes", sinceState=state)
    assert (quiet["created"], quiet["updated"], quiet["destroyed"]) == ([], [], [])
    assert (quiet["newState"], quiet["hasMoreChanges"]) == (state, False)
    await client.add(b"Subject: x\r\n\r\n")
    changes, got = await client.calls(
        ("Mailbox/changes", {"sinceState": state}),
        ("Mailbox/get", {
            "#ids": {"resultOf": "0", "name": "Mailbox/changes", "path": "/updated"},
            "#properties": {
                "resultOf": "0", "name": "Mailbox/changes", "path": "/updatedProperties",
            },
        }),
    )  # fmt: skip
    assert changes["updated"] == ["F1"]
    assert set(changes["updatedProperties"]) == {
        "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
    }  # fmt: skip
    assert got["list"] == [
        {"id": "F1", "totalEmails": 1, "unreadEmails": 1, "totalThreads": 1, "unreadThreads": 1}
    ]
    await client.call("Mailbox/set", update={"F2": {"name": "Other"}})
    changes = await client.call("Mailbox/changes", sinceState=state)
    assert (set(changes["updated"]), changes["updatedProperties"]) == ({"F1", "F2"}, None)


def letter(id_: str, answers: str = "") -> bytes:
    subject = f"Subject: Re: {id_[0]}\r\nMessage-ID: <{id_}@x>\r\n"
    return (subject + (f"In-Reply-To: <{answers}@x>\r\n" if answers else "") + "\r\n").encode()


async def test_unread_threads_look_beyond_the_mailbox_but_not_into_the_trash(
    client: Client,
) -> None:
    [box, other] = await made(client, a={"name": "a"}, b={"name": "b"})
    seen = {"keywords": {"$seen": True}}

    async def unread() -> list[int]:
        told = await client.call(
            "Mailbox/get", ids=[box, other, "F5"], properties=["unreadThreads"]
        )
        return [one["unreadThreads"] for one in told["list"]]

    await client.add(letter("a1"), box, **seen)
    assert await unread() == [0, 0, 0]
    await client.add(letter("a2", "a1"), other)
    assert await unread() == [1, 1, 0]
    await client.add(letter("b1"), box, **seen)
    await client.add(letter("b2", "b1"), "F5")
    assert await unread() == [1, 1, 1]
    await client.add(letter("c1"), box)
    await client.add(letter("c2", "c1"), "F5", **seen)
    assert await unread() == [2, 1, 1]


async def test_a_mailbox_changes_when_what_is_unread_of_its_threads_does(client: Client) -> None:
    [box] = await made(client, a={"name": "a"})
    await client.add(letter("a1"), box, keywords={"$seen": True})
    await client.add(letter("b1"), "F3", keywords={"$seen": True})
    state = (await client.call("Mailbox/get", ids=[]))["state"]

    async def happened(limit: int) -> list[str]:
        nonlocal state
        found = []
        while True:
            told = await client.call("Mailbox/changes", sinceState=state, maxChanges=limit)
            assert set(told["updatedProperties"] or ()) <= {
                "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
            }  # fmt: skip
            found += told["updated"]
            state = told["newState"]
            if not told["hasMoreChanges"]:
                return sorted(found)

    answer = await client.add(letter("a2", "a1"))
    assert await happened(9) == ["F1", box]
    await client.call("Email/set", update={answer: {"keywords/$seen": True}})
    assert await happened(1) == ["F1", box]
    await client.call("Email/set", update={answer: {"keywords/$seen": None}})
    assert await happened(1) == ["F1", box]
    await client.call("Email/set", destroy=[answer])
    assert await happened(9) == ["F1", box]
    await client.add(letter("c1"))
    assert await happened(9) == ["F1"]


async def test_a_thread_changes_when_its_emails_come_and_go(client: Client) -> None:
    state = (await client.call("Thread/get", ids=[]))["state"]

    async def happened() -> list[list[str]]:
        nonlocal state
        told = await client.call("Thread/changes", sinceState=state)
        state = told["newState"]
        return [told[name] for name in ("created", "updated", "destroyed")]

    first = await client.add(letter("a1"), receivedAt="2025-01-02T00:00:00Z")
    thread = (await client.email(first, "threadId"))["threadId"]
    assert await happened() == [[thread], [], []]
    second = await client.add(letter("a2", "a1"), receivedAt="2025-01-01T00:00:00Z")
    assert await happened() == [[], [thread], []]
    told = await client.call("Thread/get", ids=[thread, "T0"])
    # By receivedAt, whatever came first.
    assert told["list"] == [{"id": thread, "emailIds": [second, first]}]
    assert told["notFound"] == ["T0"]
    await client.call("Email/set", update={first: {"keywords/$seen": True}})
    assert await happened() == [[], [], []]
    await client.call("Email/set", destroy=[first])
    assert await happened() == [[], [thread], []]
    await client.call("Email/set", destroy=[second])
    assert await happened() == [[], [], [thread]]


async def test_mailboxes_are_found_sorted_and_followed(client: Client) -> None:
    [b, a, kid] = await made(
        client,
        b={"name": "bb", "sortOrder": 1, "isSubscribed": False},
        a={"name": "Aa", "sortOrder": 2},
        kid={"name": "kid", "parentId": "#b"},
    )
    mine = {"operator": "NOT", "conditions": [{"hasAnyRole": True}]}
    by_name = [{"property": "name"}]
    for filter_, sort, found in (
        (mine, by_name, [a, b, kid]),
        (mine, [{"property": "name", "isAscending": False}], [kid, b, a]),
        (mine, [{"property": "sortOrder"}], [kid, b, a]),
        ({"hasAnyRole": False, "parentId": None}, by_name, [a, b]),
        ({"parentId": b}, by_name, [kid]),
        ({"role": "trash"}, by_name, ["F5"]),
        ({"name": "A"}, by_name, None),
        ({"isSubscribed": False}, by_name, [b]),
        ({"role": None, "isSubscribed": True}, by_name, [a, kid]),
    ):
        told = await client.call("Mailbox/query", filter=filter_, sort=sort)
        assert found is None or told["ids"] == found, filter_
    tree = await client.call("Mailbox/query", filter=mine, sort=by_name, sortAsTree=True)
    assert tree["ids"] == [a, b, kid]
    for name, found in (("kid", []), ("bb", [b])):
        told = await client.call("Mailbox/query", filter={"name": name}, filterAsTree=True)
        assert told["ids"] == found
    for wrong, error in (
        ({"sort": [{"property": "role"}]}, "unsupportedSort"),
        ({"filter": {"totalEmails": 1}}, "unsupportedFilter"),
        ({"sortAsTree": "yes"}, "invalidArguments"),
        ({"position": 0.5}, "invalidArguments"),
    ):
        assert (await client.call("Mailbox/query", **wrong))["error"] == error
    old = await client.call("Mailbox/query", filter=mine, sort=by_name)
    [new] = await made(client, c={"name": "ab"})
    await client.call("Mailbox/set", destroy=[kid])
    told = await client.call(
        "Mailbox/queryChanges", sinceQueryState=old["queryState"], filter=mine, sort=by_name,
        calculateTotal=True,
    )  # fmt: skip
    assert (told["removed"], told["added"], told["total"]) == ([kid], [{"id": new, "index": 1}], 3)

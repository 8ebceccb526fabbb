from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap import JmapInstance

RAW = b"Subject: hi\r\n\r\nhello\r\n"


async def make(jmap: JmapInstance, **properties: Any) -> str:
    told = await jmap.call("Mailbox/set", accountId=jmap.account, create={"k": properties})
    assert told["notCreated"] is None, told
    made: str = told["created"]["k"]["id"]
    return made


async def refusal(jmap: JmapInstance, **properties: Any) -> dict[str, Any]:
    told = await jmap.call("Mailbox/set", accountId=jmap.account, create={"k": properties})
    error: dict[str, Any] = told["notCreated"]["k"]
    return error


async def one(jmap: JmapInstance, id_: str) -> dict[str, Any]:
    told = await jmap.call("Mailbox/get", accountId=jmap.account, ids=[id_])
    found: dict[str, Any] = told["list"][0]
    return found


async def test_every_account_begins_with_the_standard_mailboxes(jmap: JmapInstance) -> None:
    told = await jmap.call("Mailbox/get", accountId=jmap.account, ids=None)
    assert {box["role"] for box in told["list"]} == {
        "inbox", "drafts", "sent", "junk", "trash", "archive",
    }  # fmt: skip
    assert told["notFound"] == []


async def test_counters_follow_the_mail(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    await jmap.deliver(RAW, keywords="$seen")
    inbox = await one(jmap, "F1")
    assert (inbox["totalEmails"], inbox["unreadEmails"]) == (2, 1)
    assert (inbox["totalThreads"], inbox["unreadThreads"]) == (2, 1)


async def test_only_the_properties_asked_for_are_told(jmap: JmapInstance) -> None:
    told = await jmap.call(
        "Mailbox/get", accountId=jmap.account, ids=["F1", "F1", "F99"], properties=["name"]
    )
    assert told["list"] == [{"id": "F1", "name": "Inbox"}]
    assert told["notFound"] == ["F99"]
    wrong = await jmap.call("Mailbox/get", accountId=jmap.account, ids=None, properties=["x"])
    assert wrong["type"] == "invalidArguments"


async def test_a_tree_is_made_in_one_call(jmap: JmapInstance) -> None:
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account,
        create={"b": {"name": "B", "parentId": "#a"}, "a": {"name": "A"}},
    )  # fmt: skip
    assert (await one(jmap, told["created"]["b"]["id"]))["parentId"] == told["created"]["a"]["id"]


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "Sent"}, "name"),
        ({"name": "inbox"}, "name"),
        ({"name": "A", "parentId": "F99"}, "parentId"),
        ({"name": "A", "parentId": "#no"}, "parentId"),
        ({"name": "A", "role": "sent"}, "role"),
        ({"name": "A", "role": "nonsense"}, "role"),
        ({"name": "A", "totalEmails": 1}, "totalEmails"),
        ({"name": "A", "x": 1}, "x"),
        ({"name": "A", "sortOrder": -1}, "sortOrder"),
        ({"name": "A", "isSubscribed": 1}, "isSubscribed"),
    ],
)
async def test_wrong_properties_are_named(
    jmap: JmapInstance, properties: dict[str, Any], named: str
) -> None:
    error = await refusal(jmap, **properties)
    assert (error["type"], error["properties"]) == ("invalidProperties", [named])


async def test_a_mailbox_is_renamed_moved_and_given_a_role(jmap: JmapInstance) -> None:
    a, b = await make(jmap, name="A"), await make(jmap, name="B", isSubscribed=True)
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account,
        update={b: {"name": "C", "parentId": a, "role": "templates", "sortOrder": 7}},
    )  # fmt: skip
    assert told["updated"] == {b: None}
    box = await one(jmap, b)
    assert [box[name] for name in ("name", "parentId", "role", "sortOrder", "isSubscribed")] == [
        "C", a, "templates", 7, True,
    ]  # fmt: skip


async def test_a_mailbox_cannot_be_inside_of_itself(jmap: JmapInstance) -> None:
    a = await make(jmap, name="A")
    b = await make(jmap, name="B", parentId=a)
    for parent in (a, b):
        told = await jmap.call(
            "Mailbox/set", accountId=jmap.account, update={a: {"parentId": parent}}
        )
        assert told["notUpdated"][a]["properties"] == ["parentId"]


async def test_destroying_spares_children_and_mail(jmap: JmapInstance) -> None:
    a = await make(jmap, name="A")
    b = await make(jmap, name="B", parentId=a)
    await jmap.deliver(RAW, mailbox_id=int(b[1:]))

    async def destroy(*ids: str, **more: Any) -> Any:
        return await jmap.call("Mailbox/set", accountId=jmap.account, destroy=list(ids), **more)

    assert (await destroy(a))["notDestroyed"][a]["type"] == "mailboxHasChild"
    assert (await destroy(b))["notDestroyed"][b]["type"] == "mailboxHasEmail"
    assert (await destroy("F1"))["notDestroyed"]["F1"]["type"] == "forbidden"
    assert (await destroy("F99"))["notDestroyed"]["F99"]["type"] == "notFound"
    assert (await destroy(b, a, onDestroyRemoveEmails=True))["destroyed"] == [b, a]


async def test_what_is_destroyed_is_not_updated(jmap: JmapInstance) -> None:
    a = await make(jmap, name="A")
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account, update={a: {"name": "B"}}, destroy=[a]
    )
    assert told["notUpdated"][a]["type"] == "willDestroy"
    assert told["destroyed"] == [a]


async def test_a_state_that_is_not_the_current_one_changes_nothing(jmap: JmapInstance) -> None:
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account, ifInState="1", create={"k": {"name": "A"}}
    )
    assert told["type"] == "stateMismatch"


async def test_changes_are_told_page_by_page(jmap: JmapInstance) -> None:
    state = (await jmap.call("Mailbox/get", accountId=jmap.account, ids=[]))["state"]
    made = [await make(jmap, name=f"N{n}") for n in range(5)]
    await jmap.call("Mailbox/set", accountId=jmap.account, destroy=[made[1]])
    created: list[str] = []
    for _ in range(9):
        told = await jmap.call(
            "Mailbox/changes", accountId=jmap.account, sinceState=state, maxChanges=2
        )
        created += told["created"]
        state = told["newState"]
        if not told["hasMoreChanges"]:
            break
    assert created == [made[0], *made[2:]]
    for bad in ("x", "999999", "", "-1"):
        told = await jmap.call("Mailbox/changes", accountId=jmap.account, sinceState=bad)
        assert told["type"] == "cannotCalculateChanges"


async def test_new_mail_changes_only_the_counters(jmap: JmapInstance) -> None:
    state = (await jmap.call("Mailbox/get", accountId=jmap.account, ids=[]))["state"]
    await jmap.deliver(RAW)
    told = await jmap.call("Mailbox/changes", accountId=jmap.account, sinceState=state)
    assert told["updated"] == ["F1"]
    assert set(told["updatedProperties"]) == {
        "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
    }  # fmt: skip


async def test_queries_filter_and_sort(jmap: JmapInstance) -> None:
    a = await make(jmap, name="Alpha")
    b = await make(jmap, name="beta", parentId=a)

    async def query(filter_: Any = None, sort: Any = None, **more: Any) -> Any:
        return await jmap.call(
            "Mailbox/query", accountId=jmap.account, filter=filter_, sort=sort, **more
        )

    by_name = [{"property": "name"}]
    assert (await query({"parentId": a}))["ids"] == [b]
    assert (await query({"hasAnyRole": False}, by_name))["ids"] == [a, b]
    assert (await query({"name": "ALPH"}))["ids"] == [a]
    assert (await query({"role": "sent"}))["ids"] == ["F3"]
    both = {"operator": "OR", "conditions": [{"role": "sent"}, {"name": "beta"}]}
    assert set((await query(both))["ids"]) == {"F3", b}
    neither = {"operator": "NOT", "conditions": [{"hasAnyRole": True}, {"name": "beta"}]}
    assert (await query(neither))["ids"] == [a]
    tree = (await query(None, by_name, sortAsTree=True))["ids"]
    assert tree.index(b) == tree.index(a) + 1
    assert (await query({"name": "beta"}, filterAsTree=True))["ids"] == []
    down = (await query(None, [{"property": "name", "isAscending": False}]))["ids"]
    assert down == (await query(None, by_name))["ids"][::-1]
    paged = await query(None, by_name, position=-2, limit=1, calculateTotal=True)
    assert (paged["position"], paged["total"], len(paged["ids"])) == (6, 8, 1)
    near = await query(None, by_name, anchor=a, anchorOffset=1, limit=1)
    assert near["position"] == (await query(None, by_name))["ids"].index(a) + 1
    assert (await query(None, anchor="F99"))["type"] == "anchorNotFound"
    assert (await query({"x": 1}))["type"] == "unsupportedFilter"
    assert (await query(None, [{"property": "x"}]))["type"] == "unsupportedSort"
    assert (await query({"name": 1}))["type"] == "invalidArguments"


async def test_a_query_tells_what_changed_in_it(jmap: JmapInstance) -> None:
    sort = [{"property": "name"}]
    before = await jmap.call("Mailbox/query", accountId=jmap.account, sort=sort)
    a = await make(jmap, name="AAA")
    await jmap.call("Mailbox/set", accountId=jmap.account, update={"F3": {"name": "Zzz"}})
    told = await jmap.call(
        "Mailbox/queryChanges", accountId=jmap.account, sort=sort,
        sinceQueryState=before["queryState"], calculateTotal=True,
    )  # fmt: skip
    ids = [one for one in before["ids"] if one not in told["removed"]]
    for added in told["added"]:
        ids.insert(added["index"], added["id"])
    after = await jmap.call("Mailbox/query", accountId=jmap.account, sort=sort)
    assert ids == after["ids"]
    assert a in ids
    assert told["total"] == len(ids)


async def test_mailboxes_change_places_in_one_call(jmap: JmapInstance) -> None:
    a, b = await make(jmap, name="A"), await make(jmap, name="B")
    c = await make(jmap, name="C", parentId=a, isSubscribed=False)
    d = await make(jmap, name="D", parentId=b)
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account,
        update={a: {"name": "B"}, b: {"name": "A"}, c: {"name": "D", "parentId": b},
                d: {"name": "C", "parentId": a}},
    )  # fmt: skip
    assert told["notUpdated"] is None
    found = [await one(jmap, id_) for id_ in (a, b, c, d)]
    assert [(box["name"], box["parentId"]) for box in found] == [
        ("B", None), ("A", None), ("D", b), ("C", a),
    ]  # fmt: skip
    assert [box["isSubscribed"] for box in found] == [True, True, False, True]


async def test_one_that_has_to_stay_lets_the_others_stay(jmap: JmapInstance) -> None:
    a, b = await make(jmap, name="A"), await make(jmap, name="B")
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account,
        update={a: {"name": "B"}, b: {"name": "Sent"}},
    )  # fmt: skip
    assert told["notUpdated"].keys() == {a, b}
    assert [(await one(jmap, id_))["name"] for id_ in (a, b)] == ["A", "B"]


async def test_a_new_mailbox_is_subscribed_and_stays_so(jmap: JmapInstance) -> None:
    parent = await make(jmap, name="P")
    child = await make(jmap, name="C", parentId=parent)
    quiet = await make(jmap, name="Q", parentId=parent, isSubscribed=False)
    await jmap.call(
        "Mailbox/set", accountId=jmap.account, update={parent: {"name": "Renamed"}}
    )  # fmt: skip
    subscribed = [(await one(jmap, id_))["isSubscribed"] for id_ in (parent, child, quiet)]
    assert subscribed == [True, True, False]


async def test_mailboxes_change_their_roles(jmap: JmapInstance) -> None:
    """RFC 8620 5.3: only the end of a /set has to be valid."""

    async def roles() -> dict[str, str | None]:
        told = await jmap.call("Mailbox/get", accountId=jmap.account, ids=None)
        return {one["id"]: one["role"] for one in told["list"]}

    before = await roles()
    three = {"F4": before["F5"], "F5": before["F6"], "F6": before["F4"]}
    update: dict[str, Any] = {id_: {"role": role} for id_, role in three.items()}
    told = await jmap.call("Mailbox/set", accountId=jmap.account, update=update)
    assert set(told["updated"]) == set(three)
    assert await roles() == before | three
    wrong: Any
    for wrong in ("sent", ["sent"], {}):
        update = {"F4": {"role": wrong}, "F5": {"role": before["F5"]}}
        told = await jmap.call("Mailbox/set", accountId=jmap.account, update=update)
        assert set(told["notUpdated"]) == {"F4", "F5"}
        assert await roles() == before | three

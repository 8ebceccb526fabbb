from __future__ import annotations

from typing import Any

import pytest

from merpati.model import object_ids
from merpati.model.mailbox import INBOX_ID
from merpati.servers.jmap.call import CORE, MAIL, OWNER, PRINCIPALS
from merpati.servers.jmap.mailbox_view import RIGHTS
from merpati.store import rights
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.server import BUDI

READ = {"mayReadItems": True}


class People:
    """Ana, who shares, and Budi."""

    def __init__(self, jmap: JmapInstance) -> None:
        self.jmap = jmap
        self.ana, self.budi = f"p{jmap.ana.id}", f"p{jmap.budi.id}"
        self.budis = object_ids.account(jmap.budi.id)

    async def share(self, id_: str, patch: dict[str, Any], user: Any = None) -> Any:
        return await self.jmap.call(
            "Mailbox/set", accountId=self.jmap.account, update={id_: patch}, user=user
        )

    async def seen(self) -> Any:
        """What Budi sees of Ana's mailboxes."""
        return await self.jmap.call("Mailbox/get", accountId=self.jmap.account, user=self.jmap.budi)

    async def notes(self) -> list[Any]:
        told = await self.jmap.call(
            "ShareNotification/get", accountId=self.budis, user=self.jmap.budi
        )
        found: list[Any] = told["list"]
        return found


@pytest.fixture
def people(jmap: JmapInstance) -> People:
    return People(jmap)


async def test_a_mailbox_is_shared_and_who_gains_by_it_is_told(
    jmap: JmapInstance, people: People
) -> None:
    assert (await people.seen())["type"] == "accountNotFound"
    state = (await jmap.call("ShareNotification/get", accountId=people.budis, user=jmap.budi))[
        "state"
    ]
    told = await people.share("F1", {"shareWith": {people.budi: {**READ, "maySetSeen": True}}})
    assert told["updated"] == {"F1": None}
    own = await jmap.call("Mailbox/get", accountId=jmap.account, ids=["F1", "F2"])
    rights = own["list"][0]["shareWith"][people.budi]
    assert {name for name, may in rights.items() if may} == {"mayReadItems", "maySetSeen"}
    assert own["list"][1]["shareWith"] is None
    assert own["list"][0]["myRights"]["mayAdmin"] is True
    [box] = (await people.seen())["list"]
    assert (box["id"], box["shareWith"], box["isSubscribed"]) == ("F1", None, False)
    assert box["myRights"]["mayReadItems"] is True
    assert box["myRights"]["mayAdmin"] is box["myRights"]["maySubmit"] is False
    [note] = await people.notes()
    assert note["changedBy"]["principalId"] == people.ana
    assert (note["objectType"], note["objectAccountId"]) == ("Mailbox", jmap.account)
    assert (note["objectId"], note["name"]) == ("F1", "INBOX")
    assert note["oldRights"] is None
    assert note["newRights"]["mayReadItems"] is True
    told = await jmap.call(
        "ShareNotification/changes", accountId=people.budis, sinceState=state, user=jmap.budi
    )
    assert told["created"] == [note["id"]]
    # More for the same person is a change of the one entry; the end of it is told, too.
    await people.share("F1", {f"shareWith/{people.budi}/mayAddItems": True})
    [box] = (await people.seen())["list"]
    assert box["myRights"]["mayAddItems"] is box["myRights"]["mayReadItems"] is True
    await people.share("F1", {f"shareWith/{people.budi}": None})
    assert (await people.seen())["type"] == "accountNotFound"
    notes = await people.notes()
    assert [one["newRights"] is None for one in notes] == [False, False, True]
    query = {"accountId": people.budis, "filter": {"objectAccountId": jmap.account}}
    told = await jmap.call(
        "ShareNotification/query", **query, user=jmap.budi,
        sort=[{"property": "created", "isAscending": False}],
    )  # fmt: skip
    assert set(told["ids"]) == {one["id"] for one in notes}
    told = await jmap.call(
        "ShareNotification/set", accountId=people.budis, user=jmap.budi, create={"k": {}},
        update={notes[1]["id"]: {"name": "x"}}, destroy=[notes[0]["id"], "N99999"],
    )  # fmt: skip
    assert told["destroyed"] == [notes[0]["id"]]
    assert told["notDestroyed"]["N99999"]["type"] == "notFound"
    assert told["notCreated"]["k"]["type"] == "forbidden"
    assert told["notUpdated"][notes[1]["id"]]["type"] == "invalidProperties"
    assert len(await people.notes()) == 2


async def test_only_who_may_administer_a_mailbox_shares_it(
    jmap: JmapInstance, people: People
) -> None:
    await people.share("F1", {"shareWith": {people.budi: READ}})
    told = await people.share("F1", {"shareWith": {}}, user=jmap.budi)
    assert told["notUpdated"]["F1"]["type"] == "forbidden"
    await people.share("F1", {f"shareWith/{people.budi}/mayAdmin": True})
    told = await people.share("F1", {"shareWith": None}, user=jmap.budi)
    assert told["updated"] == {"F1": None}
    assert (await people.seen())["type"] == "accountNotFound"
    wrongs: list[dict[str, Any]] = [
        {"shareWith": {"p99999": READ}},
        {"shareWith": {people.ana: READ}},
        {"shareWith": {"nobody": READ}},
        {"shareWith": {people.budi: {"mayFly": True}}},
        {"shareWith": {people.budi: True}},
        {"shareWith": []},
    ]
    for wrong in wrongs:
        error = (await people.share("F1", wrong))["notUpdated"]["F1"]
        assert (error["type"], error["properties"]) == ("invalidProperties", ["shareWith"])


async def test_a_new_mailbox_is_shared_as_it_says_or_as_the_one_above_it(
    jmap: JmapInstance, people: People
) -> None:
    every = dict.fromkeys(RIGHTS, True)
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account,
        create={"a": {"name": "A", "shareWith": {people.budi: every}},
                "b": {"name": "B", "parentId": "#a"},
                "c": {"name": "C", "parentId": "#a", "shareWith": {}}},
    )  # fmt: skip
    assert told["notCreated"] is None
    seen = await people.seen()
    assert {box["name"] for box in seen["list"]} == {"A", "B"}
    # Those without the right to share make mailboxes, and subscribe, each for themselves.
    a = told["created"]["a"]["id"]
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account, user=jmap.budi,
        create={"d": {"name": "D", "parentId": a}}, update={a: {"isSubscribed": True}},
    )  # fmt: skip
    assert told["updated"] == {a: None}
    boxes = {box["name"]: box["isSubscribed"] for box in (await people.seen())["list"]}
    assert boxes == {"A": True, "B": False, "D": False}
    own = await jmap.call("Mailbox/get", accountId=jmap.account)
    assert {b["name"]: b["isSubscribed"] for b in own["list"]}["A"] is True
    since = seen["state"]
    await people.share(a, {"shareWith": None})
    told = await jmap.call(
        "Mailbox/changes", accountId=jmap.account, sinceState=since, user=jmap.budi
    )
    assert a in told["destroyed"]


async def test_principals_are_the_people_of_the_domain(jmap: JmapInstance, people: People) -> None:
    told = await jmap.call("Principal/get", accountId=jmap.account)
    found = {one["id"]: one for one in told["list"]}
    assert found[people.budi]["email"] == BUDI
    assert found[people.budi]["type"] == "individual"
    assert found[people.budi]["accounts"] is None
    assert jmap.account in found[people.ana]["accounts"]
    [domain] = [one for one in told["list"] if one["type"] == "group"]
    shared = await people.share("F1", {"shareWith": {domain["id"]: READ}})
    assert shared["updated"] == {"F1": None}
    [box] = (await people.seen())["list"]
    assert box["id"] == "F1"
    for filter_, ids in (
        ({"email": BUDI}, [people.budi]),
        ({"accountIds": [jmap.account]}, [people.ana]),
        ({"type": "group"}, [domain["id"]]),
        ({"text": "nobody at all"}, []),
    ):
        got = await jmap.call("Principal/query", accountId=jmap.account, filter=filter_)
        assert got["ids"] == ids, filter_
    changes = await jmap.call("Principal/changes", accountId=jmap.account, sinceState=told["state"])
    assert changes["newState"] == told["state"]
    made = await jmap.call(
        "Principal/set", accountId=jmap.account, create={"k": {}}, destroy=[people.budi],
        update={people.budi: {"name": "B"}},
    )  # fmt: skip
    assert made["notCreated"]["k"]["type"] == "forbidden"
    assert made["notDestroyed"][people.budi]["type"] == "forbidden"


async def test_the_session_says_whose_accounts_these_are(
    jmap: JmapInstance, people: People
) -> None:
    await people.share("F1", {"shareWith": {people.budi: READ}})
    site = Site(jmap, jmap.jmap.routes())
    told = (await site.get("/jmap/session", user=BUDI)).json
    assert told["capabilities"][PRINCIPALS] == {}
    assert OWNER not in told["capabilities"]
    own, other = told["accounts"][people.budis], told["accounts"][jmap.account]
    assert own["accountCapabilities"][PRINCIPALS] == {"currentUserPrincipalId": people.budi}
    assert other["accountCapabilities"][OWNER] == {
        "accountIdForPrincipal": people.budis, "principalId": people.ana,
    }  # fmt: skip
    assert PRINCIPALS not in other["accountCapabilities"]
    assert (other["name"], other["isPersonal"]) == ("ana", False)


async def test_who_does_not_use_sharing_is_not_told_of_it(jmap: JmapInstance) -> None:
    using = [CORE, MAIL]
    get = {"accountId": jmap.account, "ids": ["F1"]}
    create = {"accountId": jmap.account, "create": {"k": {"name": "N"}}}
    asked = {**get, "properties": ["shareWith"]}
    calls = (
        ("Mailbox/get", get, "0"), ("Mailbox/set", create, "1"), ("Mailbox/get", asked, "2"),
    )  # fmt: skip
    [box, made, refused] = [one[1] for one in await jmap.request(*calls, using=using)]
    assert "shareWith" not in box["list"][0]
    assert box["list"][0]["myRights"].keys() == RIGHTS.keys()
    assert "shareWith" not in made["created"]["k"]
    assert made["created"]["k"]["myRights"].keys() == RIGHTS.keys()
    assert refused["type"] == "invalidArguments"


async def test_only_the_owner_changes_roles_and_order(jmap: JmapInstance, people: People) -> None:
    """They say where the owner's mail is put, and what of it is thrown away."""
    everything = dict.fromkeys(RIGHTS, True)
    for id_ in ("F1", "F4", "F6"):
        await people.share(id_, {"shareWith": {people.budi: everything}})
    await jmap.call(
        "Mailbox/set", accountId=jmap.account, update={"F5": {"role": None}}
    )  # so that no other mailbox has it
    for id_, patch in (
        ("F4", {"role": None}), ("F6", {"role": "trash"}), ("F6", {"sortOrder": 7}),
    ):  # fmt: skip
        told = await people.share(id_, patch, user=jmap.budi)
        assert told["notUpdated"][id_]["type"] == "forbidden", patch
    made = await jmap.call(
        "Mailbox/set", accountId=jmap.account, user=jmap.budi,
        create={"a": {"name": "Bin", "parentId": "F1", "role": "trash"}, "b": {
            "name": "Plain", "parentId": "F1"}},
    )  # fmt: skip
    assert made["notCreated"]["a"]["type"] == "forbidden"
    assert list(made["created"]) == ["b"]


async def test_how_much_a_mailbox_holds_is_for_its_readers(
    jmap: JmapInstance, people: People
) -> None:
    await jmap.deliver(b"Subject: one\r\n\r\nhello\r\n")
    counts = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
    for held, told in (("l", [0, 0, 0, 0]), ("lr", [1, 1, 1, 1])):
        await jmap.store.write(rights.grant, jmap.ana.id, [INBOX_ID], jmap.budi.id, held)
        (inbox,) = (await people.seen())["list"]
        assert [inbox[name] for name in counts] == told

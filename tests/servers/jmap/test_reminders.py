from __future__ import annotations

from typing import Any

from merpati.model import object_ids
from merpati.store import emails, mailboxes, rights
from tests.support.jmap import JmapInstance

RAW = b"Subject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"
UNTIL = "2030-01-02T03:04:05Z"
WHAT = ["mailboxIds", "keywords", "snoozed", "followUp"]


async def deliver(jmap: JmapInstance, **more: Any) -> str:
    return f"M{emails.first_id(1, await jmap.deliver(RAW, **more)):x}"


async def one(jmap: JmapInstance, id_: str) -> dict[str, Any]:
    told = await jmap.call("Email/get", accountId=jmap.account, ids=[id_], properties=WHAT)
    found: dict[str, Any] = told["list"][0]
    return found


async def update(jmap: JmapInstance, id_: str, **patch: Any) -> Any:
    return await jmap.call("Email/set", accountId=jmap.account, update={id_: patch})


async def box(jmap: JmapInstance) -> str:
    found = await jmap.store.read(mailboxes.by_role, jmap.ana.id, "snoozed")
    return object_ids.mailbox(found or 0)


async def test_snoozing_is_one_property(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap, keywords="$seen")
    assert (await one(jmap, id_))["snoozed"] is None
    told = await update(jmap, id_, snoozed={"until": UNTIL})
    assert told["updated"] == {id_: None}
    now = await one(jmap, id_)
    assert now["mailboxIds"] == {await box(jmap): True}
    assert now["snoozed"] == {
        "until": UNTIL,
        "moveToMailboxId": "F1",
        "setKeywords": {"$awakened": True, "$seen": False},
    }
    state = told["newState"]
    await update(jmap, id_, **{"snoozed/until": "2031-01-01T00:00:00Z"})
    assert (await one(jmap, id_))["snoozed"]["until"] == "2031-01-01T00:00:00Z"
    changed = await jmap.call("Email/changes", accountId=jmap.account, sinceState=state)
    assert changed["updated"] == [id_]
    await update(jmap, id_, snoozed=None)
    now = await one(jmap, id_)
    assert (now["mailboxIds"], now["keywords"]) == ({"F1": True}, {"$seen": True})
    assert now["snoozed"] is None


async def test_snoozing_as_clients_of_cyrus_do(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    other = await deliver(jmap)
    await update(jmap, other, snoozed={"until": UNTIL})
    snoozed = {"until": UNTIL, "moveToMailboxId": "F6", "setKeywords": {"$Flagged": True}}
    told = await update(jmap, id_, mailboxIds={await box(jmap): True}, snoozed=snoozed)
    assert told["updated"] == {id_: None}
    now = await one(jmap, id_)
    assert now["snoozed"] == snoozed | {"setKeywords": {"$flagged": True}}
    await update(jmap, id_, mailboxIds={"F6": True}, snoozed=None)
    assert (await one(jmap, id_))["mailboxIds"] == {"F6": True}


async def test_whoever_moves_it_has_ended_it(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    await update(jmap, id_, snoozed={"until": UNTIL})
    await update(jmap, id_, mailboxIds={"F6": True})
    now = await one(jmap, id_)
    assert (now["mailboxIds"], now["snoozed"]) == ({"F6": True}, None)


async def test_a_follow_up_is_set_and_ended(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    told = await update(jmap, id_, followUp={"at": UNTIL})
    now = await one(jmap, id_)
    assert (now["followUp"], now["mailboxIds"]) == ({"at": UNTIL}, {"F1": True})
    changed = await jmap.call("Email/changes", accountId=jmap.account, sinceState=told["oldState"])
    assert changed["updated"] == [id_] or changed["created"] == [id_]
    await update(jmap, id_, followUp=None)
    assert (await one(jmap, id_))["followUp"] is None


async def test_nonsense_is_refused_and_what_stays_is_no_change(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    wrong: dict[str, Any]
    for wrong in (
        {"snoozed": {}}, {"snoozed": {"until": "tomorrow"}}, {"snoozed": {"until": UNTIL, "x": 1}},
        {"snoozed": {"until": UNTIL, "moveToMailboxId": "F99"}}, {"followUp": UNTIL},
        {"snoozed": {"until": UNTIL, "setKeywords": {"a b": True}}},
    ):  # fmt: skip
        told = await update(jmap, id_, **wrong)
        assert told["notUpdated"][id_]["type"] == "invalidProperties", wrong
    assert (await one(jmap, id_))["mailboxIds"] == {"F1": True}
    told = await update(jmap, id_, snoozed=None, followUp=None)
    assert told["oldState"] == told["newState"]
    made = {"mailboxIds": {"F1": True}, "snoozed": {"until": UNTIL}}
    told = await jmap.call("Email/set", accountId=jmap.account, create={"a": made})
    assert told["notCreated"]["a"]["type"] == "invalidProperties"


async def test_reminders_are_for_mail_of_ones_own(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    await jmap.store.write(rights.grant, jmap.ana.id, [1], jmap.budi.id, "lrswipkxtecda")
    told = await jmap.call(
        "Email/set", user=jmap.budi, accountId=jmap.account,
        update={id_: {"snoozed": {"until": UNTIL}}},
    )  # fmt: skip
    assert told["notUpdated"][id_]["type"] == "forbidden"

from __future__ import annotations

from typing import Any

from merpati.store import email_keywords, emails
from merpati.store.check import check
from tests.support.jmap import JmapInstance

RAW = b"Subject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"


async def one(jmap: JmapInstance, id_: str) -> dict[str, Any]:
    told = await jmap.call(
        "Email/get", accountId=jmap.account, ids=[id_], properties=["mailboxIds", "keywords"]
    )
    found: dict[str, Any] = told["list"][0]
    return found


async def deliver(jmap: JmapInstance, **more: Any) -> str:
    uid = await jmap.deliver(RAW, **more)
    return f"M{emails.first_id(1, uid):x}"


async def update(jmap: JmapInstance, id_: str, **patch: Any) -> Any:
    return await jmap.call("Email/set", accountId=jmap.account, update={id_: patch})


async def boxes(jmap: JmapInstance) -> dict[str, tuple[int, int]]:
    told = await jmap.call("Mailbox/get", accountId=jmap.account, ids=None)
    return {box["id"]: (box["totalEmails"], box["unreadEmails"]) for box in told["list"]}


async def test_keywords_are_patched(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap, keywords="old")
    told = await update(jmap, id_, **{"keywords/$Seen": True, "keywords/old": None})
    assert told["updated"] == {id_: None}
    assert (await one(jmap, id_))["keywords"] == {"$seen": True}
    assert (await boxes(jmap))["F1"] == (1, 0)


async def test_an_email_moves_and_keeps_its_id(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    for target in ("F3", "F4", "F1", "F5"):
        await update(jmap, id_, mailboxIds={target: True})
        assert (await one(jmap, id_))["mailboxIds"] == {target: True}
    counts = await boxes(jmap)
    assert counts["F5"] == (1, 1)
    assert sum(total for total, _ in counts.values()) == 1


async def test_several_mailboxes_hold_one_email(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    await update(jmap, id_, **{"mailboxIds/F3": True, "mailboxIds/F4": True})
    assert (await one(jmap, id_))["mailboxIds"] == {"F1": True, "F3": True, "F4": True}
    await update(jmap, id_, **{"keywords/$seen": True})
    counts = await boxes(jmap)
    assert [counts[box] for box in ("F1", "F3", "F4")] == [(1, 0)] * 3
    await update(jmap, id_, **{"mailboxIds/F1": None})
    assert (await one(jmap, id_)) == {
        "id": id_, "mailboxIds": {"F3": True, "F4": True}, "keywords": {"$seen": True},
    }  # fmt: skip
    told = await jmap.call("Email/set", accountId=jmap.account, destroy=[id_])
    assert told["destroyed"] == [id_]
    assert all(count == (0, 0) for count in (await boxes(jmap)).values())


async def test_flags_that_imap_sets_are_set_in_every_mailbox(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    await update(jmap, id_, **{"mailboxIds/F3": True})
    await jmap.store.write(
        email_keywords.change,
        jmap.ana.id,
        3,
        [1],
        email_keywords.Change.ADD,
        frozenset({"$flagged", "$deleted"}),
    )
    told = await one(jmap, id_)
    assert (told["keywords"], told["mailboxIds"]) == ({"$flagged": True}, {"F1": True})
    [(_, keywords)] = await jmap.store.read(emails.fetch, jmap.ana.id, 3, [1], ("uid", "keywords"))
    assert keywords == "$deleted $flagged"


async def test_changes_tell_what_became_of_an_email(jmap: JmapInstance) -> None:
    a, b, c = [await deliver(jmap) for _ in range(3)]
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    await update(jmap, a, **{"keywords/$seen": True})
    await update(jmap, b, mailboxIds={"F3": True, "F4": True})
    new = await deliver(jmap)
    await update(jmap, new, mailboxIds={"F5": True})
    await jmap.call("Email/set", accountId=jmap.account, destroy=[c])

    async def changes(since: str) -> tuple[set[str], set[str], set[str]]:
        told = await jmap.call("Email/changes", accountId=jmap.account, sinceState=since)
        return set(told["created"]), set(told["updated"]), set(told["destroyed"])

    assert await changes(state) == ({new}, {a, b}, {c})
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    await update(jmap, b, **{"mailboxIds/F3": None})
    assert await changes(state) == (set(), {b}, set())


async def test_what_an_email_cannot_be_is_refused(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)

    async def refused(**patch: Any) -> tuple[str, list[str] | None]:
        error = (await update(jmap, id_, **patch))["notUpdated"][id_]
        return error["type"], error.get("properties")

    assert await refused(mailboxIds={}) == ("invalidProperties", ["mailboxIds"])
    assert await refused(mailboxIds={"F99": True}) == ("invalidProperties", ["mailboxIds"])
    assert await refused(mailboxIds={"F1": False}) == ("invalidProperties", ["mailboxIds"])
    assert await refused(**{"keywords/a b": True}) == ("invalidProperties", ["keywords"])
    assert await refused(keywords=None, x=1) == ("invalidProperties", ["x"])
    assert await refused(subject="new") == ("invalidProperties", ["subject"])
    assert await refused(**{"keywords/a/b": True}) == ("invalidPatch", None)
    told = await jmap.call(
        "Email/set", accountId=jmap.account, update={"M7": {}}, destroy=["nonsense", "#x"]
    )
    assert told["notUpdated"]["M7"]["type"] == "notFound"
    assert {one["type"] for one in told["notDestroyed"].values()} == {"notFound"}


async def test_a_whole_batch_is_one_call(jmap: JmapInstance) -> None:
    ids = [await deliver(jmap) for _ in range(60)]
    told = await jmap.call(
        "Email/set", accountId=jmap.account,
        update={id_: {"keywords/$seen": True} for id_ in ids[:40]}, destroy=ids[40:],
    )  # fmt: skip
    assert len(told["updated"]) == 40
    assert (await boxes(jmap))["F1"] == (40, 0)


async def test_the_store_is_sound_afterwards(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap)
    await update(jmap, id_, **{"mailboxIds/F3": True, "mailboxIds/F4": True})
    await update(jmap, id_, mailboxIds={"F5": True, "F4": True})
    await update(jmap, id_, mailboxIds={"F5": True})
    other = await deliver(jmap)
    await update(jmap, other, **{"mailboxIds/F2": True})
    await jmap.call("Email/set", accountId=jmap.account, destroy=[other])
    report = await check(jmap.store, jmap.blobs)
    assert report.found == {}, report.examples

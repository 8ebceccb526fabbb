r"""RFC 8621 4.1.1: what IMAP has marked \Deleted is not there for JMAP."""

from __future__ import annotations

from typing import Any

from merpati.model import object_ids
from merpati.services import state_changes
from merpati.store import email_keywords, emails
from tests.support.jmap import JmapInstance

RAW = b"Message-ID: <%d@x>\r\nSubject: subject %d\r\n\r\nsome words\r\n"


async def deliver(jmap: JmapInstance, n: int, **more: Any) -> str:
    return object_ids.email(emails.first_id(1, await jmap.deliver(RAW % (n, n), **more)))


async def mark(jmap: JmapInstance, id_: str, *, on: bool = True, box: int = 1) -> None:
    how = email_keywords.Change.ADD if on else email_keywords.Change.REMOVE
    uid = (object_ids.read_email(id_) or 0) & 0xFFFFFFFF
    await jmap.store.write(
        email_keywords.change, jmap.ana.id, box, [uid], how, frozenset({"$deleted"})
    )


async def call(jmap: JmapInstance, name: str, **arguments: Any) -> Any:
    return await jmap.call(name, accountId=jmap.account, **arguments)


async def counts(jmap: JmapInstance, box: str = "F1") -> list[int]:
    names = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
    [told] = (await call(jmap, "Mailbox/get", ids=[box]))["list"]
    return [told[name] for name in names]


async def test_nothing_shows_it_and_nothing_counts_it(jmap: JmapInstance) -> None:
    ids = [await deliver(jmap, n) for n in range(3)]
    [email] = (await call(jmap, "Email/get", ids=ids[:1]))["list"]
    await deliver(jmap, 3, keywords="$draft")
    assert await counts(jmap) == [4, 3, 4, 3]
    await mark(jmap, ids[0])
    assert await counts(jmap) == [3, 2, 3, 2]
    assert (await call(jmap, "Email/get", ids=ids[:1]))["notFound"] == ids[:1]
    assert (await call(jmap, "Thread/get", ids=[email["threadId"]]))["list"] == []
    found = await call(jmap, "Email/query", filter={"text": "words"}, calculateTotal=True)
    assert found["total"] == 3
    assert ids[0] not in found["ids"]
    told = await call(jmap, "SearchSnippet/get", filter={"text": "words"}, emailIds=ids[:2])
    assert told["notFound"] == ids[:1]
    for attempt in ({"update": {ids[0]: {"keywords/$seen": True}}}, {"destroy": ids[:1]}):
        [why] = [
            one for one in (await call(jmap, "Email/set", **attempt)).values()
            if isinstance(one, dict) and ids[0] in one
        ]  # fmt: skip
        assert why[ids[0]]["type"] == "notFound"
    told = await call(jmap, "Email/parse", blobIds=[email["blobId"]])
    assert told["notFound"] == [email["blobId"]]


async def test_a_mark_ends_it_and_to_take_that_away_makes_it_anew(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap, 1)
    [email] = (await call(jmap, "Email/get", ids=[id_]))["list"]
    state = (await call(jmap, "Email/get", ids=[]))["state"]
    for on, told_of in ((True, "destroyed"), (False, "created")):
        known = {jmap.ana.id: int(state)}
        await mark(jmap, id_, on=on)
        types = state_changes.types_of(None)
        news = await jmap.store.read(state_changes.news, jmap.ana.id, types, known)
        assert news is not None
        assert {"Email", "Thread", "Mailbox"} == set(news.changed[jmap.ana.id])
        changes = await call(jmap, "Email/changes", sinceState=state)
        lists = {name: changes[name] for name in ("created", "updated", "destroyed")}
        assert lists == {"created": [], "updated": [], "destroyed": []} | {told_of: [id_]}
        threads = await call(jmap, "Thread/changes", sinceState=state)
        assert threads[told_of] == [email["threadId"]]
        state = changes["newState"]


async def test_a_mark_that_came_and_went_changed_an_email_and_no_more(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap, 1)
    state = (await call(jmap, "Email/get", ids=[]))["state"]
    await mark(jmap, id_)
    await mark(jmap, id_, on=False)
    told = await call(jmap, "Email/changes", sinceState=state)
    assert (told["created"], told["updated"], told["destroyed"]) == ([], [id_], [])


async def test_a_mark_in_one_mailbox_leaves_the_others(jmap: JmapInstance) -> None:
    id_ = await deliver(jmap, 1)
    await call(jmap, "Email/set", update={id_: {"mailboxIds/F3": True}})
    state = (await call(jmap, "Email/get", ids=[]))["state"]
    await mark(jmap, id_)
    [email] = (await call(jmap, "Email/get", ids=[id_]))["list"]
    assert email["mailboxIds"] == {"F3": True}
    told = await call(jmap, "Email/changes", sinceState=state)
    assert (told["created"], told["updated"], told["destroyed"]) == ([], [id_], [])
    assert (await call(jmap, "Email/query", filter={"inMailbox": "F1"}))["ids"] == []
    assert (await call(jmap, "Email/query", filter={"inMailbox": "F3"}))["ids"] == [id_]
    await call(jmap, "Email/set", update={id_: {"mailboxIds/F1": True}})
    assert await counts(jmap) == [1, 1, 1, 1]
    total = await jmap.store.read(
        lambda tx: tx.value("SELECT total FROM mailbox WHERE id = 1 AND account_id = $1",
                            jmap.ana.id)
    )  # fmt: skip
    assert total == 1


async def test_a_mailbox_of_marked_emails_alone_is_empty(jmap: JmapInstance) -> None:
    made = await call(jmap, "Mailbox/set", create={"k": {"name": "Box"}})
    box = made["created"]["k"]["id"]
    number = object_ids.read_mailbox(box) or 0
    uid = await jmap.deliver(RAW % (1, 1), mailbox_id=number)
    await mark(jmap, object_ids.email(emails.first_id(number, uid)), box=number)
    assert (await call(jmap, "Mailbox/set", destroy=[box]))["destroyed"] == [box]

"""Email/set create and what it leads to (RFC 8621 4.6)."""

from __future__ import annotations

from typing import Any

from merpati.servers.jmap.call import JmapSettings
from merpati.store import quota
from merpati.store.check import check
from tests.support.jmap import JmapInstance

TEXTS = {
    "textBody": [{"partId": "t", "type": "text/plain"}],
    "bodyValues": {"t": {"value": "hello\nworld"}},
}


async def create(jmap: JmapInstance, **emails: Any) -> Any:
    return await jmap.call("Email/set", accountId=jmap.account, create=emails)


async def get(jmap: JmapInstance, id_: str, *properties: str, **more: Any) -> dict[str, Any]:
    told = await jmap.call(
        "Email/get", accountId=jmap.account, ids=[id_], properties=list(properties) or None, **more
    )
    found: dict[str, Any] = told["list"][0]
    return found


async def upload(jmap: JmapInstance, text: str) -> str:
    told = await jmap.call(
        "Blob/upload", accountId=jmap.account, create={"x": {"data": [{"data:asText": text}]}}
    )
    id_: str = told["created"]["x"]["id"]
    return id_


async def refused(jmap: JmapInstance, email: dict[str, Any]) -> dict[str, Any]:
    told = await create(jmap, x=email)
    assert told["created"] is None
    assert told["oldState"] == told["newState"]
    error: dict[str, Any] = told["notCreated"]["x"]
    return error


async def test_the_answer_has_just_what_the_server_gave(jmap: JmapInstance) -> None:
    told = await create(jmap, x={"mailboxIds": {"F2": True}, **TEXTS})
    assert told["created"]["x"].keys() == {"id", "blobId", "threadId", "size"}
    assert told["notCreated"] is None
    assert told["newState"] != told["oldState"]


async def test_an_email_is_what_was_asked_for(jmap: JmapInstance) -> None:
    people = [{"name": "Bü Di", "email": "budi@example.org"}, {"name": None, "email": "x@y.org"}]
    email = {
        "mailboxIds": {"F2": True, "F3": True},
        "keywords": {"$draft": True, "$Seen": True},
        "receivedAt": "2020-01-02T03:04:05Z",
        "from": [{"name": "Ana", "email": "ana@example.org"}],
        "to": people,
        "subject": "hällo",
        "sentAt": "2019-12-31T00:00:00+07:00",
        "messageId": ["own@example.org"],
        "inReplyTo": ["a@b"],
        "header:X-List:asURLs:all": [["http://a"], ["http://b", "http://c"]],
        **TEXTS,
    }
    made = (await create(jmap, x=email))["created"]["x"]
    names = [name for name in email if name not in ("textBody", "bodyValues")]
    told = await get(jmap, made["id"], *names, "bodyValues", "textBody", fetchTextBodyValues=True)
    assert told.pop("id") == made["id"]
    [part] = told.pop("textBody")
    assert told.pop("bodyValues")[part["partId"]]["value"] == "hello\nworld"
    assert told == {
        **{name: email[name] for name in names}, "keywords": {"$draft": True, "$seen": True},
    }  # fmt: skip


async def test_message_id_date_and_version_are_added_once(jmap: JmapInstance) -> None:
    bare = (await create(jmap, x={"mailboxIds": {"F2": True}}))["created"]["x"]["id"]
    told = await get(jmap, bare, "messageId", "sentAt", "header:MIME-Version:asText:all")
    assert told["messageId"][0].endswith("@example.org")
    assert told["sentAt"]
    assert told["header:MIME-Version:asText:all"] == ["1.0"]
    own = {"header:Message-ID": " <a@b>", "header:Date": " Wed, 1 Jan 2020 00:00:00 +0000"}
    given = (await create(jmap, x={"mailboxIds": {"F2": True}, **own}))["created"]["x"]["id"]
    assert (await get(jmap, given, "header:Message-ID:all"))["header:Message-ID:all"] == [" <a@b>"]


async def test_received_at_is_now_unless_it_is_given(jmap: JmapInstance) -> None:
    id_ = (await create(jmap, x={"mailboxIds": {"F2": True}}))["created"]["x"]["id"]
    assert (await get(jmap, id_, "receivedAt"))["receivedAt"][:4] >= "2025"


async def test_all_that_is_wrong_is_told_at_once(jmap: JmapInstance) -> None:
    error = await refused(jmap, {"headers": [], "x": 1, "keywords": {"a b": True}})
    assert error["type"] == "invalidProperties"
    assert set(error["properties"]) == {"mailboxIds", "headers", "x", "keywords"}
    for wrong in ({}, {"F99": True}, {"F1": False}, {"#nobody": True}):
        error = await refused(jmap, {"mailboxIds": wrong})
        assert (error["type"], error["properties"]) == ("invalidProperties", ["mailboxIds"])


async def test_missing_blobs_are_all_told(jmap: JmapInstance) -> None:
    there = await upload(jmap, "x")
    parts = [{"blobId": one, "type": "text/plain"} for one in ("U99", there, "nope")]
    error = await refused(jmap, {"mailboxIds": {"F2": True}, "attachments": parts})
    assert error["type"] == "blobNotFound"
    assert error["notFound"] == ["U99", "nope"]


async def test_uploads_and_parts_of_other_emails_are_attached(jmap: JmapInstance) -> None:
    [told] = await jmap.request(
        (
            "Blob/upload",
            {"accountId": jmap.account, "create": {"b": {"data": [{"data:asText": "file"}]}}},
            "0",
        ),
    )
    blob = told[1]["created"]["b"]["id"]
    part = {"blobId": blob, "type": "text/plain", "name": "a.txt"}
    first = (await create(jmap, x={"mailboxIds": {"F2": True}, "attachments": [part]}))["created"]
    [attached] = (await get(jmap, first["x"]["id"], "attachments"))["attachments"]
    assert (attached["name"], attached["size"]) == ("a.txt", 4)
    again = {**part, "blobId": attached["blobId"], "name": "b.txt"}
    second = (await create(jmap, x={"mailboxIds": {"F2": True}, "attachments": [again]}))["created"]
    [attached] = (await get(jmap, second["x"]["id"], "attachments"))["attachments"]
    told = await jmap.call(
        "Blob/get", accountId=jmap.account, ids=[attached["blobId"]], properties=["data:asText"]
    )
    assert told["list"][0]["data:asText"] == "file"


async def test_too_many_keywords_and_too_large_are_refused(jmap: JmapInstance) -> None:
    many = {f"k{n}": True for n in range(200)}
    error = await refused(jmap, {"mailboxIds": {"F2": True}, "keywords": many})
    assert error["type"] == "tooManyKeywords"
    jmap.jmap = jmap.build(JmapSettings())
    object.__setattr__(jmap.services, "message_size", 2000)
    long = {**TEXTS, "bodyValues": {"t": {"value": "x\n" * 2000}}}
    assert (await refused(jmap, {"mailboxIds": {"F2": True}, **long}))["type"] == "tooLarge"
    assert not list((jmap.folder / "blobs" / "incoming").iterdir())


async def test_over_quota_is_told_and_nothing_is_left(jmap: JmapInstance) -> None:
    usage = await jmap.store.read(quota.of_account, jmap.ana.id)
    assert usage is not None

    async def limit(tx: Any) -> None:
        await tx.run("UPDATE account SET quota = 100 WHERE id = $1", jmap.ana.id)

    await jmap.store.write(limit)
    big = {**TEXTS, "bodyValues": {"t": {"value": "line\n" * 200_000}}}
    assert (await refused(jmap, {"mailboxIds": {"F2": True}, **big}))["type"] == "overQuota"
    assert not [one for one in (jmap.folder / "blobs").rglob("*") if one.is_file()]


async def test_a_failed_state_leaves_no_files(jmap: JmapInstance) -> None:
    big = {**TEXTS, "bodyValues": {"t": {"value": "line\n" * 200_000}}}
    told = await jmap.call(
        "Email/set", accountId=jmap.account, ifInState="0",
        create={"x": {"mailboxIds": {"F2": True}, **big}},
    )  # fmt: skip
    assert told["type"] == "stateMismatch"
    assert not [one for one in (jmap.folder / "blobs").rglob("*") if one.is_file()]


async def test_a_draft_that_is_answered_is_one_thread(jmap: JmapInstance) -> None:
    first = (
        await create(jmap, x={"mailboxIds": {"F2": True}, "messageId": ["a@b"], "subject": "s"})
    )["created"]["x"]
    reply = {"mailboxIds": {"F2": True}, "inReplyTo": ["a@b"], "references": ["a@b"]}
    second = (await create(jmap, x={**reply, "subject": "Re: s"}))["created"]["x"]
    assert first["threadId"] == second["threadId"]
    told = await jmap.call("Thread/get", accountId=jmap.account, ids=[first["threadId"]])
    assert set(told["list"][0]["emailIds"]) == {first["id"], second["id"]}


async def test_an_unseen_draft_is_not_unread(jmap: JmapInstance) -> None:  # RFC 8621 2
    await create(
        jmap, d={"mailboxIds": {"F2": True}, "keywords": {"$draft": True}},
        e={"mailboxIds": {"F2": True}},
    )  # fmt: skip
    told = await jmap.call(
        "Mailbox/get", accountId=jmap.account, ids=["F2"],
        properties=["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"],
    )  # fmt: skip
    assert list(told["list"][0].values())[1:] == [2, 1, 2, 1]


async def test_the_store_is_sound_afterwards(jmap: JmapInstance) -> None:
    big = {**TEXTS, "bodyValues": {"t": {"value": "line\n" * 200_000}}}
    same = {"messageId": ["a@b"], "sentAt": "2020-01-01T00:00:00Z"}
    await create(
        jmap, a={"mailboxIds": {"F2": True, "F3": True}, **big, **same},
        b={"mailboxIds": {"F2": True}, **big, **same}, c={"mailboxIds": {"F9": True}, **big},
    )  # fmt: skip
    report = await check(jmap.store, jmap.blobs)
    assert report.found == {}, report.examples

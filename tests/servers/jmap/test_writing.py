"""What holds for every /set (RFC 8620 5.3)."""

from __future__ import annotations

from typing import Any

from tests.support.jmap import JmapInstance


async def set_(jmap: JmapInstance, **more: Any) -> Any:
    return await jmap.call("Mailbox/set", accountId=jmap.account, **more)


async def test_only_the_end_has_to_be_valid(jmap: JmapInstance) -> None:
    made = (await set_(jmap, create={"a": {"name": "A"}, "b": {"name": "B", "parentId": "#a"}}))[
        "created"
    ]
    a, b = made["a"]["id"], made["b"]["id"]
    told = await set_(jmap, create={"new": {"name": "A"}}, destroy=[a, b])
    assert set(told["destroyed"]) == {a, b}
    assert told["created"]["new"]["id"] not in {a, b}
    assert (told["notCreated"], told["notDestroyed"]) == (None, None)


async def test_what_was_left_out_is_told_with_what_the_server_gave(jmap: JmapInstance) -> None:
    told = await set_(jmap, create={"x": {"name": "A", "sortOrder": 3}})
    assert set(told["created"]["x"]) == {
        "id", "parentId", "role", "isSubscribed", "totalEmails", "unreadEmails", "totalThreads",
        "unreadThreads", "myRights", "shareWith",
    }  # fmt: skip


async def test_values_of_the_server_may_be_sent_back_unchanged(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Subject: x\r\n\r\n")
    names = ["blobId", "threadId", "size", "receivedAt", "mailboxIds", "keywords"]
    told = await jmap.call(
        "Email/get", accountId=jmap.account, ids=["M100000001"], properties=names
    )
    [whole] = told["list"]
    update = {"M100000001": {**whole, "keywords": {"$seen": True}}}
    told = await jmap.call("Email/set", accountId=jmap.account, update=update)
    assert told["updated"] == {"M100000001": None}
    update = {"M100000001": {"subject": "x", "header:Subject:asText": "x", "from": None}}
    told = await jmap.call("Email/set", accountId=jmap.account, update=update)
    assert told["updated"] == {"M100000001": None}
    update = {"M100000001": {"subject": "y", "from": None}}
    told = await jmap.call("Email/set", accountId=jmap.account, update=update)
    assert told["notUpdated"]["M100000001"]["properties"] == ["subject"]
    update = {"M100000001": {**whole, "size": 7}}
    told = await jmap.call("Email/set", accountId=jmap.account, update=update)
    assert told["notUpdated"]["M100000001"]["properties"] == ["size"]


async def test_mail_that_goes_with_its_mailbox_is_told_of(jmap: JmapInstance) -> None:
    box = (await set_(jmap, create={"x": {"name": "A"}}))["created"]["x"]["id"]
    await jmap.deliver(b"Subject: x\r\nMessage-ID: <a@b>\r\n\r\n", mailbox_id=int(box[1:]))
    got = await jmap.call("Email/get", accountId=jmap.account, ids=None, properties=["threadId"])
    [email] = got["list"]
    told = await set_(jmap, destroy=[box])
    assert told["notDestroyed"][box]["type"] == "mailboxHasEmail"
    await set_(jmap, destroy=[box], onDestroyRemoveEmails=True)
    since = {"accountId": jmap.account, "sinceState": got["state"]}
    assert (await jmap.call("Email/changes", **since))["destroyed"] == [email["id"]]
    assert (await jmap.call("Thread/changes", **since))["destroyed"] == [email["threadId"]]


async def test_a_thread_that_loses_an_email_changes(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Subject: x\r\nMessage-ID: <a@b>\r\n\r\n")
    await jmap.deliver(b"Subject: Re: x\r\nMessage-ID: <c@d>\r\nIn-Reply-To: <a@b>\r\n\r\n")
    got = await jmap.call("Thread/get", accountId=jmap.account, ids=None)
    [thread] = got["list"]
    assert len(thread["emailIds"]) == 2
    await jmap.call("Email/set", accountId=jmap.account, destroy=thread["emailIds"][:1])
    told = await jmap.call("Thread/changes", accountId=jmap.account, sinceState=got["state"])
    assert (told["updated"], told["destroyed"]) == ([thread["id"]], [])

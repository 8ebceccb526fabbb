"""Email/import, /copy and /parse (RFC 8621 4.7 to 4.9)."""

from __future__ import annotations

from typing import Any

from merpati.model import object_ids
from merpati.store import rights
from merpati.store.check import check
from tests.support.jmap import JmapInstance

RAW = "Received: x; Wed, 1 Jan 2020 00:00:00 +0000\r\nSubject: imported\r\n\r\nbody\r\n"
NESTED = (
    b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/plain\r\n\r\ndeep"
    b"\r\n--b--\r\n"
)


async def upload(jmap: JmapInstance, text: str) -> str:
    told = await jmap.call(
        "Blob/upload", accountId=jmap.account, create={"x": {"data": [{"data:asText": text}]}}
    )
    id_: str = told["created"]["x"]["id"]
    return id_


async def import_(jmap: JmapInstance, **emails: Any) -> Any:
    return await jmap.call("Email/import", accountId=jmap.account, emails=emails)


async def test_a_file_becomes_an_email(jmap: JmapInstance) -> None:
    blob = await upload(jmap, RAW)
    one = {"blobId": blob, "mailboxIds": {"F1": True, "F3": True}, "keywords": {"$seen": True}}
    told = await import_(jmap, x=one)
    assert told.keys() == {"accountId", "oldState", "newState", "created", "notCreated"}
    made = told["created"]["x"]
    assert made.keys() == {"id", "blobId", "threadId", "size"}
    assert made["size"] == len(RAW)
    [email] = (
        await jmap.call(
            "Email/get", accountId=jmap.account, ids=[made["id"]],
            properties=["subject", "mailboxIds", "keywords", "receivedAt"],
        )
    )["list"]  # fmt: skip
    assert email == {
        "id": made["id"], "subject": "imported", "mailboxIds": one["mailboxIds"],
        "keywords": {"$seen": True}, "receivedAt": "2020-01-01T00:00:00Z",
    }  # fmt: skip


async def test_an_email_may_be_imported_twice_and_from_another(jmap: JmapInstance) -> None:
    blob = await upload(jmap, RAW)
    one = {"blobId": blob, "mailboxIds": {"F1": True}, "receivedAt": "2021-01-01T00:00:00Z"}
    told = (await import_(jmap, a=one, b=one))["created"]
    again = await import_(jmap, c={**one, "blobId": told["a"]["blobId"]})
    assert len({told["a"]["id"], told["b"]["id"], again["created"]["c"]["id"]}) == 3
    report = await check(jmap.store, jmap.blobs)
    assert report.found == {}, report.examples


async def test_what_cannot_be_imported_is_told(jmap: JmapInstance) -> None:
    blob, text = await upload(jmap, RAW), await upload(jmap, "no message at all")
    good = {"blobId": blob, "mailboxIds": {"F1": True}}
    told = await import_(
        jmap, none={**good, "blobId": "U77"}, box={**good, "mailboxIds": {"F77": True}},
        empty={**good, "mailboxIds": {}}, word={**good, "keywords": {"a b": True}},
        extra={**good, "subject": "x"}, text={**good, "blobId": text}, missing={"blobId": blob},
    )  # fmt: skip
    assert told["created"] is None
    errors = {
        name: (one["type"], one.get("properties")) for name, one in told["notCreated"].items()
    }
    wrong = "invalidProperties"
    assert errors == {
        "none": (wrong, ["blobId"]), "box": (wrong, ["mailboxIds"]),
        "empty": (wrong, ["mailboxIds"]), "word": (wrong, ["keywords"]),
        "extra": (wrong, ["subject"]), "text": ("invalidEmail", None),
        "missing": (wrong, ["mailboxIds"]),
    }  # fmt: skip


async def test_if_in_state_is_heard(jmap: JmapInstance) -> None:
    blob = await upload(jmap, RAW)
    told = await jmap.call(
        "Email/import", accountId=jmap.account, ifInState="0",
        emails={"x": {"blobId": blob, "mailboxIds": {"F1": True}}},
    )  # fmt: skip
    assert told["type"] == "stateMismatch"


async def test_lone_line_feeds_become_line_ends(jmap: JmapInstance) -> None:
    blob = await upload(jmap, RAW.replace("\r\n", "\n"))
    made = (await import_(jmap, x={"blobId": blob, "mailboxIds": {"F1": True}}))["created"]["x"]
    assert made["size"] == len(RAW)


async def share(jmap: JmapInstance, letters: str) -> str:
    """Let Ana into Budi's INBOX; his account's id for her."""
    await jmap.store.write(rights.grant, jmap.budi.id, [1], jmap.ana.id, letters)
    return object_ids.account(jmap.budi.id)


async def test_an_email_is_copied_and_the_original_destroyed(jmap: JmapInstance) -> None:
    budi = await share(jmap, "lrswipkxtea")
    await jmap.deliver(RAW.encode(), keywords="$flagged", received_at=1_600_000_000_000)
    responses = await jmap.request(
        (
            "Email/copy",
            {
                "fromAccountId": jmap.account,
                "accountId": budi,
                "create": {"x": {"id": "M100000001", "mailboxIds": {"F1": True}}},
                "onSuccessDestroyOriginal": True,
            },
            "c",
        ),
    )
    (name, told, call_id), (implicit, destroyed, same_id) = responses
    assert (name, implicit, call_id, same_id) == ("Email/copy", "Email/set", "c", "c")
    assert told["fromAccountId"] == jmap.account
    assert told["created"]["x"].keys() == {"id", "blobId", "threadId", "size"}
    assert destroyed["accountId"] == jmap.account
    assert destroyed["destroyed"] == ["M100000001"]
    [email] = (
        await jmap.call("Email/get", accountId=budi, ids=[told["created"]["x"]["id"]])
    )["list"]  # fmt: skip
    assert email["keywords"] == {"$flagged": True}
    assert email["receivedAt"] == "2020-09-13T12:26:40Z"


async def test_copies_need_accounts_rights_and_originals(jmap: JmapInstance) -> None:
    budi = await share(jmap, "lr")
    await jmap.deliver(RAW.encode())
    one = {"id": "M100000001", "mailboxIds": {"F1": True}}

    async def copy(**more: Any) -> Any:
        arguments = {"fromAccountId": jmap.account, "accountId": budi, "create": {"x": one}}
        return await jmap.call("Email/copy", **{**arguments, **more})

    assert (await copy(fromAccountId="u99"))["type"] == "fromAccountNotFound"
    assert (await copy(accountId="u99"))["type"] == "accountNotFound"
    assert (await copy(accountId=jmap.account))["type"] == "invalidArguments"
    assert (await copy(ifFromInState="0"))["type"] == "stateMismatch"
    assert (await copy(ifInState="0"))["type"] == "stateMismatch"
    assert (await copy())["notCreated"]["x"]["type"] == "forbidden"
    gone = await copy(create={"x": {**one, "id": "M7"}, "y": {**one, "subject": "x"}})
    assert gone["notCreated"]["x"]["type"] == "notFound"
    assert gone["notCreated"]["y"]["properties"] == ["subject"]


async def test_nobody_reads_what_is_not_shared(jmap: JmapInstance) -> None:
    budi = await share(jmap, "lr")
    await jmap.deliver(RAW.encode(), jmap.budi, mailbox_id=3)
    told = await jmap.call("Blob/get", accountId=budi, ids=["E300000001"])
    assert told["notFound"] == ["E300000001"]
    told = await jmap.call("Email/parse", accountId=budi, blobIds=["E300000001", "E300000001-0"])
    assert told["notFound"] == ["E300000001", "E300000001-0"]
    told = await jmap.call("Identity/get", accountId=budi, ids=None)
    assert told["type"] == "accountNotSupportedByMethod"


async def test_a_file_is_read_as_an_email(jmap: JmapInstance) -> None:
    await jmap.deliver(NESTED)
    blob, junk = await upload(jmap, RAW), await upload(jmap, "nothing")
    told = await jmap.call(
        "Email/parse", accountId=jmap.account, blobIds=[blob, junk, "U99", "E100000001-2"],
        properties=["id", "threadId", "mailboxIds", "blobId", "size", "subject", "textBody"],
        bodyProperties=["partId", "blobId"],
    )  # fmt: skip
    assert told["notFound"] == ["U99"]
    assert told["notParsable"] == [junk]
    assert told["parsed"][blob] == {
        "id": None, "threadId": None, "mailboxIds": None, "blobId": blob, "size": len(RAW),
        "subject": "imported", "textBody": [{"partId": "0", "blobId": f"{blob}-0"}],
    }  # fmt: skip
    inner = told["parsed"]["E100000001-2"]
    assert inner["subject"] == "inner"
    [part] = inner["textBody"]
    told = await jmap.call("Blob/get", accountId=jmap.account, ids=[part["blobId"]])
    assert told["list"][0]["data:asText"] == "deep"


async def test_the_defaults_of_parse_are_those_of_the_rfc(jmap: JmapInstance) -> None:
    blob = await upload(jmap, RAW)
    told = await jmap.call("Email/parse", accountId=jmap.account, blobIds=[blob])
    assert set(told["parsed"][blob]) == {
        "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo",
        "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody",
        "attachments",
    }  # fmt: skip
    assert (told["notParsable"], told["notFound"]) == (None, None)
    told = await jmap.call(
        "Email/parse", accountId=jmap.account, blobIds=[blob], properties=["nonsense"]
    )
    assert told["type"] == "invalidArguments"

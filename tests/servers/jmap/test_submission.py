"""Identities and submissions (RFC 8621 6, 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from merpati.model import object_ids
from merpati.model.event import Event, EventKind
from merpati.store import blobs, events, queue, submissions
from merpati.store.members import Send
from tests.support.clock import FakeClock
from tests.support.jmap import JmapInstance

FAR = "zoe@far.example"


@pytest.fixture
async def jmap(tmp_path: Path) -> Any:
    async with JmapInstance(tmp_path, clock=FakeClock()) as instance:
        yield instance


async def identity(jmap: JmapInstance) -> str:
    told = await jmap.call("Identity/get", accountId=jmap.account, ids=None)
    id_: str = told["list"][0]["id"]
    return id_


async def draft(jmap: JmapInstance, **more: Any) -> str:
    email = {
        "mailboxIds": {"F2": True},
        "keywords": {"$draft": True},
        "from": [{"email": "ana@example.org"}],
        "to": [{"email": "budi@example.org"}],
        "subject": "hi",
        "textBody": [{"partId": "1", "type": "text/plain"}],
        "bodyValues": {"1": {"value": "hello"}},
        **more,
    }
    told = await jmap.call("Email/set", accountId=jmap.account, create={"x": email})
    id_: str = told["created"]["x"]["id"]
    return id_


async def send(jmap: JmapInstance, email_id: str, **more: Any) -> Any:
    new = {"identityId": await identity(jmap), "emailId": email_id, **more}
    return await jmap.call("EmailSubmission/set", accountId=jmap.account, create={"s": new})


async def refused(jmap: JmapInstance, email_id: str, **more: Any) -> dict[str, Any]:
    told = await send(jmap, email_id, **more)
    assert told["created"] is None
    error: dict[str, Any] = told["notCreated"]["s"]
    return error


def envelope(*to: str, sender: str = "ana@example.org", **parameters: str | None) -> Any:
    return {
        "mailFrom": {"email": sender, "parameters": parameters or None},
        "rcptTo": [{"email": one} for one in to],
    }


async def test_what_somebody_elsewhere_wrote_can_be_sent_on(jmap: JmapInstance) -> None:  # 7.5
    again = {"header:Resent-From:asAddresses": [{"name": None, "email": "ana@example.org"}]}
    email = await draft(jmap, **{"from": [{"email": "carl@far.example"}]}, **again)
    assert (await send(jmap, email))["notCreated"] is None
    email = await draft(jmap, **{"from": [{"email": "budi@example.org"}]}, **again)
    assert (await refused(jmap, email))["type"] == "forbiddenFrom"


async def test_everybody_has_an_identity_that_stays(jmap: JmapInstance) -> None:  # 6
    told = await jmap.call("Identity/get", accountId=jmap.account, ids=None)
    [one] = told["list"]
    assert one == {
        "id": one["id"], "name": "ana", "email": "ana@example.org", "replyTo": None, "bcc": None,
        "textSignature": "", "htmlSignature": "", "mayDelete": False,
    }  # fmt: skip
    told = await jmap.call("Identity/set", accountId=jmap.account, destroy=[one["id"], "I99"])
    assert told["notDestroyed"][one["id"]]["type"] == "forbidden"
    assert told["notDestroyed"]["I99"]["type"] == "notFound"


async def test_identities_are_made_changed_and_told_of(jmap: JmapInstance) -> None:
    state = (await jmap.call("Identity/get", accountId=jmap.account, ids=[]))["state"]
    told = await jmap.call(
        "Identity/set", accountId=jmap.account,
        create={
            "a": {"email": "ana+shop@example.org", "name": "Shop", "textSignature": "--"},
            "b": {"email": "other@example.org"},
            "c": {"name": "x"},
            "d": {"email": "ana@example.org", "mayDelete": True},
        },
    )  # fmt: skip
    made = told["created"]["a"]
    assert made.keys() == {"id", "mayDelete", "replyTo", "bcc", "htmlSignature"}
    assert told["notCreated"]["b"]["type"] == "forbiddenFrom"
    assert told["notCreated"]["c"]["properties"] == ["email"]
    assert told["notCreated"]["d"]["properties"] == ["mayDelete"]
    changes = await jmap.call("Identity/changes", accountId=jmap.account, sinceState=state)
    assert (changes["created"], changes["updated"]) == ([made["id"]], [])
    update = {made["id"]: {"name": "New", "bcc": [{"name": None, "email": "x@y.z"}]}}
    told = await jmap.call("Identity/set", accountId=jmap.account, update=update)
    assert told["updated"] == {made["id"]: None}
    wrong = {made["id"]: {"email": "ana@example.org"}}
    told = await jmap.call("Identity/set", accountId=jmap.account, update=wrong)
    assert told["notUpdated"][made["id"]]["properties"] == ["email"]
    told = await jmap.call("Identity/set", accountId=jmap.account, destroy=[made["id"]])
    assert told["destroyed"] == [made["id"]]
    changes = await jmap.call(
        "Identity/changes", accountId=jmap.account, sinceState=changes["newState"]
    )
    assert changes["destroyed"] == [made["id"]]


async def test_a_message_leaves_without_its_bcc(jmap: JmapInstance) -> None:  # 7.5
    email_id = await draft(jmap, bcc=[{"email": FAR}], cc=[{"email": "BUDI@example.org"}])
    made = (await send(jmap, email_id))["created"]["s"]
    assert made["envelope"] == {
        "mailFrom": {"email": "ana@example.org", "parameters": None},
        "rcptTo": [
            {"email": "budi@example.org", "parameters": None}, {"email": FAR, "parameters": None},
        ],
    }  # fmt: skip
    assert made["undoStatus"] == "final"
    assert made["deliveryStatus"]["budi@example.org"]["delivered"] == "yes"
    assert made["deliveryStatus"][FAR] == {
        "smtpReply": "250 2.1.5 queued", "delivered": "queued", "displayed": "unknown",
    }  # fmt: skip
    [(message, recipients)] = await jmap.store.read(queue.listing)
    assert [one.address for one in recipients] == [FAR]
    stored = await jmap.store.read(blobs.find, message.blob_id)
    assert stored is not None
    content = bytes(jmap.blobs.read(stored))
    assert b"Bcc" not in content
    assert content.endswith(b"hello\r\n")
    told = await jmap.call("Email/get", accountId=jmap.account, ids=[email_id], properties=["bcc"])
    assert told["list"][0]["bcc"] == [{"name": None, "email": FAR}]


async def test_success_changes_the_email_in_a_further_response(jmap: JmapInstance) -> None:  # 7.5
    good, bad = await draft(jmap), await draft(jmap, to=None)
    who = await identity(jmap)
    responses = await jmap.request(
        (
            "EmailSubmission/set",
            {
                "accountId": jmap.account,
                "create": {
                    "g": {"identityId": who, "emailId": good},
                    "b": {"identityId": who, "emailId": bad},
                },
                "onSuccessUpdateEmail": {
                    "#g": {"mailboxIds/F2": None, "mailboxIds/F3": True, "keywords/$draft": None},
                    "#b": {"keywords/never": True},
                },
                "onSuccessDestroyEmail": ["#b"],
            },
            "c",
        ),
    )
    assert [(name, call_id) for name, _, call_id in responses] == [
        ("EmailSubmission/set", "c"), ("Email/set", "c"),
    ]  # fmt: skip
    assert responses[1][1]["updated"] == {good: None}
    assert responses[1][1]["destroyed"] is None
    told = await jmap.call(
        "Email/get", accountId=jmap.account, ids=[good], properties=["mailboxIds", "keywords"]
    )
    assert told["list"][0] == {"id": good, "mailboxIds": {"F3": True}, "keywords": {}}
    again = await jmap.call(
        "EmailSubmission/set", accountId=jmap.account, onSuccessDestroyEmail=["#nothing"]
    )
    assert again["created"] is None


async def test_every_refusal_has_its_type(jmap: JmapInstance) -> None:  # 7.5
    good = await draft(jmap)
    assert (await refused(jmap, "M99"))["properties"] == ["emailId"]
    assert (await refused(jmap, good, identityId="I99"))["properties"] == ["identityId"]
    assert (await refused(jmap, good, undoStatus="final"))["properties"] == ["undoStatus"]
    assert (await refused(jmap, good, sendAt="2030-01-01T00:00:00Z"))["properties"] == ["sendAt"]
    assert (await refused(jmap, good, envelope={"mailFrom": "x"}))["properties"] == ["envelope"]
    error = await refused(jmap, good, envelope=envelope(FAR, sender="x@y.z"))
    assert error["type"] == "forbiddenMailFrom"
    assert (await refused(jmap, good, envelope=envelope()))["type"] == "noRecipients"
    error = await refused(jmap, good, envelope=envelope("half", "nobody@example.org", FAR))
    assert error["type"] == "invalidRecipients"
    assert error["invalidRecipients"] == ["half", "nobody@example.org"]
    many = [f"a{n}@far.example" for n in range(1001)]
    error = await refused(jmap, good, envelope=envelope(*many))
    assert (error["type"], error["maxRecipients"]) == ("tooManyRecipients", 1000)
    error = await refused(jmap, await draft(jmap, to=None))
    assert error["type"] == "noRecipients"
    error = await refused(jmap, await draft(jmap, **{"from": [{"email": "budi@example.org"}]}))
    assert error["type"] == "forbiddenFrom"
    named = {"from": [{"email": "carl@far.example"}]}
    assert (await refused(jmap, await draft(jmap, **named)))["type"] == "forbiddenFrom"
    error = await refused(jmap, await draft(jmap, **{"from": None}))
    assert (error["type"], error["properties"]) == ("invalidEmail", ["from"])
    object.__setattr__(jmap.services, "message_size", 10)
    error = await refused(jmap, good)
    assert (error["type"], error["maxSize"]) == ("tooLarge", 10)
    assert await jmap.store.read(queue.listing) == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"NONSENSE": "1"},
        {"HOLDFOR": "99999999"},
        {"HOLDFOR": "1 SIZE=3"},
        {"BY": "x"},
        {"A B": "1"},
    ],
)
async def test_odd_parameters_are_refused(jmap: JmapInstance, parameters: dict[str, str]) -> None:
    error = await refused(jmap, await draft(jmap), envelope=envelope(FAR, **parameters))
    assert (error["type"], error["properties"]) == ("invalidProperties", ["envelope"])


async def test_mail_that_waits_can_be_taken_back_once(jmap: JmapInstance) -> None:  # 7
    waiting = envelope(FAR, HOLDFOR="600", ENVID="a b=c")
    made = (await send(jmap, await draft(jmap), envelope=waiting))["created"]["s"]
    assert made["undoStatus"] == "pending"
    [(message, _)] = await jmap.store.read(queue.listing)
    assert message.options.envid == "a b=c"
    cancel = {made["id"]: {"undoStatus": "canceled"}}
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, update=cancel)
    assert made["id"] in told["updated"]
    assert await jmap.store.read(queue.listing) == []
    told = await jmap.call("EmailSubmission/get", accountId=jmap.account, ids=[made["id"]])
    assert told["list"][0]["undoStatus"] == "canceled"
    back = {made["id"]: {"undoStatus": "pending"}}
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, update=back)
    assert told["notUpdated"][made["id"]]["properties"] == ["undoStatus"]


async def test_what_has_left_cannot_be_taken_back(jmap: JmapInstance) -> None:
    now = (await send(jmap, await draft(jmap)))["created"]["s"]["id"]
    later = await send(jmap, await draft(jmap), envelope=envelope(FAR, HOLDFOR="60"))
    late = later["created"]["s"]["id"]
    jmap.clock.advance(61)  # type: ignore[attr-defined]
    update = {one: {"undoStatus": "canceled"} for one in (now, late)}
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, update=update)
    assert {one["type"] for one in told["notUpdated"].values()} == {"cannotUnsend"}
    told = await jmap.call("EmailSubmission/get", accountId=jmap.account, ids=[late])
    assert told["list"][0]["undoStatus"] == "final"
    fixed = {now: {"emailId": "M1"}}
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, update=fixed)
    assert told["notUpdated"][now]["properties"] == ["emailId"]


async def test_what_becomes_of_mail_is_a_change(jmap: JmapInstance) -> None:  # 7.2
    made = await send(jmap, await draft(jmap, to=[{"email": FAR}]))
    id_, state = made["created"]["s"]["id"], made["newState"]
    [(message, [recipient])] = await jmap.store.read(queue.listing)

    async def serve(tx: Any) -> None:
        await queue.finish(tx, message.id, [recipient.n])
        step = Event(
            message.trace, jmap.now + 1, EventKind.SENT, FAR, jmap.ana.id,
            {"host": "mx.far.example", "said": "250 2.0.0 thanks"},
        )  # fmt: skip
        await events.record(tx, [step])

    await jmap.store.write(serve)
    told = await jmap.call("EmailSubmission/changes", accountId=jmap.account, sinceState=state)
    assert told["updated"] == [id_]
    told = await jmap.call("EmailSubmission/get", accountId=jmap.account, ids=[id_])
    assert told["list"][0]["deliveryStatus"][FAR] == {
        "smtpReply": "250 2.0.0 thanks", "delivered": "unknown", "displayed": "unknown",
    }  # fmt: skip
    assert not await jmap.store.read(submissions.are_open, jmap.ana.id)


async def test_submissions_are_found_and_forgotten(jmap: JmapInstance) -> None:  # 7.3
    a = await send(jmap, await draft(jmap))
    jmap.clock.advance(10)  # type: ignore[attr-defined]
    b = await send(jmap, await draft(jmap), envelope=envelope(FAR, HOLDFOR="600"))
    first, second = a["created"]["s"], b["created"]["s"]

    async def find(filter_: Any, **more: Any) -> Any:
        told = await jmap.call(
            "EmailSubmission/query", accountId=jmap.account, filter=filter_, **more
        )
        return told["ids"]

    assert await find(None) == [first["id"], second["id"]]
    descending = [{"property": "sentAt", "isAscending": False}]
    assert await find(None, sort=descending) == [second["id"], first["id"]]
    assert await find({"undoStatus": "pending"}) == [second["id"]]
    assert await find({"before": second["sendAt"]}) == [first["id"]]
    assert await find({"after": second["sendAt"]}) == [second["id"]]
    assert await find({"threadIds": [first["threadId"]], "emailIds": ["M7"]}) == []
    assert await find({"identityIds": [await identity(jmap)]}) == [first["id"], second["id"]]
    destroy = [first["id"], "S9"]
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, destroy=destroy)
    assert told["destroyed"] == [first["id"]]
    assert told["notDestroyed"]["S9"]["type"] == "notFound"
    told = await jmap.call(
        "EmailSubmission/queryChanges", accountId=jmap.account, sinceQueryState=b["newState"]
    )
    assert (told["removed"], told["added"]) == ([first["id"]], [])


async def test_an_envelope_is_told_with_all_of_its_properties(jmap: JmapInstance) -> None:  # 7
    given = {"mailFrom": {"email": "ana@example.org"}, "rcptTo": [{"email": FAR}]}
    made = (await send(jmap, await draft(jmap), envelope=given))["created"]["s"]
    assert made["envelope"] == {
        "mailFrom": {"email": "ana@example.org", "parameters": None},
        "rcptTo": [{"email": FAR, "parameters": None}],
    }


async def test_whoever_may_send_for_another_does(jmap: JmapInstance) -> None:
    team = await jmap.add_account("team@example.org")
    await jmap.store.write(allow, team.id, jmap.ana.id)
    email_id = await draft(jmap, **{"from": [{"email": "team@example.org"}]})
    made = (await send(jmap, email_id))["created"]["s"]
    assert made["envelope"]["mailFrom"]["email"] == "team@example.org"


async def allow(tx: Any, account_id: int, subject: int) -> None:
    await tx.run(
        "INSERT INTO member (account_id, subject, rights, send) VALUES ($1, $2, 'lr', $3)",
        account_id, subject, Send.AS.value,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["delivery-status", "disposition-notification"])
async def test_reports_about_sent_mail_are_told_with_it(jmap: JmapInstance, kind: str) -> None:
    """RFC 8621 7: dsnBlobIds, mdnBlobIds."""
    [who] = (await jmap.call("Identity/get", accountId=jmap.account))["list"]
    draft = {
        "mailboxIds": {"F2": True}, "from": [{"email": who["email"]}], "messageId": ["sent@x"],
        "to": [{"email": who["email"]}], "subject": "hello",
    }  # fmt: skip
    made = await jmap.call("Email/set", accountId=jmap.account, create={"d": draft})
    email = made["created"]["d"]["id"]
    sent = {"identityId": who["id"], "emailId": email}
    told = await jmap.call("EmailSubmission/set", accountId=jmap.account, create={"s": sent})
    id_ = told["created"]["s"]["id"]

    def report(about: str, kind: str) -> bytes:
        own = f"Message/Disposition-Notification\r\n\r\nOriginal-Message-ID: <{about}>\r\n"
        if kind == "delivery-status":
            own = f"text/rfc822-headers\r\n\r\nSubject: hello\r\nMessage-ID: <{about}>\r\n"
        return (
            f"Subject: a report\r\nMessage-ID: <{kind}-{about}>\r\n"
            f"Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
            f"--b\r\n\r\nin plain words\r\n--b\r\nContent-Type: {own}\r\n--b--\r\n"
        ).encode()

    await jmap.deliver(report("other@x", kind))
    await jmap.deliver(report("sent@x", "something-else"))
    first = await jmap.deliver(report("sent@x", kind))
    second = await jmap.deliver(report("sent@x", kind).replace(b"a report", b"another"))
    found = await jmap.call(
        "EmailSubmission/get", accountId=jmap.account, ids=[id_],
        properties=["dsnBlobIds", "mdnBlobIds"],
    )  # fmt: skip
    [one] = found["list"]
    mine, other = ("dsnBlobIds", "mdnBlobIds")[:: 1 if kind == "delivery-status" else -1]
    assert one.keys() == {"id", mine, other}
    assert one[other] == []
    assert one[mine] == [
        object_ids.blob(object_ids.BlobName(upload=False, id=1 << 32 | uid))
        for uid in (first, second)
    ]

"""VacationResponse (RFC 8621 8), SearchSnippet (5), Quota (RFC 9425), MDN (RFC 9007)."""

from __future__ import annotations

from typing import Any

from merpati.store import sieve
from tests.support.jmap import JmapInstance

# VacationResponse


async def test_there_is_one_vacation_response(jmap: JmapInstance) -> None:
    told = await jmap.call("VacationResponse/get", accountId=jmap.account, ids=None)
    assert told["list"] == [
        {
            "id": "singleton", "isEnabled": False, "fromDate": None, "toDate": None,
            "subject": None, "textBody": None, "htmlBody": None,
        }
    ]  # fmt: skip
    told = await jmap.call(
        "VacationResponse/set", accountId=jmap.account, create={"x": {"isEnabled": True}},
        destroy=["singleton"],
    )  # fmt: skip
    assert told["notCreated"]["x"]["type"] == "singleton"
    assert told["notDestroyed"]["singleton"]["type"] == "singleton"
    told = await jmap.call("VacationResponse/get", accountId=jmap.account, ids=["x"])
    assert (told["list"], told["notFound"]) == ([], ["x"])


async def test_a_vacation_response_is_what_answers(jmap: JmapInstance) -> None:
    patch = {
        "isEnabled": True, "fromDate": "2026-01-01T00:00:00Z", "subject": "away",
        "textBody": "later",
    }  # fmt: skip
    told = await jmap.call(
        "VacationResponse/set", accountId=jmap.account, update={"singleton": patch, "x": {}}
    )
    assert told["updated"] == {"singleton": None}
    assert told["notUpdated"]["x"]["type"] == "notFound"
    assert told["oldState"] != told["newState"]
    reply = await jmap.store.read(sieve.auto_reply, jmap.ana.id)
    assert (reply.is_enabled, reply.subject, reply.text) == (True, "away", "later")
    told = await jmap.call("VacationResponse/get", accountId=jmap.account, ids=["singleton"])
    assert told["list"][0] == {"id": "singleton", "toDate": None, "htmlBody": None, **patch}
    for wrong in ({"fromDate": "2026-01-01T00:00:00+07:00"}, {"isEnabled": 1}, {"id": "y"}):
        told = await jmap.call(
            "VacationResponse/set", accountId=jmap.account, update={"singleton": wrong}
        )
        assert told["notUpdated"]["singleton"]["properties"] == list(wrong)
    cleared = {"singleton": {"fromDate": None, "subject": None}}
    await jmap.call("VacationResponse/set", accountId=jmap.account, update=cleared)
    told = await jmap.call("VacationResponse/get", accountId=jmap.account, ids=None)
    assert (told["list"][0]["fromDate"], told["list"][0]["subject"]) == (None, None)


# SearchSnippet


async def snippets(jmap: JmapInstance, filter_: Any, *ids: str) -> Any:
    return await jmap.call(
        "SearchSnippet/get", accountId=jmap.account, filter=filter_, emailIds=list(ids)
    )


async def test_words_are_marked_and_all_else_escaped(jmap: JmapInstance) -> None:
    await jmap.deliver(
        b"Subject: <Fish> & chips\r\n\r\n" + b"word " * 100 + b"a <b> FISH & more" + b" x" * 300
    )
    told = await snippets(jmap, {"text": "fish"}, "M100000001", "nope")
    assert told["notFound"] == ["nope"]
    [one] = told["list"]
    assert one["subject"] == "&lt;<mark>Fish</mark>&gt; &amp; chips"
    assert "a &lt;b&gt; <mark>FISH</mark> &amp; more" in one["preview"]
    assert len(one["preview"].encode()) <= 255


async def test_only_where_words_were_looked_for_are_they_marked(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Subject: fish\r\nContent-Type: text/html\r\n\r\n<p>no <b>fish</b></p>")
    told = await snippets(jmap, {"body": '"no fish"'}, "M100000001")
    assert told["list"][0] == {
        "emailId": "M100000001", "subject": None, "preview": "<mark>no fish</mark>",
    }  # fmt: skip
    assert told["notFound"] is None
    await jmap.deliver(b"Content-Type: text/html\r\n\r\n<p>no gold<b>fis</b>h</p>")
    told = await snippets(jmap, {"body": "goldfish"}, "M100000002")  # one word, as search has it
    assert told["list"][0]["preview"] == "no <mark>goldfish</mark>"
    unlike = {"operator": "NOT", "conditions": [{"text": "fish"}]}
    for filter_ in (None, unlike, {"from": "fish"}):
        [one] = (await snippets(jmap, filter_, "M100000001"))["list"]
        assert (one["subject"], one["preview"]) == (None, None)
    assert (await snippets(jmap, {"nonsense": 1}))["type"] == "unsupportedFilter"


# Quota


async def test_limits_are_quotas(jmap: JmapInstance) -> None:
    assert (await jmap.call("Quota/get", accountId=jmap.account, ids=None))["list"] == []
    dina = await jmap.add_account("dina@example.org", quota=1000)
    await jmap.deliver(b"Subject: x\r\n\r\n", dina)
    account = f"u{dina.id}"

    async def ask(method: str, **more: Any) -> Any:
        return await jmap.call(method, user=dina, accountId=account, **more)

    got = await ask("Quota/get", ids=None)
    [one] = got["list"]
    assert (one["used"], one["hardLimit"]) == (14, 1000)
    assert (one["resourceType"], one["scope"], one["types"]) == ("octets", "account", ["Email"])
    assert (await ask("Quota/query", filter={"scope": "domain"}))["ids"] == []
    assert (await ask("Quota/query", sort=[{"property": "used"}]))["ids"] == [one["id"]]
    await jmap.deliver(b"Subject: y\r\n\r\n", dina)
    told = await ask("Quota/changes", sinceState=got["state"])
    assert (told["updated"], told["updatedProperties"]) == ([one["id"]], ["used"])
    assert (await ask("Quota/changes", sinceState="1"))["type"] == "cannotCalculateChanges"


# MDN

ASKS = (
    b"From: budi@example.org\r\nSubject: hi\r\nMessage-ID: <a@b>\r\n"
    b"Disposition-Notification-To: budi@example.org\r\n\r\nread?\r\n"
)
DISPOSITION = {
    "actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed",
}  # fmt: skip


async def test_a_receipt_is_sent_once_and_read(jmap: JmapInstance) -> None:
    await jmap.deliver(ASKS)
    await jmap.deliver(b"Subject: does not ask\r\n\r\n")
    who = (await jmap.call("Identity/get", accountId=jmap.account, ids=None))["list"][0]["id"]
    one = {"forEmailId": "M100000001", "disposition": DISPOSITION, "textBody": "gelesen: ä"}
    call = {
        "accountId": jmap.account,
        "identityId": who,
        "send": {
            "a": one, "b": {**one, "forEmailId": "M100000002"}, "c": {**one, "forEmailId": "M7"},
            "d": {**one, "disposition": {}},
        },
        "onSuccessUpdateEmail": {"#a": {"keywords/$mdnsent": True}},
    }  # fmt: skip
    (name, told, _), (implicit, updated, _) = await jmap.request(("MDN/send", call, "0"))
    assert (name, implicit) == ("MDN/send", "Email/set")
    assert told["sent"]["a"]["originalMessageId"] == "<a@b>"
    errors = {key: error["type"] for key, error in told["notSent"].items()}
    assert errors == {"b": "forbidden", "c": "notFound", "d": "invalidProperties"}
    assert updated["updated"] == {"M100000001": None}
    again = await jmap.call("MDN/send", accountId=jmap.account, identityId=who, send={"a": one})
    assert again["notSent"]["a"]["type"] == "mdnAlreadySent"
    parsed = await jmap.call(
        "MDN/parse", user=jmap.budi, accountId="u2", blobIds=["E100000001", "U9"]
    )
    assert parsed["notFound"] == ["U9"]
    receipt = parsed["parsed"]["E100000001"]
    assert receipt["disposition"] == DISPOSITION
    assert receipt["originalMessageId"] == "<a@b>"
    assert receipt["textBody"] == "gelesen: ä"
    parsed = await jmap.call("MDN/parse", accountId=jmap.account, blobIds=["E100000001"])
    assert parsed["notParsable"] == ["E100000001"]

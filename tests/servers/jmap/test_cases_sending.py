"""Identities, submissions and the vacation response as a stranger would try them, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap_http import Client
from tests.support.server import ANA, BUDI

DRAFT: dict[str, Any] = {
    "mailboxIds": {"F2": True}, "keywords": {"$draft": True}, "subject": "x",
    "from": [{"name": None, "email": ANA}], "to": [{"name": None, "email": BUDI}],
    "bodyValues": {"1": {"value": "hello"}}, "textBody": [{"partId": "1", "type": "text/plain"}],
}  # fmt: skip


@pytest.fixture
async def identity(client: Client) -> str:
    """The identity of the account's own address."""
    [one] = (await client.call("Identity/get"))["list"]
    id_: str = one["id"]
    return id_


async def test_an_email_is_made_sent_and_filed_by_one_request(
    client: Client, identity: str
) -> None:
    """RFC 8621 7.5.1: creation ids lead from the email to its submission, and back."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("Email/set", {"create": {"d": DRAFT}}),
        ("EmailSubmission/set", {
            "create": {"s": {"identityId": identity, "emailId": "#d"}},
            "onSuccessUpdateEmail": {"#s": {
                "mailboxIds/F2": None, "mailboxIds/F3": True, "keywords/$draft": None,
            }},
        }),
        ("Email/get", {"ids": ["#d"], "properties": ["mailboxIds", "keywords"]}),
        ("EmailSubmission/get", {"ids": ["#s"]}),
    ]  # fmt: skip
    made, sent, filed, email, submission = await client.calls(*calls)
    id_ = made["created"]["d"]["id"]
    assert sent["created"]["s"]["undoStatus"] == "final"
    assert filed["updated"] == {id_: None}
    assert email["list"] == [{"id": id_, "mailboxIds": {"F3": True}, "keywords": {}}]
    [one] = submission["list"]
    assert one.keys() >= {
        "id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus",
        "deliveryStatus", "dsnBlobIds", "mdnBlobIds",
    }  # fmt: skip
    assert one["envelope"]["mailFrom"]["email"] == ANA
    assert [to["email"] for to in one["envelope"]["rcptTo"]] == [BUDI]
    assert one["deliveryStatus"].keys() == {BUDI}


async def test_what_is_held_back_can_be_taken_back_once(client: Client, identity: str) -> None:
    made = await client.call("Email/set", create={"d": DRAFT})
    id_ = made["created"]["d"]["id"]
    envelope = {
        "mailFrom": {"email": ANA, "parameters": {"HOLDFOR": "3600"}},
        "rcptTo": [{"email": BUDI, "parameters": None}],
    }
    told = await client.call(
        "EmailSubmission/set",
        create={"s": {"identityId": identity, "emailId": id_, "envelope": envelope}},
    )
    one = told["created"]["s"]
    assert one["undoStatus"] == "pending"
    for filter_, found in (
        ({"undoStatus": "pending"}, [one["id"]]), ({"undoStatus": "final"}, []),
        ({"emailIds": [id_], "identityIds": [identity]}, [one["id"]]), ({"emailIds": []}, []),
        ({"threadIds": [one["threadId"]]}, [one["id"]]),
        ({"before": "2000-01-01T00:00:00Z"}, []), ({"after": "2000-01-01T00:00:00Z"}, [one["id"]]),
    ):  # fmt: skip
        told = await client.call("EmailSubmission/query", filter=filter_)
        assert told["ids"] == found, filter_

    async def update(**properties: Any) -> Any:
        told = await client.call("EmailSubmission/set", update={one["id"]: properties})
        return (told["notUpdated"] or {}).get(one["id"], {}).get("type")

    assert await update(undoStatus="final") == "invalidProperties"
    assert await update(identityId="I99") == "invalidProperties"
    assert await update(undoStatus="canceled") is None
    told = await client.call("EmailSubmission/set", destroy=[one["id"]])
    assert told["destroyed"] == [one["id"]]
    assert (await client.call("Email/get", ids=[id_]))["notFound"] == []


@pytest.mark.parametrize(
    ("draft", "envelope", "type_"),
    [
        ({"to": []}, None, "noRecipients"),
        ({"from": []}, None, "invalidEmail"),
        ({"from": [{"name": None, "email": "x@elsewhere.test"}]}, None, "forbiddenFrom"),
        ({}, {"mailFrom": {"email": ANA}, "rcptTo": []}, "noRecipients"),
        ({}, {"mailFrom": {"email": ANA}, "rcptTo": [{"email": "x"}]}, "invalidRecipients"),
        (
            {},
            {"mailFrom": {"email": "x@elsewhere.test"}, "rcptTo": [{"email": BUDI}]},
            "forbiddenMailFrom",
        ),
        (
            {},
            {"mailFrom": {"email": ANA, "parameters": {"FOO": None}}, "rcptTo": [{"email": BUDI}]},
            "invalidProperties",
        ),
        ({}, {"mailFrom": {"email": ANA}}, "invalidProperties"),
    ],
)
async def test_what_cannot_be_sent_says_why_and_stays_as_it_was(
    client: Client, identity: str, draft: dict[str, Any], envelope: Any, type_: str
) -> None:
    made = await client.call("Email/set", create={"d": {**DRAFT, **draft}})
    id_ = made["created"]["d"]["id"]
    submission = {"identityId": identity, "emailId": id_}
    if envelope is not None:
        submission["envelope"] = envelope
    told = await client.calls(
        ("EmailSubmission/set", {
            "create": {"s": submission}, "onSuccessUpdateEmail": {"#s": {"keywords/$draft": None}},
            "onSuccessDestroyEmail": ["#s"],
        }),
    )  # fmt: skip
    assert told[0]["notCreated"]["s"]["type"] == type_
    assert (await client.email(id_, "keywords"))["keywords"] == {"$draft": True}


async def test_identities_come_and_go_but_for_the_account_s_own(
    client: Client, identity: str
) -> None:
    new = {"email": ANA, "name": "N", "replyTo": [{"name": None, "email": "r@x.test"}]}
    told = await client.call("Identity/set", create={"k": new})
    id_ = told["created"]["k"]["id"]
    told = await client.call(
        "Identity/set", update={id_: {"name": "M", "replyTo": None, "htmlSignature": "<b>x</b>"}}
    )
    assert told["updated"] == {id_: None}
    [one] = (await client.call("Identity/get", ids=[id_]))["list"]
    assert (one["name"], one["replyTo"], one["htmlSignature"]) == ("M", None, "<b>x</b>")
    for create, type_ in (
        ({"email": "x@elsewhere.test"}, "forbiddenFrom"), ({"name": "x"}, "invalidProperties"),
        ({"email": ANA, "mayDelete": True}, "invalidProperties"),
        ({"email": ANA, "bcc": "x"}, "invalidProperties"),
    ):  # fmt: skip
        told = await client.call("Identity/set", create={"k": create})
        assert told["notCreated"]["k"]["type"] == type_
    told = await client.call("Identity/set", update={id_: {"email": BUDI}})
    assert told["notUpdated"][id_]["type"] == "invalidProperties"
    told = await client.call("Identity/set", destroy=[identity, id_])
    assert (told["destroyed"], told["notDestroyed"][identity]["type"]) == ([id_], "forbidden")


async def test_the_vacation_response_is_one(client: Client) -> None:
    away = {
        "isEnabled": True, "fromDate": "2025-01-01T00:00:00Z", "toDate": "2025-02-01T00:00:00Z",
        "subject": "s", "textBody": "t", "htmlBody": "<p>h</p>",
    }  # fmt: skip
    told = await client.call("VacationResponse/set", update={"singleton": away})
    assert told["updated"] == {"singleton": None}
    told = await client.call("VacationResponse/get", ids=["singleton", "other"])
    assert (told["list"], told["notFound"]) == ([{"id": "singleton", **away}], ["other"])
    for wrong in ({"fromDate": "x"}, {"isEnabled": "yes"}, {"nonsense": 1}, {"subject": 1}):
        told = await client.call("VacationResponse/set", update={"singleton": wrong})
        assert told["notUpdated"]["singleton"]["type"] == "invalidProperties", wrong
    told = await client.call("VacationResponse/set", create={"k": away}, destroy=["singleton"])
    assert told["notCreated"]["k"]["type"] == "singleton"
    assert told["notDestroyed"]["singleton"]["type"] == "singleton"

"""Requests, references and files as a stranger would try them (RFC 8620), over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from merpati.servers.jmap.call import CORE, JmapSettings
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.jmap_http import Client
from tests.support.server import ANA


async def test_echo_gives_back_whatever_json_can_say(client: Client) -> None:
    said = {"a": {"b": [None, True, 1.5, -7, 2**53 - 1, "\u00e9\U0001f600\n\u0000"]}, "": {}}
    told = await client.request(["Core/echo", said, "\u00e9"], using=[CORE])
    assert told["methodResponses"] == [["Core/echo", said, "\u00e9"]]


async def test_a_request_need_not_ask_for_anything(client: Client) -> None:
    told = await client.request(using=[])
    assert (told["methodResponses"], told.keys()) == ([], {"methodResponses", "sessionState"})
    told = await client.request(using=[CORE, CORE], createdIds={})
    assert told["createdIds"] == {}


async def test_more_calls_than_the_session_allows_are_a_limit(client: Client) -> None:
    session = (await client.site.get("/jmap/session", user=ANA)).json
    most = session["capabilities"][CORE]["maxCallsInRequest"]
    echo = ["Core/echo", {}, "0"]
    assert len((await client.request(*[echo] * most))["methodResponses"]) == most
    answer = await client.site.post(
        "/jmap/api", {"using": [CORE], "methodCalls": [echo] * (most + 1)}, user=ANA
    )
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["type"] == "urn:ietf:params:jmap:error:limit"
    assert answer.json["limit"] == "maxCallsInRequest"


async def test_what_a_session_limits_is_limited_by_that(jmap: JmapInstance) -> None:
    built = jmap.build(JmapSettings(objects_in_get=2, objects_in_set=2, upload_size=4))
    client = Client(jmap, Site(jmap, built.routes()))
    told = (await client.site.get("/jmap/session", user=ANA)).json["capabilities"][CORE]
    assert (told["maxObjectsInGet"], told["maxObjectsInSet"], told["maxSizeUpload"]) == (2, 2, 4)
    assert (await client.call("Mailbox/get", ids=["F1", "F2", "F3"]))["error"] == "requestTooLarge"
    assert len((await client.call("Mailbox/get", ids=["F1", "F2"]))["list"]) == 2
    many = await client.call("Email/set", create={"a": {}}, update={"b": {}}, destroy=["c"])
    assert many["error"] == "requestTooLarge"
    answer = await client.site.ask("POST", f"/jmap/upload/{client.account}/", b"12345", user=ANA)
    assert (answer.status, answer.json["limit"]) == (413, "maxSizeUpload")


async def test_references_follow_the_example_of_the_standard(client: Client) -> None:
    """RFC 8620 3.7: query, the threads of what it found, and all emails of these."""
    for n in range(3):
        await client.add(b"Subject: s\r\nMessage-ID: <%d@x>\r\n\r\n" % n)
    await client.add(b"Subject: Re: s\r\nMessage-ID: <a@x>\r\nIn-Reply-To: <0@x>\r\n\r\n")

    def of(call: str, name: str, path: str) -> dict[str, str]:
        return {"resultOf": call, "name": name, "path": path}

    found, emails, threads, all_ = await client.calls(
        ("Email/query", {"collapseThreads": True, "limit": 2}),
        ("Email/get", {"#ids": of("0", "Email/query", "/ids"), "properties": ["threadId"]}),
        ("Thread/get", {"#ids": of("1", "Email/get", "/list/*/threadId")}),
        ("Email/get", {"#ids": of("2", "Thread/get", "/list/*/emailIds"), "properties": []}),
    )
    assert len(found["ids"]) == len(emails["list"]) == len(threads["list"]) == 2
    ids = [id_ for one in threads["list"] for id_ in one["emailIds"]]
    assert [one["id"] for one in all_["list"]] == list(dict.fromkeys(ids))


@pytest.mark.parametrize(
    "reference",
    [
        None, 1, "0", [], {}, {"resultOf": "0", "name": "Core/echo"},
        {"resultOf": "1", "name": "Core/echo", "path": "/a"},
        {"resultOf": "0", "name": "core/echo", "path": "/a"},
        {"resultOf": "0", "name": "Core/echo", "path": "a"},
        {"resultOf": "0", "name": "Core/echo", "path": "/a/b"},
        {"resultOf": "0", "name": "Core/echo", "path": "/a/2"},
        {"resultOf": "0", "name": "Core/echo", "path": "/a/-1"},
        {"resultOf": "0", "name": "Core/echo", "path": "/a/*/x"},
        {"resultOf": "0", "name": "Core/echo", "path": "/*"},
        {"resultOf": 0, "name": "Core/echo", "path": "/a"},
    ],
)  # fmt: skip
async def test_a_reference_that_leads_nowhere_says_so(client: Client, reference: Any) -> None:
    told = await client.request(
        ["Core/echo", {"a": [1, 2]}, "0"], ["Core/echo", {"#x": reference}, "1"]
    )
    [name, error, id_] = told["methodResponses"][1]
    assert (name, error["type"], id_) == ("error", "invalidResultReference", "1")


async def test_an_argument_is_not_given_twice(client: Client) -> None:
    reference = {"resultOf": "0", "name": "Core/echo", "path": "/a"}
    told = await client.request(
        ["Core/echo", {"a": 1}, "0"], ["Core/echo", {"x": 1, "#x": reference}, "1"]
    )
    assert told["methodResponses"][1][1]["type"] == "invalidArguments"


async def test_errors_of_one_call_leave_the_next_alone(client: Client) -> None:
    get: dict[str, Any] = {"ids": []}
    told = await client.calls(
        ("Email/get", {"ids": "x"}), ("Email/get", get), ("Nothing/get", get), ("Email/get", get)
    )
    assert [one.get("error") for one in told] == ["invalidArguments", None, "unknownMethod", None]


async def test_creation_ids_are_known_to_all_later_calls(client: Client) -> None:
    """RFC 8620 5.3: as ids, as keys of maps, in patches, in other types' calls."""
    told = await client.calls(
        ("Mailbox/set", {"create": {"m": {"name": "M"}}}),
        ("Email/set", {"create": {"e": {"mailboxIds": {"#m": True}, "subject": "x"}}}),
        ("Email/get", {"ids": ["#e"], "properties": ["mailboxIds"]}),
        ("Email/set", {"update": {"#e": {"mailboxIds/F1": True, "mailboxIds/#m": None}}}),
        ("Email/get", {"ids": ["#e"], "properties": ["mailboxIds"]}),
        ("Email/set", {"destroy": ["#e"]}),
        ("Mailbox/set", {"update": {"#m": {"name": "N"}}}),
        ("Mailbox/get", {"ids": ["#m"], "properties": ["name"]}),
        ("Email/set", {"destroy": ["#nobody"]}),
        createdIds={},
    )
    box = told[0]["created"]["m"]["id"]
    email = told[1]["created"]["e"]["id"]
    assert told[2]["list"] == [{"id": email, "mailboxIds": {box: True}}]
    assert told[3]["updated"] == {email: None}
    assert told[4]["list"] == [{"id": email, "mailboxIds": {"F1": True}}]
    assert told[5]["destroyed"] == [email]
    assert told[7]["list"] == [{"id": box, "name": "N"}]
    assert told[8]["notDestroyed"]["#nobody"]["type"] == "notFound"


async def test_the_same_creation_id_means_what_was_made_last(client: Client) -> None:
    told = await client.calls(
        ("Mailbox/set", {"create": {"m": {"name": "one"}}}),
        ("Mailbox/set", {"create": {"m": {"name": "two"}}}),
        ("Mailbox/get", {"ids": ["#m"], "properties": ["name"]}),
    )
    assert told[2]["list"][0]["name"] == "two"


@pytest.mark.parametrize("kind", ["Mailbox", "Email", "Thread", "Identity", "EmailSubmission"])
async def test_every_type_gets_and_changes_alike(client: Client, kind: str) -> None:
    await client.call("Identity/get")  # those of the account's addresses are made when looked for
    all_ = await client.call(f"{kind}/get")
    assert (all_["accountId"], all_["notFound"]) == (client.account, [])
    none = await client.call(f"{kind}/get", ids=[])
    assert (none["list"], none["notFound"], none["state"]) == ([], [], all_["state"])
    some = await client.call(f"{kind}/get", ids=["nobody", "nobody"])
    assert (some["list"], some["notFound"]) == ([], ["nobody"])
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"ids": "x"}, "invalidArguments"),
        ({"ids": {}}, "invalidArguments"),
        ({"ids": [None]}, "invalidArguments"),
        ({"properties": ["nonsense"]}, "invalidArguments"),
        ({"properties": "id"}, "invalidArguments"),
        ({"nonsense": True}, "invalidArguments"),
        ({"accountId": None}, "invalidArguments"),
        ({"accountId": "nobody"}, "accountNotFound"),
    ]
    for arguments, error in wrong:
        assert (await client.call(f"{kind}/get", **arguments))["error"] == error, arguments
    same = await client.call(f"{kind}/changes", sinceState=all_["state"])
    assert (same["oldState"], same["newState"]) == (all_["state"], all_["state"])
    assert (same["created"], same["updated"], same["destroyed"]) == ([], [], [])
    assert same["hasMoreChanges"] is False
    since: list[tuple[dict[str, Any], str]] = [
        ({}, "invalidArguments"),
        ({"sinceState": 1}, "invalidArguments"),
        ({"sinceState": "nonsense"}, "cannotCalculateChanges"),
        ({"sinceState": all_["state"], "maxChanges": 0}, "invalidArguments"),
        ({"sinceState": all_["state"], "maxChanges": "1"}, "invalidArguments"),
    ]
    for arguments, error in since:
        assert (await client.call(f"{kind}/changes", **arguments))["error"] == error, arguments


@pytest.mark.parametrize("kind", ["Mailbox", "Email", "Identity", "EmailSubmission"])
async def test_every_type_sets_alike(client: Client, kind: str) -> None:
    await client.call("Identity/get")
    nothing = await client.call(f"{kind}/set")
    assert nothing["oldState"] == nothing["newState"]
    for name in ("created", "updated", "destroyed", "notCreated", "notUpdated", "notDestroyed"):
        assert nothing[name] is None
    told = await client.call(
        f"{kind}/set", ifInState=nothing["newState"], create={"k": {"nonsense": 1}},
        update={"nobody": {"nonsense": 1}}, destroy=["nobody2"],
    )  # fmt: skip
    assert told["notCreated"]["k"]["type"] == "invalidProperties"
    assert told["notUpdated"]["nobody"]["type"] == "notFound"
    assert told["notDestroyed"]["nobody2"]["type"] == "notFound"
    assert told["newState"] == nothing["newState"]
    for arguments, error in (
        ({"ifInState": "x"}, "stateMismatch"),
        ({"create": []}, "invalidArguments"),
        ({"create": {"k": 1}}, "invalidArguments"),
        ({"update": {"x": None}}, "invalidArguments"),
        ({"destroy": {}}, "invalidArguments"),
        ({"destroy": [1]}, "invalidArguments"),
        ({"accountId": "nobody"}, "accountNotFound"),
    ):
        assert (await client.call(f"{kind}/set", **arguments))["error"] == error, arguments


async def test_uploads_are_private_files_of_their_account(client: Client) -> None:
    url = f"/jmap/upload/{client.account}/"
    for data, type_ in ((b"", "text/plain"), (b"\0\xff", 'text/plain; charset="x"')):
        told = (await client.site.ask("POST", url, data, user=ANA, content_type=type_)).json
        assert told.keys() == {"accountId", "blobId", "type", "size"}
        assert (told["size"], told["type"]) == (len(data), type_)
        got = await client.site.get(
            f"/jmap/download/{client.account}/{told['blobId']}/a%2Fb%22.txt?accept=image/gif",
            user=ANA,
        )
        assert (got.body, got.headers["content-type"]) == (data, "image/gif")
        assert got.headers["content-disposition"].startswith("attachment;")
        assert "immutable" in got.headers["cache-control"]
    assert (await client.site.ask("POST", url, b"x")).status == 401
    assert (await client.site.get(f"/jmap/download/{client.account}/x/y")).status == 401
    assert (await client.site.get(f"/jmap/download/{client.account}/x/y", user=ANA)).status == 404


async def test_requests_at_once_are_all_answered(client: Client) -> None:
    new = [{"create": {"k": {"name": f"box {n}"}}} for n in range(8)]
    told = await asyncio.gather(*(client.call("Mailbox/set", **one) for one in new))
    assert all(one["created"] for one in told)
    assert len((await client.call("Mailbox/get"))["list"]) == 14

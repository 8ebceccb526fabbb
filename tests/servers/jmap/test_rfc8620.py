"""What RFC 8620 says a server must, asked over HTTP as a client asks."""

from __future__ import annotations

from typing import Any

import pytest

from merpati.servers.jmap.call import CORE, OWNER
from tests.support.jmap import JmapInstance
from tests.support.jmap_http import Client
from tests.support.server import ANA

RAW = b"Subject: hi\r\n\r\nhello\r\n"
PROBLEM = "urn:ietf:params:jmap:error:"


async def test_the_session_object_has_all_of_section_2(client: Client) -> None:
    answer = await client.site.get("/.well-known/jmap", user=ANA)
    told = answer.json
    assert answer.headers["content-type"] == "application/json"
    core = told["capabilities"][CORE]
    for name in (
        "maxSizeUpload", "maxConcurrentUpload", "maxSizeRequest", "maxConcurrentRequests",
        "maxCallsInRequest", "maxObjectsInGet", "maxObjectsInSet",
    ):  # fmt: skip
        assert isinstance(core[name], int)
        assert core[name] > 0
    assert all(isinstance(one, str) for one in core["collationAlgorithms"])
    assert CORE not in told["primaryAccounts"]  # SHOULD NOT be present
    for account in told["accounts"].values():
        assert account.keys() == {"name", "isPersonal", "isReadOnly", "accountCapabilities"}
        # The capability of RFC 9670 1.5.2 is of accounts alone.
        assert account["accountCapabilities"].keys() - {OWNER} <= told["capabilities"].keys()
    assert told["primaryAccounts"].keys() <= told["capabilities"].keys()
    assert set(told["primaryAccounts"].values()) <= told["accounts"].keys()
    for name in ("{types}", "{closeafter}", "{ping}"):
        assert name in told["eventSourceUrl"]
    assert "{accountId}" in told["uploadUrl"]
    assert (await client.request())["sessionState"] == told["state"]
    again = (await client.site.get("/.well-known/jmap", user=ANA)).json
    assert again == told


@pytest.mark.parametrize(
    ("body", "content_type", "type_"),
    [
        (b"{", "application/json", "notJSON"),
        (b'{"a":1,"a":2}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[],"x":NaN}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[],"x":-1e400}', "application/json", "notJSON"),
        (b'\xef\xbb\xbf{"using":[],"methodCalls":[]}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[]}{}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[],}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[],"x":"\xff"}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[],"x":"\\ud800"}', "application/json", "notJSON"),
        (b'{"using":[],"methodCalls":[]}', "text/plain", "notJSON"),
        (b"", "application/json", "notJSON"),
        (b"[]", "application/json", "notRequest"),
        (b"null", "application/json", "notRequest"),
        (b"{}", "application/json", "notRequest"),
        (b'{"using":[]}', "application/json", "notRequest"),
        (b'{"methodCalls":[]}', "application/json", "notRequest"),
        (b'{"using":{},"methodCalls":[]}', "application/json", "notRequest"),
        (b'{"using":[1],"methodCalls":[]}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":{}}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":[["Core/echo",{}]]}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":[["Core/echo",[],"0"]]}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":[["Core/echo",{},0]]}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":[{}]}', "application/json", "notRequest"),
        (b'{"using":[],"methodCalls":[],"createdIds":[]}', "application/json", "notRequest"),
        (b'{"using":["urn:no"],"methodCalls":[]}', "application/json", "unknownCapability"),
    ],
)
async def test_what_is_no_request_gets_a_problem_document(
    client: Client, body: bytes, content_type: str, type_: str
) -> None:
    answer = await client.raw(body, content_type)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == PROBLEM + type_
    assert answer.json["status"] == 400


async def test_a_content_type_may_have_a_charset_and_members_may_be_unknown(
    client: Client,
) -> None:
    answer = await client.raw(
        b'{"using":[],"methodCalls":[],"later":1}', "application/json; charset=utf-8"
    )
    assert (answer.status, answer.json["methodResponses"]) == (200, [])


async def test_errors_of_methods_stand_in_their_place(client: Client) -> None:
    get = {"accountId": client.account, "ids": []}
    told = await client.request(
        ["Foo/get", get, "a"],
        ["Mailbox/get", {"ids": []}, "b"],
        ["Mailbox/get", {**get, "accountId": "nobody"}, "c"],
        ["Mailbox/get", {**get, "nonsense": 1}, "d"],
        ["Mailbox/get", {**get, "ids": "F1"}, "e"],
        ["Mailbox/get", {**get, "ids": [1]}, "f"],
        ["Mailbox/get", {**get, "properties": ["nonsense"]}, "g"],
        ["Mailbox/get", {**get, "#ids": {"resultOf": "a", "name": "x", "path": "/"}}, "h"],
        ["Core/echo", {"hello": [1, None]}, "i"],
        ["Core/echo", {}, "i"],
    )  # fmt: skip
    types = [one[1].get("type") for one in told["methodResponses"]]
    assert types == [
        "unknownMethod", "invalidArguments", "accountNotFound", *["invalidArguments"] * 5, None,
        None,
    ]  # fmt: skip
    assert [one[2] for one in told["methodResponses"]] == [*list("abcdefghi"), "i"]
    assert told["methodResponses"][8] == ["Core/echo", {"hello": [1, None]}, "i"]


async def test_a_method_of_a_capability_that_is_not_used_is_unknown(client: Client) -> None:
    told = await client.request(
        ["Mailbox/get", {"accountId": client.account, "ids": []}, "a"], using=[CORE]
    )
    assert told["methodResponses"] == [["error", {"type": "unknownMethod"}, "a"]]


async def test_references_lead_through_lists(client: Client) -> None:
    echo = {"list": [{"x~y": [1, 2], "a/b": 3}, {"x~y": [4], "a/b": 5}], "deep": {"0": "F1"}}

    def to(path: str, name: str = "Core/echo", of: str = "e") -> Any:
        return {"resultOf": of, "name": name, "path": path}

    paths = [
        to("/list/*/x~0y"), to("/list/*/a~1b"), to("/list/1/a~1b"), to("/deep/0"), to("/none"),
        to("/list/2"), to("/list/01"), to("list"), to("/list", name="Core/no"), to("/list", of="z"),
        "text",
    ]  # fmt: skip
    told = await client.request(
        ["Core/echo", echo, "e"],
        *[["Core/echo", {"#found": one}, str(n)] for n, one in enumerate(paths)],
    )
    answers = [one[1].get("found", one[1].get("type")) for one in told["methodResponses"][1:]]
    assert answers == [[1, 2, 4], [3, 5], 5, "F1", *["invalidResultReference"] * 7]


async def test_created_ids_are_taken_and_given(client: Client) -> None:
    create = {"accountId": client.account, "create": {"k": {"name": "N", "parentId": "#old"}}}
    told = await client.request(["Mailbox/set", create, "0"], createdIds={"old": "F1"})
    made = told["methodResponses"][0][1]["created"]["k"]["id"]
    assert told["createdIds"] == {"old": "F1", "k": made}
    got = await client.request(
        ["Mailbox/get", {"accountId": client.account, "ids": ["#k"]}, "0"], createdIds={"k": made}
    )
    assert got["methodResponses"][0][1]["list"][0]["parentId"] == "F1"
    assert "createdIds" not in await client.request()


async def test_get_tells_each_id_once(jmap: JmapInstance, client: Client) -> None:
    told = await client.call("Mailbox/get", ids=["F1", "none", "F1"], properties=[])
    assert told["list"] == [{"id": "F1"}]
    assert told["notFound"] == ["none"]
    assert told["accountId"] == jmap.account
    assert isinstance(told["state"], str)
    everything = await client.call("Mailbox/get")
    assert everything["notFound"] == []
    many = await client.call("Mailbox/get", ids=[f"F{n}" for n in range(1, 1002)])
    assert many["error"] == "requestTooLarge"


async def test_changes_add_up_whatever_a_client_stops_at(
    jmap: JmapInstance, client: Client
) -> None:
    for _ in range(2):
        await jmap.deliver(RAW)
    known = (await client.call("Email/query"))["ids"]
    state = (await client.call("Email/get", ids=[]))["state"]
    for _ in range(3):
        await jmap.deliver(RAW)
    new = set((await client.call("Email/query"))["ids"]) - set(known)
    await client.call("Email/set", update={known[0]: {"keywords/$seen": True}}, destroy=[known[1]])
    told: dict[str, set[str]] = {"created": set(), "updated": set(), "destroyed": set()}
    rounds = 0
    while True:
        page = await client.call("Email/changes", sinceState=state, maxChanges=2)
        assert page["oldState"] == state
        assert sum(len(page[name]) for name in told) <= 2
        for name in told:
            told[name] |= set(page[name])
        state = page["newState"]
        rounds += 1
        if not page["hasMoreChanges"]:
            break
    assert told == {"created": new, "updated": {known[0]}, "destroyed": {known[1]}}
    assert rounds == 3
    for arguments, error in (
        ({"sinceState": "nonsense"}, "cannotCalculateChanges"),
        ({"sinceState": "999999"}, "cannotCalculateChanges"),
        ({"sinceState": state, "maxChanges": 0}, "invalidArguments"),
        ({"sinceState": state, "maxChanges": -1}, "invalidArguments"),
        ({}, "invalidArguments"),
    ):
        assert (await client.call("Email/changes", **arguments))["error"] == error


async def test_what_came_and_went_between_two_states_is_not_told(
    jmap: JmapInstance, client: Client
) -> None:
    await jmap.deliver(RAW)
    [old] = (await client.call("Email/query"))["ids"]
    state = (await client.call("Email/get", ids=[]))["state"]
    await jmap.deliver(b"Subject: another\r\n\r\n")
    [new] = set((await client.call("Email/query"))["ids"]) - {old}
    between = (await client.call("Email/get", ids=[]))["state"]
    await client.call("Email/set", destroy=[new])
    for kind in ("Email", "Thread"):
        told = await client.call(f"{kind}/changes", sinceState=state)
        assert told["created"] == told["updated"] == told["destroyed"] == []
        assert told["newState"] != state
    told = await client.call("Email/changes", sinceState=between)
    assert told["destroyed"] == [new]
    # With its mailbox, too; and one that a client knew of is told of in any case.
    made = await client.call("Mailbox/set", create={"k": {"name": "Gone"}})
    box = made["created"]["k"]["id"]
    draft = {"mailboxIds": {box: True}, "subject": "x"}
    await client.call("Email/set", create={"d": draft})
    await client.call("Email/set", update={old: {"mailboxIds": {box: True}}})
    await client.call("Mailbox/set", destroy=[box], onDestroyRemoveEmails=True)
    told = await client.call("Email/changes", sinceState=between)
    assert (told["created"], set(told["destroyed"])) == ([], {new, old})


async def test_set_refuses_states_and_properties(client: Client) -> None:
    state = (await client.call("Mailbox/get", ids=[]))["state"]
    wrong = await client.call("Mailbox/set", ifInState="0", create={"k": {"name": "N"}})
    assert wrong["error"] == "stateMismatch"
    right = await client.call("Mailbox/set", ifInState=state, create={"k": {"name": "N"}})
    assert (right["oldState"], right["newState"] != state) == (state, True)
    id_ = right["created"]["k"]["id"]
    for create, named in (
        ({}, ["name"]),
        ({"name": 1}, ["name"]),
        ({"name": "M", "id": "x"}, ["id"]),
        ({"name": "M", "totalEmails": 3}, ["totalEmails"]),
        ({"name": "M", "nonsense": 3}, ["nonsense"]),
        ({"name": "M", "parentId": "#nothing"}, ["parentId"]),
        ({"name": "M", "sortOrder": -1, "role": "nonsense"}, ["role", "sortOrder"]),
    ):
        told = await client.call("Mailbox/set", create={"k": create})
        assert told["created"] is None
        error = told["notCreated"]["k"]
        assert (error["type"], sorted(error["properties"])) == ("invalidProperties", named)
    for patch, error_type in (
        ({"id": id_, "name": "N2"}, None),
        ({"id": "F1"}, "invalidProperties"),
        ({"nonsense": 1}, "invalidProperties"),
        ({"name": None}, "invalidProperties"),
        ({"myRights/mayDelete": False}, "invalidProperties"),
        ({"name/0": "x"}, "invalidPatch"),
        ({"myRights": {}, "myRights/mayDelete": True}, "invalidPatch"),
        ({"sortOrder": None}, None),
    ):
        told = await client.call("Mailbox/set", update={id_: patch})
        if error_type is None:
            assert told["updated"] == {id_: None}, told
        else:
            assert told["notUpdated"][id_]["type"] == error_type, patch
    told = await client.call(
        "Mailbox/set", update={"none": {}, id_: {"name": "Z"}}, destroy=[id_, "gone", id_]
    )
    assert told["notUpdated"]["none"]["type"] == "notFound"
    assert told["notUpdated"][id_]["type"] == "willDestroy"
    assert told["destroyed"] == [id_]
    assert told["notDestroyed"]["gone"]["type"] == "notFound"
    many = await client.call("Mailbox/set", destroy=[f"F{n}" for n in range(1001)])
    assert many["error"] == "requestTooLarge"


async def test_queries_count_from_both_ends(jmap: JmapInstance, client: Client) -> None:
    for n in range(6):
        await jmap.deliver(b"Subject: %d\r\n\r\n" % n, received_at=1_700_000_000_000 + n * 1000)
    ids = (await client.call("Email/query", sort=[{"property": "receivedAt"}]))["ids"]
    assert len(ids) == 6

    async def ask(**arguments: Any) -> Any:
        return await client.call("Email/query", sort=[{"property": "receivedAt"}], **arguments)

    for arguments, start, end in (
        ({"position": 2}, 2, 6),
        ({"position": 2, "limit": 2}, 2, 4),
        ({"position": -2}, 4, 6),
        ({"position": -9}, 0, 6),
        ({"position": 9}, 6, 6),
        ({"limit": 0}, 0, 0),
        ({"anchor": ids[3]}, 3, 6),
        ({"anchor": ids[3], "anchorOffset": -1, "limit": 2}, 2, 4),
        ({"anchor": ids[3], "anchorOffset": 1}, 4, 6),
        ({"anchor": ids[1], "anchorOffset": -5, "limit": 1}, 0, 1),
        ({"anchor": ids[1], "anchorOffset": 9}, 6, 6),
        ({"anchor": ids[1], "position": 5, "limit": 1}, 1, 2),
    ):
        told = await ask(**arguments)
        assert told["ids"] == ids[start:end], arguments
        assert told["position"] == start or not told["ids"]
        assert "total" not in told
        assert "limit" not in told or "limit" not in arguments
    assert (await ask(calculateTotal=True, limit=1))["total"] == 6
    for wrong, error in (
        ({"anchor": "none"}, "anchorNotFound"),
        ({"limit": -1}, "invalidArguments"),
        ({"position": "1"}, "invalidArguments"),
        ({"position": 1.5}, "invalidArguments"),
        ({"calculateTotal": "yes"}, "invalidArguments"),
        ({"filter": {"nonsense": 1}}, "unsupportedFilter"),
        ({"filter": {"inMailbox": 1}}, "invalidArguments"),
        ({"filter": {"operator": "XOR", "conditions": []}}, "invalidArguments"),
        ({"filter": {"operator": "AND"}}, "invalidArguments"),
        ({"filter": {"operator": "AND", "conditions": [1]}}, "invalidArguments"),
        ({"filter": []}, "invalidArguments"),
    ):
        assert (await ask(**wrong))["error"] == error, wrong
    for comparator, error in (
        ({"property": "nonsense"}, "unsupportedSort"),
        ({"property": "subject", "collation": "nonsense"}, "unsupportedSort"),
        ({"isAscending": True}, "invalidArguments"),
        ({"property": "subject", "isAscending": "yes"}, "invalidArguments"),
    ):
        told = await client.call("Email/query", sort=[comparator])
        assert told["error"] == error


async def test_what_never_changes_needs_no_word_when_something_else_does(
    jmap: JmapInstance, client: Client
) -> None:
    for n in range(4):
        await jmap.deliver(b"Subject: %d\r\n\r\n" % n, received_at=1_700_000_000_000 + n * 1000)
    lasting: Any = {"sort": [{"property": "receivedAt", "isAscending": False}]}
    moving: Any = {**lasting, "filter": {"notKeyword": "$seen"}}
    old = await client.call("Email/query", **lasting)
    await client.call("Email/set", update={old["ids"][2]: {"keywords/$SEEN": True}})
    await jmap.deliver(b"Subject: old\r\n\r\n", received_at=1_600_000_000_000)
    since = {"sinceQueryState": old["queryState"]}
    told = await client.call("Email/queryChanges", **since, **lasting, calculateTotal=True)
    assert told["removed"] == []
    assert ([one["index"] for one in told["added"]], told["total"]) == ([4], 5)
    told = await client.call("Email/queryChanges", **since, **lasting, upToId=old["ids"][1])
    assert told["added"] == told["removed"] == []
    told = await client.call("Email/queryChanges", **since, **moving, upToId=old["ids"][1])
    assert (told["removed"], len(told["added"])) == ([old["ids"][2]], 1)
    few = await client.call("Email/queryChanges", **since, **moving, maxChanges=1)
    assert few["error"] == "tooManyChanges"
    never = await client.call("Email/queryChanges", sinceQueryState="x", **lasting)
    assert never["error"] == "cannotCalculateChanges"


async def test_files_go_up_and_come_down(jmap: JmapInstance, client: Client) -> None:
    answer = await client.site.ask(
        "POST", f"/jmap/upload/{client.account}/", b"abc", user=ANA, content_type="text/x-test"
    )
    told = answer.json
    assert answer.status == 201
    assert (told["accountId"], told["type"], told["size"]) == (client.account, "text/x-test", 3)
    path = f"/jmap/download/{client.account}/{told['blobId']}/a%20b.txt?accept=image/png"
    got = await client.site.get(path, user=ANA)
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"abc", "image/png")
    assert got.headers["content-disposition"] == 'attachment; filename="a b.txt"'
    assert "immutable" in got.headers["cache-control"]
    for wrong in (
        f"/jmap/download/{client.account}/U99/x?accept=text/plain",
        f"/jmap/download/u99/{told['blobId']}/x?accept=text/plain",
    ):
        assert (await client.site.get(wrong, user=ANA)).status == 404
    missing = await client.site.ask("POST", "/jmap/upload/u99/", b"abc", user=ANA)
    assert missing.status == 404
    copied = await client.call(
        "Blob/copy", fromAccountId=jmap.account, blobIds=[told["blobId"], "none"]
    )
    assert copied["copied"].keys() == {told["blobId"]}
    assert copied["notCopied"]["none"]["type"] == "notFound"
    nobody = await client.call("Blob/copy", fromAccountId="u99", blobIds=[])
    assert nobody["error"] == "fromAccountNotFound"

"""Values of wrong types, wherever one can be given: they are refused, and nothing breaks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.support.jmap import JmapInstance

VALUES: list[Any] = [
    None, True, 0, -1, 2**60, 1.5, "", "x", "#x", "F1", "\0", [], ["x"], [None], [[]], {},
    {"x": True}, {"a": None}, {"x": {"y": 1}}, {"operator": "AND"}, [{"property": []}], [{}],
]  # fmt: skip
ARGUMENTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "Email/get": ({}, ("ids", "properties", "bodyProperties", "maxBodyValueBytes")),
    "Email/query": ({}, (
        "filter", "sort", "position", "anchor", "anchorOffset", "limit", "collapseThreads",
    )),
    "Email/queryChanges": (
        {"sinceQueryState": "1"}, ("filter", "sort", "sinceQueryState", "maxChanges", "upToId"),
    ),
    "Email/changes": ({}, ("sinceState", "maxChanges")),
    "Email/set": ({}, ("create", "update", "destroy", "ifInState")),
    "Email/import": ({}, ("emails", "ifInState")),
    "Email/parse": ({"blobIds": []}, ("blobIds", "properties", "bodyProperties")),
    "Email/copy": ({"fromAccountId": "u2"}, ("fromAccountId", "create")),
    "Mailbox/get": ({}, ("ids", "properties")),
    "Mailbox/set": ({}, ("create", "update", "destroy", "onDestroyRemoveEmails")),
    "Mailbox/query": ({}, ("filter", "sort", "sortAsTree")),
    "Thread/get": ({}, ("ids", "properties")),
    "SearchSnippet/get": ({"emailIds": []}, ("filter", "emailIds")),
    "EmailSubmission/set": ({}, ("create", "onSuccessUpdateEmail", "onSuccessDestroyEmail")),
    "PushSubscription/set": ({}, ("create", "update", "destroy")),
}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "Email": ("M100000001", {"mailboxIds": {"F1": True}}, (
        "mailboxIds", "keywords", "receivedAt", "subject", "from", "textBody", "htmlBody",
        "attachments", "bodyStructure", "bodyValues", "header:X", "header:X:asDate",
        "header:X:asAddresses", "header:X:asGroupedAddresses", "header:X:asMessageIds",
        "header:X:asURLs", "header:X:all", "headers", "snoozed", "followUp", "sentAt", "id",
        "mailboxIds/F2", "keywords/x", "keywords/x/y", "bodyStructure/x",
    )),
    "Mailbox": ("F6", {"name": "n"}, (
        "name", "parentId", "role", "sortOrder", "isSubscribed", "shareWith", "myRights",
        "totalThreads", "id", "shareWith/p1", "myRights/mayDelete",
    )),
    "Identity": ("I1", {"email": "ana@example.org"}, (
        "name", "email", "replyTo", "bcc", "textSignature", "mayDelete", "replyTo/0",
    )),
    "VacationResponse": ("singleton", {}, ("isEnabled", "fromDate", "subject", "textBody")),
    "EmailSubmission": ("S1", {"identityId": "I1", "emailId": "M100000001"}, (
        "identityId", "emailId", "envelope", "undoStatus", "sendAt",
    )),
    "PushSubscription": ("P1", {"deviceClientId": "d", "url": "https://push.example/"}, (
        "deviceClientId", "url", "keys", "types", "expires", "verificationCode",
    )),
}  # fmt: skip
PART = ("partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
        "location", "subParts", "header:X", "headers")  # fmt: skip


def in_turns(calls: Iterator[Any], count: int) -> Iterator[list[Any]]:
    while some := list(islice(calls, count)):
        yield some


async def ask(jmap: JmapInstance, calls: Iterator[tuple[str, dict[str, Any]]]) -> None:
    """Ask all; no answer may be that the server failed."""
    for some in in_turns(calls, 64):
        told = await jmap.request(
            *(
                (name, arguments if name.startswith("Push") else {"accountId": "u1", **arguments},
                 str(n))
                for n, (name, arguments) in enumerate(some)
            )
        )  # fmt: skip
        for name, answer, n in told:
            failed = name == "error" and answer["type"].startswith("server")
            assert not failed, (some[int(n)], answer)


@pytest.mark.parametrize("method", ARGUMENTS)
async def test_arguments(jmap: JmapInstance, method: str) -> None:
    await jmap.deliver(b"Subject: hi\r\n\r\nhello\r\n")
    required, names = ARGUMENTS[method]
    await ask(jmap, ((method, {**required, name: value}) for name in names for value in VALUES))


@pytest.mark.parametrize("kind", KINDS)
async def test_properties(jmap: JmapInstance, kind: str) -> None:
    await jmap.deliver(b"Subject: hi\r\n\r\nhello\r\n")
    id_, base, names = KINDS[kind]
    given = [{name: value} for name in names for value in VALUES]
    new = {f"k{n}": {**base, **one} for n, one in enumerate(given)}
    calls = [(f"{kind}/set", {"create": new})]
    await ask(jmap, iter([*calls, *((f"{kind}/set", {"update": {id_: one}}) for one in given)]))


@pytest.mark.parametrize("where", ["textBody", "attachments", "bodyStructure"])
async def test_properties_of_body_parts(jmap: JmapInstance, where: str) -> None:
    new: dict[str, Any] = {}
    for name in PART:
        for value in VALUES:
            part = {"partId": "1", name: value}
            new[f"k{len(new)}"] = {
                "mailboxIds": {"F1": True}, "bodyValues": {"1": {"value": "x"}},
                where: part if where == "bodyStructure" else [part],
            }  # fmt: skip
    await ask(jmap, iter([("Email/set", {"create": new})]))

"""Objects that a client sends back whole are patches, too (RFC 8620 5.3)."""

from __future__ import annotations

from typing import Any

import pytest

from merpati.servers.jmap.call import CORE, MAIL, PRINCIPALS, SUBMISSION, VACATION
from tests.support.jmap import JmapInstance

RAW = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: hi\r\n\r\nhello\r\n"
USING = [CORE, MAIL, SUBMISSION, VACATION]


async def ask(jmap: JmapInstance, method: str, **arguments: Any) -> Any:
    call = (method, {"accountId": jmap.account, **arguments}, "0")
    [[name, told, _]] = await jmap.request(call, using=USING)
    assert name == method, told
    return told


@pytest.mark.parametrize("kind", ["Mailbox", "Identity", "VacationResponse", "Email"])
async def test_a_whole_object_is_no_change(jmap: JmapInstance, kind: str) -> None:
    for _ in range(2):
        await jmap.deliver(RAW)
    ids = (await ask(jmap, "Email/query"))["ids"] if kind == "Email" else None
    for one in (await ask(jmap, f"{kind}/get", ids=ids))["list"]:
        told = await ask(jmap, f"{kind}/set", update={one["id"]: one})
        assert told["updated"] == {one["id"]: None}, told["notUpdated"]
        assert (await ask(jmap, f"{kind}/get", ids=[one["id"]]))["list"] == [one]


@pytest.mark.parametrize("name", ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"])
async def test_another_count_is_refused(jmap: JmapInstance, name: str) -> None:
    await jmap.deliver(RAW)
    for wrong in (0, 2):
        told = await ask(jmap, "Mailbox/set", update={"F1": {name: wrong}})
        assert told["notUpdated"]["F1"]["type"] == "invalidProperties"
        assert told["notUpdated"]["F1"]["properties"] == [name]


async def test_other_rights_are_refused(jmap: JmapInstance) -> None:
    told = await ask(jmap, "Mailbox/set", update={"F1": {"myRights/mayDelete": True}})
    assert told["notUpdated"]["F1"]["properties"] == ["myRights"]


async def test_what_a_capability_brings_can_be_set_with_it_alone(jmap: JmapInstance) -> None:
    """RFC 8620 1.8: a server behaves as if it knew nothing that is not opted into."""
    for arguments in ({"update": {"F2": {"shareWith": None}}}, {"create": {"F2": {
        "name": "new", "shareWith": None,
    }}}):  # fmt: skip
        told = await ask(jmap, "Mailbox/set", **arguments)
        refused = told["notUpdated"] or told["notCreated"]
        assert refused["F2"]["properties"] == ["shareWith"]
        call = ("Mailbox/set", {"accountId": jmap.account, **arguments}, "0")
        [[_, told, _]] = await jmap.request(call, using=[*USING, PRINCIPALS])
        assert told["updated"] or told["created"]


@pytest.mark.parametrize(
    ("kind", "id_"), [("Mailbox", "F1"), ("VacationResponse", "singleton"), ("Email", "M100000001")]
)
async def test_a_pointer_into_what_is_not_there_is_an_invalid_patch(
    jmap: JmapInstance, kind: str, id_: str
) -> None:
    await jmap.deliver(RAW)
    told = await ask(jmap, f"{kind}/set", update={id_: {"nonsense/inside": 1}})
    assert told["notUpdated"][id_]["type"] == "invalidPatch"
    told = await ask(jmap, f"{kind}/set", update={id_: {"nonsense": 1}})
    assert told["notUpdated"][id_]["type"] == "invalidProperties"
    assert told["notUpdated"][id_]["properties"] == ["nonsense"]


async def test_null_gives_keywords_their_default(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW, keywords="$seen old")
    told = await ask(jmap, "Email/set", update={"M100000001": {"keywords": None}})
    assert told["updated"] == {"M100000001": None}
    got = await ask(jmap, "Email/get", ids=["M100000001"], properties=["keywords"])
    assert got["list"][0]["keywords"] == {}


async def test_a_pointer_names_what_was_just_created(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    both = {"mailboxIds/#new": True, "mailboxIds/F1": None}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("Mailbox/set", {"create": {"new": {"name": "new"}}}),
        ("Email/set", {"update": {"M100000001": both}}),
        ("Email/get", {"ids": ["M100000001"], "properties": ["mailboxIds"]}),
        ("Email/set", {"update": {"M100000001": {"mailboxIds/#new": None, "mailboxIds/F1": True}}}),
        ("Email/get", {"ids": ["M100000001"], "properties": ["mailboxIds"]}),
    ]
    told = await jmap.request(
        *((name, {"accountId": jmap.account, **arguments}, "0") for name, arguments in calls)
    )
    new = told[0][1]["created"]["new"]["id"]
    assert told[2][1]["list"][0]["mailboxIds"] == {new: True}
    assert told[4][1]["list"][0]["mailboxIds"] == {"F1": True}

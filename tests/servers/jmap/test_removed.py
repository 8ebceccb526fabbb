"""What was removed comes back: emails of a mailbox, and mailboxes that were deleted."""

from __future__ import annotations

import asyncio
from typing import Any

from merpati.model import object_ids
from tests.support.jmap import JmapInstance


async def make(jmap: JmapInstance, name: str) -> str:
    told = await jmap.call("Mailbox/set", accountId=jmap.account, create={"a": {"name": name}})
    return str(told["created"]["a"]["id"])


async def fill(jmap: JmapInstance, mailbox: str, *subjects: str) -> list[str]:
    create = {
        one: {"mailboxIds": {mailbox: True}, "subject": one, "keywords": {"$flagged": True}}
        for one in subjects
    }
    told = await jmap.call("Email/set", accountId=jmap.account, create=create)
    return [told["created"][one]["id"] for one in subjects]


async def destroy(jmap: JmapInstance, *ids: str) -> None:
    told = await jmap.call("Email/set", accountId=jmap.account, destroy=list(ids))
    assert sorted(told["destroyed"]) == sorted(ids)


async def subjects(jmap: JmapInstance, mailbox: str) -> list[tuple[str, bool]]:
    answers = await jmap.request(
        ("Email/query", {"accountId": jmap.account, "filter": {"inMailbox": mailbox}}, "q"),
        (
            "Email/get",
            {
                "accountId": jmap.account, "properties": ["subject", "keywords"],
                "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
            },
            "g",
        ),
    )  # fmt: skip
    found: list[Any] = answers[1][1]["list"]
    return sorted((one["subject"], "$flagged" in one["keywords"]) for one in found)


async def moment(jmap: JmapInstance) -> str:
    await asyncio.sleep(0.01)  # moments are milliseconds, and what comes before is of another one
    return str((await jmap.call("Removed/get", accountId=jmap.account))["moment"])


async def restore(jmap: JmapInstance, mailbox: str, since: str | None = None) -> Any:
    return await jmap.call(
        "Removed/restore", accountId=jmap.account, mailboxId=mailbox, since=since
    )


async def test_only_what_was_removed_since_a_moment_comes_back(jmap: JmapInstance) -> None:
    box = await make(jmap, "Proyek")
    before, one, two, _ = await fill(jmap, box, "before", "one", "two", "stays")
    await destroy(jmap, before)
    since = await moment(jmap)
    await destroy(jmap, one, two)
    assert await subjects(jmap, box) == [("stays", True)]
    told = await restore(jmap, box, since)
    assert (told["mailboxId"], told["restored"], told["hasMore"]) == (box, 2, False)
    assert await subjects(jmap, box) == [("one", True), ("stays", True), ("two", True)]
    assert (await restore(jmap, box, since))["type"] == "notFound"
    assert (await restore(jmap, box))["restored"] == 1


async def test_a_mailbox_that_was_deleted_is_made_again(jmap: JmapInstance) -> None:
    box = await make(jmap, "Proyek")
    await fill(jmap, box, "one", "two")
    since = await moment(jmap)
    told = await jmap.call(
        "Mailbox/set", accountId=jmap.account, destroy=[box], onDestroyRemoveEmails=True
    )
    assert told["destroyed"] == [box]
    [gone] = (await jmap.call("Removed/get", accountId=jmap.account, since=since))["list"]
    assert (gone["mailboxId"], gone["path"], gone["isDeleted"]) == (box, "Proyek", True)
    assert gone["totalEmails"] == 2
    told = await restore(jmap, box, since)
    assert told["mailboxId"] != box
    assert await subjects(jmap, told["mailboxId"]) == [("one", True), ("two", True)]
    assert (await jmap.call("Removed/get", accountId=jmap.account))["list"] == []


async def test_an_empty_mailbox_comes_back_too(jmap: JmapInstance) -> None:
    box = await make(jmap, "Kosong")
    since = await moment(jmap)
    await jmap.call("Mailbox/set", accountId=jmap.account, destroy=[box])
    told = await restore(jmap, box, since)
    assert (told["restored"], told["hasMore"]) == (0, False)
    [found] = (await jmap.call("Mailbox/get", accountId=jmap.account, ids=[told["mailboxId"]]))[
        "list"
    ]
    assert found["name"] == "Kosong"


async def test_nonsense_is_refused(jmap: JmapInstance) -> None:
    assert (await restore(jmap, "F99"))["type"] == "notFound"
    assert (await restore(jmap, "x"))["type"] == "notFound"
    assert (await restore(jmap, "F1", "yesterday"))["type"] == "invalidArguments"
    told = await jmap.call("Removed/get", accountId=object_ids.account(99))
    assert told["type"] == "accountNotFound"

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.store import directory
from tests.support.api import ApiInstance
from tests.support.server import ANA


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def back_up(instance: ApiInstance) -> None:
    assert (await instance.ask("POST", "/backup", instance.admin)).status == 204
    task = instance.backups._task
    assert task is not None
    await asyncio.wait_for(task, 30)


async def test_a_backup_is_begun_and_told_of(instance: ApiInstance) -> None:
    before = (await instance.ask("GET", "/backup", instance.admin)).json
    assert (before["target"], before["lastGood"], before["runs"]) == (
        str(instance.folder / "backup"), 0, [],
    )  # fmt: skip
    await back_up(instance)
    after = (await instance.ask("GET", "/backup", instance.admin)).json
    assert after["lastGood"] > 0
    assert (after["running"], after["problem"], len(after["runs"])) == (False, "", 1)


async def test_an_account_is_brought_back_and_that_is_written_down(instance: ApiInstance) -> None:
    await instance.deliver(b"Subject: hi\r\n\r\nhello\r\n")
    await back_up(instance)
    path = f"/backup/accounts/{ANA}"
    kept = (await instance.ask("GET", path, instance.admin)).json
    assert {"name": "INBOX", "emails": 1} in kept["mailboxes"]
    await instance.store.write(directory.remove_account, instance.ana.id)
    done = (await instance.ask("POST", path, instance.admin, {"mailbox": "INBOX"})).json
    assert (done["restored"], done["accountMade"], done["mailboxes"]) == (1, True, ["INBOX"])
    again = (await instance.ask("POST", path, instance.admin, {})).json
    assert (again["restored"], again["there"]) == (0, 1)
    (last, *_) = (await instance.ask("GET", "/audit", instance.admin)).json
    assert (last["action"], last["subject"]) == ("account.restore", ANA)
    missing = await instance.ask("GET", "/backup/accounts/x@example.org", instance.admin)
    assert missing.status == 404

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.store import directory
from tests.support.api import ApiInstance
from tests.support.server import ANA

MORE = """
[account."evi@example.org"]
name = "Evi"
quota = 1000

[alias]
"info@example.org" = ["evi@example.org"]

[list."team@example.org"]
members = ["evi@example.org"]
owners = ["ana@example.org"]
"""


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def export(instance: ApiInstance) -> str:
    answer = await instance.ask("GET", "/configuration", instance.admin)
    return str(answer.json["text"])


async def test_a_text_is_compared_applied_and_taken_back(instance: ApiInstance) -> None:
    before = await export(instance)
    assert f'[account."{ANA}"]' in before
    assert "argon2" not in before
    body = {"text": before + MORE}
    told = (await instance.ask("POST", "/configuration/compare", instance.admin, body)).json
    assert len(told["steps"]) == 3
    assert await export(instance) == before
    done = (await instance.ask("POST", "/configuration/apply", instance.admin, body)).json
    assert done == told
    made = await instance.store.read(directory.account, "evi@example.org")
    assert (made.name, made.quota, made.password) == ("Evi", 1000, "")
    again = (await instance.ask("POST", "/configuration/apply", instance.admin, body)).json
    assert again["steps"] == []
    actions = [one["action"] for one in (await instance.ask("GET", "/audit", instance.admin)).json]
    assert {"account.add", "list.add"} <= set(actions)
    versions = (await instance.ask("GET", "/configuration/versions", instance.admin)).json
    first = versions[-1]["id"]
    old = await instance.ask("GET", f"/configuration/versions/{first}", instance.admin)
    assert old.json["text"] == before
    back = {"text": before, "remove": True, "removeAccounts": True}
    await instance.ask("POST", "/configuration/apply", instance.admin, back)
    assert await export(instance) == before


async def test_a_step_that_fails_undoes_all_others_and_is_named(instance: ApiInstance) -> None:
    before = await export(instance)
    text = before + '[account."evi@example.org"]\n\n[account."evi@elsewhere.test"]\n'
    answer = await instance.ask("POST", "/configuration/apply", instance.admin, {"text": text})
    assert answer.status == 404
    assert "add the account evi@elsewhere.test" in answer.json["detail"]
    assert await export(instance) == before


async def test_the_last_administrator_stays(instance: ApiInstance) -> None:
    text = await export(instance)
    body = {"text": text.replace("admin = true", "admin = false")}
    answer = await instance.ask("POST", "/configuration/apply", instance.admin, body)
    assert answer.status == 403

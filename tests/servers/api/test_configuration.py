from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.store import directory, signing
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

WHOLE = """
[domain."second.test"]
second_names = ["third.test"]
quota = 5000

[account."evi@second.test"]
name = "Evi"
addresses = ["e@second.test"]

[shared."office@example.org"]
name = "Office"
quota = 7000
quota_emails = 9
language = "id"
addresses = ["kantor@example.org"]
members = ["anyone read", "evi@second.test write behalf", "ana@example.org all as"]

[alias]
"info@second.test" = ["office@example.org"]

[list."team@second.test"]
owners = ["ana@example.org"]
archive = "office@example.org"

[delegate."ana@example.org"]
"second.test" = ["lists", "trace"]

[[rule]]
recipient = "*@far.test"
reason = "they are down"

[[rule]]
sender = "spam@example.org"
destination = "far.test"
reason = "look first"
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


async def plan_of(instance: ApiInstance, text: str, act: str = "compare", **more: Any) -> Any:
    body = {"text": text, **more}
    answer = await instance.ask("POST", f"/configuration/{act}", instance.admin, body)
    assert answer.status == 200, answer.body
    return answer.json


async def test_everything_is_applied_once_and_what_is_exported_changes_nothing(
    instance: ApiInstance, tmp_path: Path
) -> None:
    before = await export(instance)
    await plan_of(instance, before + WHOLE, "apply")
    after = await export(instance)
    for word in ("anyone read", "ana@example.org all as", "they are down", '"kantor@example.org"'):
        assert word in after
    assert "e@third.test" not in after  # it follows from the second name
    assert (await plan_of(instance, after))["steps"] == []
    assert (await plan_of(instance, before + WHOLE))["steps"] == []
    assert (await instance.store.read(signing.keys, "second.test")) != []
    (tmp_path / "copy").mkdir()
    async with ApiInstance(tmp_path / "copy") as copy:
        await plan_of(copy, after, "apply")
        assert await export(copy) == after
    back = await plan_of(instance, before, "apply", remove=True, removeAccounts=True)
    assert len(back["steps"]) == 8
    assert await export(instance) == before
    told = await plan_of(instance, after)
    assert [step["action"] for step in told["steps"]] == ["add"] * 8


async def test_members_rights_and_rules_are_changed_as_the_text_says(
    instance: ApiInstance,
) -> None:
    before = await export(instance)
    await plan_of(instance, before + WHOLE, "apply")
    old = await export(instance)
    new = (
        old.replace('"anyone read", ', "").replace("write behalf", "read")
        .replace('["lists", "trace"]', '["reports"]').replace("they are down", "they are slow")
        .replace("quota = 7000", "quota = 8000").replace('language = "id"', 'language = "en"')
    )  # fmt: skip
    done = await plan_of(instance, new, "apply")
    assert {step["kind"] for step in done["steps"]} == {"shared", "delegate", "rule"}
    assert await export(instance) == new
    await plan_of(instance, old, "apply")
    assert await export(instance) == old


async def test_a_plan_is_told_in_the_language_that_is_asked_for(instance: ApiInstance) -> None:
    body = {"text": MORE}
    answer = await instance.ask("POST", "/configuration/compare?language=id", instance.admin, body)
    assert answer.json["steps"][0]["words"].startswith("tambah akun evi@example.org: nama")
    assert "domain example.org" in answer.json["stays"]

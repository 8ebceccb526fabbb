"""The access matrix: every operation of the API against everybody, as its declaration says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.servers.api.operation import Operation, Who
from merpati.servers.api.operations import OPERATIONS
from merpati.store import directory
from tests.support.api import ADMIN, DEWI, OTHER, ApiInstance
from tests.support.server import BUDI, DOMAIN

# What stands in the path, at home in the delegate's domain, and elsewhere.
OWN = {"domain": DOMAIN, "address": BUDI}
FOREIGN = {"domain": OTHER, "address": DEWI}
REST = {"alias": "x.test", "member": BUDI, "what": "members", "number": "1", "id": "999"}


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


def path(operation: Operation, named: dict[str, str]) -> str:
    given = {**REST, **named}
    filled = re.sub(r"\{(\w+)\}", lambda found: given[found[1]], operation.path)
    return f"{filled}?what=nothing" if operation.path.endswith("trace") else filled


def allowed(operation: Operation, role: str, *, own: bool) -> bool:
    """The one table: who may."""
    if role == "nobody":
        return operation.who is Who.ANYONE
    if role == "administrator" or operation.who in {Who.USER, Who.ANYONE}:
        return True
    if operation.who is Who.DELEGATE and role == "delegate":
        named = "{domain}" in operation.path or "{address}" in operation.path
        return own or not named
    return False


async def test_every_operation_is_open_to_whom_its_declaration_names(
    instance: ApiInstance,
) -> None:
    people: dict[str, Any] = {
        "nobody": None, "user": instance.ana, "other user": instance.dewi,
        "delegate": instance.citra, "administrator": instance.admin,
    }  # fmt: skip
    wrong = []
    for operation in OPERATIONS:
        for own, named in ((True, OWN), (False, FOREIGN)):
            for role, user in people.items():
                if operation.reads or not allowed(operation, role, own=own):
                    body: Any = {} if operation.body else None
                else:
                    body = "no object"  # refused when it is read, which is after the rights
                    if operation.body is None:
                        continue
                answer = await instance.ask(operation.method, path(operation, named), user, body)
                refused = answer.status in {401, 403}
                if refused == allowed(operation, role, own=own):
                    wrong.append((operation.name, role, own, answer.status))
    assert not wrong


@pytest.mark.parametrize("name", ["removeAccount", "removeDomain", "removeAlias"])
def test_what_destroys_is_declared(name: str) -> None:
    assert any(one.name == name and one.who is not Who.USER for one in OPERATIONS)


async def test_a_password_alone_does_not_administer(instance: ApiInstance) -> None:
    answer = await instance.site.get("/api/v1/accounts", user=ADMIN)
    assert answer.status == 403  # it would go past the second factor


async def test_a_delegate_does_not_reach_accounts_that_may_do_more(instance: ApiInstance) -> None:
    for method, path_, body in (
        ("POST", f"/accounts/{ADMIN}/password", {}),
        ("PATCH", f"/accounts/{ADMIN}", {"disabled": True}),
        ("DELETE", f"/accounts/{ADMIN}", None),
        ("GET", f"/accounts/{ADMIN}/sign-ins", None),
    ):
        answer = await instance.ask(method, path_, instance.citra, body)
        assert answer.status == 403, path_


async def test_a_delegate_makes_no_administrators(instance: ApiInstance) -> None:
    citra = instance.citra
    new = {"address": "evi@example.org", "admin": True}
    assert (await instance.ask("POST", "/accounts", citra, new)).status == 403
    assert (await instance.ask("PATCH", f"/accounts/{BUDI}", citra, {"admin": True})).status == 403
    new = {"address": "evi@other.test"}
    assert (await instance.ask("POST", "/accounts", citra, new)).status == 403
    answer = await instance.ask("PATCH", f"/accounts/{BUDI}", citra, {"address": "b@other.test"})
    assert answer.status == 403
    table = {"csv": "address\nevi@other.test\n"}
    assert (await instance.ask("POST", "/accounts/import", citra, table)).status == 403


async def test_an_address_of_ones_domain_opens_no_account_of_another(
    instance: ApiInstance,
) -> None:
    await instance.store.write(directory.add_address, instance.dewi.id, "dewi@example.org")
    for method, path_, body in (
        ("GET", "/accounts/dewi@example.org", None),
        ("POST", "/accounts/dewi@example.org/password", {}),
    ):
        assert (await instance.ask(method, path_, instance.citra, body)).status == 403


async def test_a_delegate_sees_only_what_is_theirs(instance: ApiInstance) -> None:
    for path_, key in (("/accounts", "accounts"), ("/domains", "")):
        told = (await instance.ask("GET", path_, instance.citra)).json
        text = str(told[key] if key else told)
        assert "example.org" in text
        assert OTHER not in text
    await instance.ask("PATCH", f"/accounts/{DEWI}", instance.admin, {"name": "Dewi S."})
    await instance.ask("PATCH", f"/accounts/{BUDI}", instance.admin, {"name": "Budi S."})
    changes = (await instance.ask("GET", "/audit", instance.citra)).json
    assert [one["subject"] for one in changes] == [BUDI]

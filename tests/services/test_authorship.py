"""Whose name a message may bear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault
from merpati.model.senders import Senders
from merpati.services.authorship import check, senders_of
from merpati.services.route import AddressSettings
from merpati.store import directory, members
from merpati.store.members import Send
from tests.support.server import ANA, BUDI, DOMAIN, TestInstance

DESK = "info@example.org"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as one:
        yield one


async def of_ana(instance: TestInstance, settings: AddressSettings | None = None) -> Senders:
    return await instance.store.read(senders_of, instance.ana, settings or AddressSettings())


async def verdict(
    instance: TestInstance, *lines: str, any_author: tuple[str, ...] = ()
) -> str | bytes:
    """The field that is added to a message of these lines, or why it is refused."""
    senders = await of_ana(instance, AddressSettings(any_author=any_author))
    content = "\r\n".join([*lines, "", "hello", ""]).encode()
    try:
        return await check(instance.store, content, senders, ANA)
    except Fault as fault:
        return f"{fault.kind.value} {fault.status} {fault.text}"


@pytest.mark.parametrize(
    "lines",
    [
        ["From: Ana <ana@example.org>"],
        ["From: ANA+shop@Example.org"],
        ['From: "Ana, of the desk" <ana@example.org>', "Sender: ana@example.org"],
        ["From: Ana <ana@example.org>, ana+other@example.org", "Sender: ana@example.org"],
        ["Subject: no author"],
    ],
)
async def test_own_addresses_pass(instance: TestInstance, lines: list[str]) -> None:
    assert await verdict(instance, *lines) == b""


@pytest.mark.parametrize(
    "lines",
    [
        [f"From: {BUDI}"],
        [f"From: {ANA}, {BUDI}"],
        [f"From: everybody: {ANA}, {BUDI};"],
        [f"From: Ana <{ANA}> <{BUDI}>"],
        [f"From: {ANA}", f"From: {BUDI}"],
        [f"From: {ANA}", f"Sender: {BUDI}"],
        [f"From: {ANA}", f"Sender: {ANA}", f"Sender: {BUDI}"],
        [f"From : {BUDI}"],
        [f"FROM:\r\n {BUDI}"],
        ["From: Director"],
        ["From: bank@elsewhere.test"],
    ],
)
async def test_the_names_of_others_do_not(instance: TestInstance, lines: list[str]) -> None:
    assert isinstance(await verdict(instance, *lines), str)


async def test_the_refusal_names_the_address_and_the_account(instance: TestInstance) -> None:
    told = await verdict(instance, f"From: Budi <{BUDI}>")
    assert told == f"denied 5.7.1 From and Sender: {BUDI} is not an address of {ANA}"


async def test_an_alias_of_one_account_is_its_own_and_one_of_several_is_not(
    instance: TestInstance,
) -> None:
    for address, target in (
        ("kasir@example.org", "Ana@example.org"), ("tim@example.org", ANA),
        ("tim@example.org", BUDI), ("@example.org", ANA),
    ):  # fmt: skip
        await instance.store.write(directory.add_alias, address, target)
    assert await verdict(instance, "From: kasir@example.org") == b""
    assert isinstance(await verdict(instance, "From: tim@example.org"), str)
    assert isinstance(await verdict(instance, "From: anything@example.org"), str)


async def test_a_second_name_of_the_domain_is_own(instance: TestInstance) -> None:
    await instance.store.write(directory.add_domain_alias, "example.net", DOMAIN, instance.now)
    assert await verdict(instance, "From: ana@example.net") == b""


async def test_what_was_written_elsewhere_may_be_sent_on_and_a_colleagues_name_not_borrowed(
    instance: TestInstance,
) -> None:
    again = f"Resent-From: {ANA}"
    assert await verdict(instance, again, "From: carl@there.test") == b""
    assert isinstance(await verdict(instance, again, f"From: {BUDI}"), str)
    assert isinstance(await verdict(instance, f"Resent-From: {BUDI}", "From: carl@there.test"), str)
    others = [again, "Resent-From: carl@there.test"]
    assert await verdict(instance, *others, "From: dora@there.test") == b""
    assert isinstance(await verdict(instance, *others[::-1], "From: dora@there.test"), str)
    sender = [again, f"Resent-Sender: {BUDI}", "From: carl@there.test"]
    assert isinstance(await verdict(instance, *sender), str)


@pytest.mark.parametrize("who", [ANA, f"@{DOMAIN}", "*"])
async def test_who_is_named_in_the_settings_may_write_as_anybody(
    instance: TestInstance, who: str
) -> None:
    assert await verdict(instance, "From: bank@elsewhere.test", any_author=(who,)) == b""
    told = await verdict(instance, "From: bank@elsewhere.test", any_author=(BUDI, "@other.test"))
    assert isinstance(told, str)


async def test_on_behalf_of_a_shared_mailbox_the_message_says_who_sends(
    instance: TestInstance,
) -> None:
    desk = await instance.store.write(members.add_shared, DESK, name="Desk", now=instance.now)
    await instance.store.write(members.put, desk.id, ANA, held="lr", send=Send.BEHALF)
    assert await verdict(instance, f"From: {DESK}") == f"Sender: {ANA}\r\n".encode()
    assert await verdict(instance, "From: info+x@example.org") == f"Sender: {ANA}\r\n".encode()
    assert await verdict(instance, f"From: {DESK}", f"Sender: {ANA}") == b""
    assert isinstance(await verdict(instance, f"From: {DESK}", f"Sender: {DESK}"), str)
    await instance.store.write(members.put, desk.id, ANA, send=Send.AS)
    assert await verdict(instance, f"From: {DESK}") == b""

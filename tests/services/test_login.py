from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.log import Log, Sink
from merpati.base.metrics import Metrics
from merpati.model.account import Account
from merpati.services.login import PASSWORD_MAX, Login, LoginSettings
from merpati.store import directory
from merpati.store.sqlite import SqliteStore
from merpati.wire.sasl import prepare_password
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds
from tests.support.server import password_hash

ANA = "ana@example.org"
HOME = "192.0.2.1"
OTHER = "198.51.100.1"


class Door:
    """A login over a store that has ana, with the password "secret"."""

    def __init__(
        self, store: SqliteStore, ana: Account, settings: LoginSettings, log: Path
    ) -> None:
        self.store = store
        self.ana = ana
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.lines = log
        self._file = log.open("wb")
        self.login = Login(
            store, self.clock, CountingIds(), settings, self.metrics,
            log=Log(Sink(self.clock, fd=self._file.fileno(), style="json")),
        )  # fmt: skip

    def close(self) -> None:
        self.login.close()
        self._file.close()

    async def opens(self, name: str = ANA, password: str = "secret", peer: str = HOME) -> Account:
        return await self.login.verify(name, password, peer, "imap")

    async def refuses(self, name: str = ANA, password: str = "wrong", peer: str = HOME) -> Kind:
        with pytest.raises(Fault) as caught:
            await self.login.verify(name, password, peer, "imap")
        return caught.value.kind

    async def set(self, **changes: str | int) -> None:
        await self.store.write(directory.set_account, self.ana.id, **changes)

    def verifications(self) -> int:
        """How many times Argon2 has run."""
        for line in self.metrics.render().splitlines():
            if line.startswith("merpati_password_verifications_total"):
                return int(float(line.split()[-1]))
        return 0


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    store = await stores.sqlite(tmp_path)
    ana = await stores.add_account(store, ANA)
    await store.write(directory.set_account, ana.id, password=password_hash("secret"))
    settings = LoginSettings(guesses_per_hour=60, guesses_burst=3)
    made = Door(store, ana, settings, tmp_path / "log")
    yield made
    made.close()
    await store.close()


async def test_the_right_password_opens_whatever_the_case_of_the_name(door: Door) -> None:
    assert (await door.opens()).id == door.ana.id
    assert (await door.opens("ANA@Example.Org")).id == door.ana.id


async def test_a_wrong_guess_leaves_a_line_with_the_address_and_no_name_can_forge_one(
    door: Door,
) -> None:
    forged = f'x", "event": "sign_in.failed", "peer": "{OTHER}'
    await door.opens()
    await door.refuses(forged)
    for _ in range(3):
        await door.refuses(password="hush")
    assert await door.refuses() is Kind.TOO_MANY  # and no line, or guessing would fill the disk
    lines = door.lines.read_text()
    assert [json.loads(line)["peer"] for line in lines.splitlines()] == [HOME] * 4
    assert "hush" not in lines
    guide = (Path(__file__).parents[2] / "docs/guide/administer.md").read_text()
    found = re.search(r"^failregex = (.*)$", guide, re.MULTILINE)
    assert found is not None
    pattern = found[1].replace("<HOST>", r"([0-9a-f.:]+)")
    assert re.findall(pattern, lines) == [HOME] * 4


async def test_any_address_of_the_account_opens_it(door: Door) -> None:
    await door.store.write(directory.add_address, door.ana.id, "sales@example.org")
    assert (await door.opens("sales@example.org")).id == door.ana.id


async def test_a_wrong_password_and_an_unknown_name_are_the_same_fault(door: Door) -> None:
    assert await door.refuses() is Kind.AUTH_FAILED
    with pytest.raises(Fault) as wrong:
        await door.opens(password="wrong")
    with pytest.raises(Fault) as unknown:
        await door.opens("nobody@example.org")
    assert (wrong.value.kind, wrong.value.text) == (unknown.value.kind, unknown.value.text)


@pytest.mark.parametrize("name", ["", "ana", "@example.org", "ana@", "ana@nowhere.test", "\0"])
async def test_a_name_that_is_no_address_is_refused(door: Door, name: str) -> None:
    assert await door.refuses(name, "secret") is Kind.AUTH_FAILED


async def test_a_password_is_not_folded(door: Door) -> None:
    assert await door.refuses(password="Secret") is Kind.AUTH_FAILED
    assert await door.refuses(password="secret ") is Kind.AUTH_FAILED


async def test_a_password_typed_on_another_device_is_the_same_once_prepared(door: Door) -> None:
    await door.set(password=password_hash(prepare_password("gru\u0308n\u00a0tee")))
    await door.opens(password=prepare_password("gr\u00fcn tee"))


async def test_an_account_without_a_password_never_opens(door: Door) -> None:
    await door.set(password="")
    assert await door.refuses(password="") is Kind.AUTH_FAILED
    assert await door.refuses(password="secret") is Kind.AUTH_FAILED


async def test_a_stored_password_that_is_no_hash_never_opens(door: Door) -> None:
    await door.set(password="secret")
    assert await door.refuses(password="secret") is Kind.AUTH_FAILED


async def test_an_endless_password_is_refused_without_hashing_it(door: Door) -> None:
    before = door.verifications()
    assert await door.refuses(password="x" * (PASSWORD_MAX + 1)) is Kind.AUTH_FAILED
    assert door.verifications() == before


async def test_a_password_that_was_right_is_not_hashed_again_for_a_while(door: Door) -> None:
    for _ in range(5):
        await door.opens()
    assert door.verifications() == 1
    door.clock.advance(LoginSettings().remember + 1)
    await door.opens()
    assert door.verifications() == 2


async def test_sessions_that_come_at_once_share_one_verification(door: Door) -> None:
    await asyncio.gather(*[door.opens() for _ in range(20)])
    assert door.verifications() <= door.login.settings.parallel


async def test_a_wrong_password_is_hashed_every_time(door: Door) -> None:
    for _ in range(2):
        await door.refuses()
    assert door.verifications() == 2


async def test_an_unknown_name_costs_a_verification_too(door: Door) -> None:
    await door.refuses("nobody@example.org")
    assert door.verifications() == 1
    await door.set(disabled=1)
    await door.refuses(password="secret")
    assert door.verifications() == 2


async def test_a_changed_password_is_noticed_at_once(door: Door) -> None:
    await door.opens()
    await door.set(password=password_hash("newer"))
    assert await door.refuses(password="secret") is Kind.AUTH_FAILED
    await door.opens(password="newer")


async def test_a_disabled_account_is_noticed_at_once(door: Door) -> None:
    await door.opens()
    await door.set(disabled=1)
    assert await door.refuses(password="secret") is Kind.AUTH_FAILED
    await door.set(disabled=0)
    await door.opens()


async def test_guesses_at_one_name_are_slowed_and_their_owner_elsewhere_is_not(door: Door) -> None:
    for _ in range(3):
        assert await door.refuses() is Kind.AUTH_FAILED
    assert await door.refuses() is Kind.TOO_MANY
    assert await door.refuses(password="secret") is Kind.TOO_MANY  # not even the right one
    await door.opens(peer=OTHER)
    assert await door.refuses("budi@example.org") is Kind.AUTH_FAILED  # another name, same place


async def test_throttled_guesses_cost_no_verification(door: Door) -> None:
    for _ in range(3):
        await door.refuses()
    before = door.verifications()
    for _ in range(20):
        await door.refuses()
    assert door.verifications() == before


async def test_the_waiting_ends(door: Door) -> None:
    for _ in range(4):
        await door.refuses()
    door.clock.advance(61)
    assert await door.refuses() is Kind.AUTH_FAILED
    assert await door.refuses() is Kind.TOO_MANY
    door.clock.advance(61)
    await door.opens()


async def test_a_success_forgets_the_guesses_at_that_name(door: Door) -> None:
    for _ in range(3):
        await door.refuses(password="wrong")
        await door.refuses(password="wrong", peer=OTHER)
        await door.opens()


async def test_guesses_at_many_names_are_slowed_by_address(door: Door) -> None:
    kinds = [await door.refuses(f"user{n}@example.org") for n in range(16)]
    assert kinds == [Kind.AUTH_FAILED] * 15 + [Kind.TOO_MANY]
    assert await door.refuses(password="secret") is Kind.TOO_MANY
    await door.opens(peer=OTHER)


async def test_a_whole_ipv6_network_counts_as_one_address(door: Door) -> None:
    for n in range(3):
        await door.refuses(peer=f"2001:db8::{n + 1}")
    assert await door.refuses(peer="2001:db8::ffff") is Kind.TOO_MANY
    assert await door.refuses(peer="2001:db8:1::1") is Kind.AUTH_FAILED


async def test_a_flood_of_guesses_at_once_costs_no_more_than_guesses_in_turn(door: Door) -> None:
    kinds = await asyncio.gather(*(door.refuses(password=f"guess {n}") for n in range(50)))
    assert sorted(kind.name for kind in kinds) == ["AUTH_FAILED"] * 3 + ["TOO_MANY"] * 47
    assert door.verifications() == 3


async def test_many_right_logins_at_once_all_open(door: Door) -> None:
    accounts = await asyncio.gather(*(door.opens() for _ in range(20)))
    assert {account.id for account in accounts} == {door.ana.id}

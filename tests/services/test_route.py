from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path as FilePath

import pytest

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.account import Account
from merpati.model.arrival import Route
from merpati.model.mailing_list import Role
from merpati.model.queue import HERE
from merpati.services.route import (
    DAY,
    DEPTH_MAX,
    EXPAND,
    EXPANSION_MAX,
    REMEMBERED,
    REMEMBERED_MAX,
    AddressSettings,
    Leads,
    Router,
)
from merpati.store import directory, forwards, lists
from merpati.store.engine import Transaction
from merpati.store.sqlite import SqliteStore
from merpati.wire import srs
from merpati.wire.smtp import commands
from merpati.wire.smtp.paths import Path, parse_address
from tests.support import store as stores
from tests.support.clock import FakeClock


class House:
    """A store with ana and budi in example.org, and its router."""

    def __init__(self, store: SqliteStore, ana: Account, budi: Account) -> None:
        self.store = store
        self.ana = ana
        self.budi = budi
        self.clock = FakeClock()
        self.router = Router(store, "mail.example.org", self.clock)
        store.on_commit(lambda _: self.router.forget())

    async def route(self, address: str, *, relay: bool = False) -> Route:
        return await self.router.route(parse_address(address), relay=relay)

    async def leads(self, address: str) -> Leads:
        return await self.store.read(self.router.leads, parse_address(address))

    async def alias(self, address: str, *targets: str) -> None:
        for target in targets:
            await self.store.write(directory.add_alias, address, target)

    async def kind(self, address: str, *, relay: bool = False) -> Kind:
        with pytest.raises(Fault) as caught:
            await self.route(address, relay=relay)
        return caught.value.kind


@pytest.fixture
async def house(tmp_path: FilePath) -> AsyncIterator[House]:
    store = await stores.sqlite(tmp_path)
    ana = await stores.add_account(store, "ana@example.org")
    budi = await stores.add_account(store, "budi@example.org")
    yield House(store, ana, budi)
    await store.close()


async def test_an_address_leads_to_its_account_whatever_its_case(house: House) -> None:
    for address in ("ana@example.org", "ANA@Example.ORG", "Ana@example.org"):
        assert await house.route(address) == Route(
            parse_address(address).local + "@example.org", (house.ana.id,), ()
        )


async def test_a_second_address_of_an_account(house: House) -> None:
    await house.store.write(directory.add_address, house.ana.id, "sales@example.org")
    assert (await house.route("sales@example.org")).accounts == (house.ana.id,)


async def test_an_unknown_mailbox_is_not_found(house: House) -> None:
    assert await house.kind("nobody@example.org") is Kind.NOT_FOUND
    assert await house.kind("nobody@example.org", relay=True) is Kind.NOT_FOUND


async def test_a_foreign_domain_is_denied_to_strangers_and_routed_for_users(house: House) -> None:
    assert await house.kind("carl@there.test") is Kind.DENIED
    found = await house.route("carl@There.Test", relay=True)
    assert found == Route("carl@there.test", (), (("carl@there.test", "there.test"),))


async def test_a_subdomain_of_ours_is_foreign(house: House) -> None:
    assert await house.kind("ana@sub.example.org") is Kind.DENIED


async def test_a_tag_leads_to_the_part_before_it(house: House) -> None:
    assert (await house.route("ana+list@example.org")).accounts == (house.ana.id,)
    assert (await house.route("ana+a+b@example.org")).accounts == (house.ana.id,)
    assert await house.kind("nobody+list@example.org") is Kind.NOT_FOUND


async def test_an_address_with_a_plus_of_its_own_wins_over_the_tag(house: House) -> None:
    await house.store.write(directory.add_address, house.budi.id, "ana+list@example.org")
    assert (await house.route("ana+list@example.org")).accounts == (house.budi.id,)
    assert (await house.route("ana+other@example.org")).accounts == (house.ana.id,)


async def test_an_alias_leads_to_all_of_its_targets_here_and_elsewhere(house: House) -> None:
    await house.alias("team@example.org", "ana@example.org", "budi@example.org", "carl@there.test")
    found = await house.leads("team@example.org")
    assert set(found.accounts) == {house.ana.id, house.budi.id}
    assert found.forwards == ("carl@there.test",)
    assert await house.route("team@example.org") == Route(
        "team@example.org", (), (("team@example.org", EXPAND),)
    )


async def test_an_alias_of_an_alias_and_a_tagged_alias(house: House) -> None:
    await house.alias("all@example.org", "team@example.org")
    await house.alias("team@example.org", "ana@example.org")
    assert (await house.route("all@example.org")).accounts == (house.ana.id,)
    assert (await house.route("all+x@example.org")).accounts == (house.ana.id,)


async def test_aliases_that_lead_in_a_circle_end(house: House) -> None:
    await house.alias("a@example.org", "b@example.org", "ana@example.org")
    await house.alias("b@example.org", "a@example.org", "B@example.org", "budi@example.org")
    assert set((await house.route("a@example.org")).accounts) == {house.ana.id, house.budi.id}


async def test_a_circle_without_any_mailbox_is_not_found(house: House) -> None:
    await house.alias("a@example.org", "b@example.org")
    await house.alias("b@example.org", "a@example.org")
    assert await house.kind("a@example.org") is Kind.NOT_FOUND


async def test_a_chain_of_aliases_has_a_greatest_depth(house: House) -> None:
    for n in range(DEPTH_MAX + 5):
        await house.alias(f"a{n}@example.org", f"a{n + 1}@example.org")
    await house.alias(f"a{DEPTH_MAX}@example.org", "ana@example.org")
    assert (await house.route("a1@example.org")).accounts == (house.ana.id,)
    assert await house.kind("a0@example.org") is Kind.NOT_FOUND


async def test_an_alias_leads_to_so_many_addresses_at_most(house: House) -> None:
    async def many(tx: Transaction) -> None:
        for n in range(EXPANSION_MAX + 500):
            await directory.add_alias(tx, "big@example.org", f"c{n}@there.test")

    await house.store.write(many)
    assert len((await house.leads("big@example.org")).forwards) == EXPANSION_MAX


async def test_the_catch_all_takes_what_nobody_else_does(house: House) -> None:
    await house.alias("@example.org", "budi@example.org")
    assert (await house.route("nobody@example.org")).accounts == (house.budi.id,)
    assert (await house.route("nobody+x@example.org")).accounts == (house.budi.id,)
    assert (await house.route("ana@example.org")).accounts == (house.ana.id,)


async def test_a_catch_all_elsewhere_goes_elsewhere(house: House) -> None:
    await house.alias("@example.org", "all@there.test")
    found = await house.leads("nobody@example.org")
    assert found.forwards == ("all@there.test",)


async def test_a_disabled_account_is_not_found(house: House) -> None:
    await house.store.write(directory.set_account, house.ana.id, disabled=1)
    assert await house.kind("ana@example.org") is Kind.NOT_FOUND


async def test_a_disabled_target_is_left_out_of_an_alias(house: House) -> None:
    await house.alias("team@example.org", "ana@example.org", "budi@example.org")
    await house.store.write(directory.set_account, house.ana.id, disabled=1)
    assert (await house.route("team@example.org")).accounts == (house.budi.id,)


async def test_a_bare_postmaster_belongs_to_the_domain_of_the_host(house: House) -> None:
    await stores.add_account(house.store, "x@another.test")
    await house.alias("postmaster@example.org", "budi@example.org")
    for name in ("postmaster", "Postmaster", "POSTMASTER"):
        assert (await house.route(name)).accounts == (house.budi.id,)


async def test_whoever_answers_a_notice_of_this_host_finds_somebody(house: House) -> None:
    await house.alias("postmaster@example.org", "budi@example.org")
    for name in ("postmaster@mail.example.org", "PostMaster@MAIL.example.org"):
        assert (await house.route(name)).accounts == (house.budi.id,)
        assert await house.store.read(house.router.destination, name) == HERE
    assert await house.kind("ana@mail.example.org") is Kind.DENIED
    assert await house.kind("postmaster@www.example.org") is Kind.DENIED


async def test_a_bare_postmaster_falls_to_the_first_domain_of_a_host_elsewhere(
    house: House,
) -> None:
    await house.alias("postmaster@example.org", "ana@example.org")
    router = Router(house.store, "host.elsewhere.test", house.clock)
    found = await router.route(parse_address("postmaster"), relay=False)
    assert found.accounts == (house.ana.id,)


async def test_an_address_literal_is_never_at_home(house: House) -> None:
    assert await house.kind("ana@[127.0.0.1]") is Kind.DENIED
    assert await house.kind("postmaster@[IPv6:::1]") is Kind.DENIED
    found = await house.route("ana@[192.0.2.1]", relay=True)
    assert found.remote == (("ana@[192.0.2.1]", "[192.0.2.1]"),)


async def test_an_international_domain_is_found_under_its_a_labels(house: House) -> None:
    ana = await stores.add_account(house.store, "ana@xn--bcher-kva.test")
    assert (await house.route("ana@bücher.test")).accounts == (ana.id,)
    assert (await house.route("ana@BÜCHER.test")).accounts == (ana.id,)


async def test_a_route_is_remembered_for_a_moment_and_forgotten_on_a_change(house: House) -> None:
    forgetful = Router(house.store, "mail.example.org", house.clock)
    path = parse_address("ana@example.org")
    await forgetful.route(path, relay=False)
    await house.store.write(directory.set_account, house.ana.id, disabled=1)
    assert (await forgetful.route(path, relay=False)).accounts  # it was not told
    house.clock.advance(REMEMBERED)
    with pytest.raises(Fault):
        await forgetful.route(path, relay=False)
    assert await house.kind("ana@example.org") is Kind.NOT_FOUND  # this one was


async def test_a_route_for_a_user_is_not_remembered_for_a_stranger(house: House) -> None:
    await house.route("carl@there.test", relay=True)
    assert await house.kind("carl@there.test") is Kind.DENIED


async def test_what_is_remembered_is_bounded(house: House) -> None:
    for n in range(REMEMBERED_MAX + 10):
        await house.route(f"ana+{n}@example.org")
    assert len(house.router._remembered) <= REMEMBERED_MAX


async def test_what_is_known_is_answered_without_waiting(house: House) -> None:
    path = parse_address("ana@example.org")
    assert house.router.known(path, relay=False) is None
    found = await house.router.route(path, relay=False)
    assert house.router.known(path, relay=False) is found
    assert house.router.known(path, relay=True) is None
    house.clock.advance(REMEMBERED)
    assert house.router.known(path, relay=False) is None


async def test_the_detail_of_a_subaddress_is_kept_as_written(house: House) -> None:
    assert (await house.route("ana+Shop.2@example.org")).detail == "Shop.2"
    assert (await house.route("ana+a+b@example.org")).detail == "a+b"
    assert (await house.route("ana@example.org")).detail == ""
    await house.store.write(directory.add_address, house.budi.id, "ana+own@example.org")
    assert (await house.route("ana+own@example.org")).detail == ""


@pytest.mark.parametrize(("separator", "found"), [("-", True), ("+", False), ("", False)])
async def test_the_separator_is_a_setting(house: House, separator: str, found: bool) -> None:
    settings = AddressSettings(separator=separator)
    router = Router(house.store, "mail.example.org", house.clock, settings)
    path = parse_address("ana-shop@example.org")
    if found:
        assert (await router.route(path, relay=False)).detail == "shop"
    else:
        with pytest.raises(Fault):
            await router.route(path, relay=False)


async def test_every_address_of_a_domain_alias_is_the_same_of_its_domain(house: House) -> None:
    await house.store.write(directory.add_domain_alias, "Example.NET", "example.org", 0)
    assert (await house.route("ana@example.net")).accounts == (house.ana.id,)
    assert (await house.route("ana+x@example.net")).detail == "x"
    assert await house.kind("nobody@example.net") is Kind.NOT_FOUND
    assert await house.kind("ana@sub.example.net") is Kind.DENIED
    await house.alias("team@example.org", "budi@example.net")
    assert (await house.route("team@example.net")).accounts == (house.budi.id,)
    await house.store.write(directory.remove_domain_alias, "example.net")
    assert await house.kind("ana@example.net") is Kind.DENIED


@pytest.mark.parametrize("local", ["postmaster", "abuse", "Abuse", "postmaster+x"])
async def test_reserved_names_lead_to_the_administrators(house: House, local: str) -> None:
    await house.alias("@example.org", "ana@example.org")  # is not asked
    assert (await house.route(f"{local}@example.org")).accounts == (house.ana.id,)  # the first
    await house.store.write(directory.set_account, house.budi.id, is_admin=1)
    assert (await house.route(f"{local}@example.org")).accounts == (house.budi.id,)
    other = await stores.add_account(house.store, "x@another.test")
    assert (await house.route(f"{local}@another.test")).accounts == (house.budi.id,)
    await house.store.write(directory.set_account, other.id, is_admin=1)
    assert (await house.route(f"{local}@another.test")).accounts == (other.id,)
    await house.alias(f"{local.partition('+')[0].lower()}@example.org", "carl@there.test")
    assert (await house.leads(f"{local}@example.org")).forwards == ("carl@there.test",)


async def test_a_forwarding_account_is_a_step_and_keeps_its_copy_when_told(house: House) -> None:
    for keep in (True, False):
        await house.store.write(forwards.set_forward, house.ana.id, ["carl@there.test"], keep=keep)
        found = await house.leads("ana+x@example.org")
        assert found.forwards == ("carl@there.test",)
        assert found.accounts == ((house.ana.id,) if keep else ())
        assert found.home == "ana@example.org"
        assert (await house.route("ana@example.org")).remote == (("ana@example.org", EXPAND),)
    await house.alias("team@example.org", "ana@example.org", "budi@example.org")
    found = await house.leads("team@example.org")
    assert (found.accounts, found.later) == ((house.budi.id,), ("ana@example.org",))


async def test_the_addresses_of_a_list_are_known_by_their_role(house: House) -> None:
    one = await house.store.write(lists.create, "sales-eu@example.org", "", "en", 0)
    post = await house.route("Sales-EU@example.org")
    assert (post.list_id, post.remote) == (one.id, (("Sales-EU@example.org", EXPAND),))
    bounces = await house.leads("sales-eu-bounces+abc@example.org")
    assert (bounces.list_id, bounces.role, bounces.token) == (one.id, Role.BOUNCES, "abc")
    assert (await house.route("sales-eu-bounces+abc@example.org")).list_id == 0
    assert (await house.route("sales-eu-owner@example.org")).accounts == (house.ana.id,)
    assert await house.kind("sales-eu-nonsense@example.org") is Kind.NOT_FOUND
    assert await house.kind("other-owner@example.org") is Kind.NOT_FOUND
    await house.alias("team@example.org", "sales-eu@example.org")
    assert (await house.leads("team@example.org")).later == ("sales-eu@example.org",)


async def test_roles_are_found_when_the_separator_is_a_hyphen(house: House) -> None:
    await house.store.write(lists.create, "sales@example.org", "", "en", 0)
    settings = AddressSettings(separator="-")
    router = Router(house.store, "mail.example.org", house.clock, settings)
    for address, token in (("sales-bounces-abc", "abc"), ("sales-bounces", "")):
        path = parse_address(f"{address}@example.org")
        found = await house.store.read(router.leads, path)
        assert (found.role, found.token) == (Role.BOUNCES, token)


async def test_only_our_own_rewritten_senders_lead_back(house: House) -> None:
    day = int(house.clock.now() // DAY)
    secret = b"k" * 32
    path = srs.forward(parse_address("carl@there.test"), "example.org", secret, day)
    assert await house.kind(str(path)) is Kind.NOT_FOUND  # no such key here
    await house.store.write(forwards.add_srs_key, secret, 1, 0)
    house.router.forget()
    assert (await house.leads(str(path))).returns_to == "carl@there.test"
    assert (await house.route(str(path))).remote == ((str(path), EXPAND),)
    forged = str(path).replace("carl", "eve")
    assert await house.kind(forged) is Kind.NOT_FOUND
    house.clock.advance((srs.DAYS_VALID + 1) * DAY)
    assert await house.kind(str(path)) is Kind.NOT_FOUND


# What open relays have been talked into, one form for each line. All mean victim@there.test.
RELAY_FORMS = (
    "<victim@there.test>",
    "<victim%there.test@example.org>",
    "<victim%there.test@mail.example.org>",
    "<victim%there.test@[127.0.0.1]>",
    "<victim%there.test@there.test>",
    "<victim%there.test>",
    "<victim@there.test@example.org>",
    "<victim@there.test@[127.0.0.1]>",
    "<victim@there.test@>",
    '<"victim@there.test"@example.org>',
    '<"victim@there.test"@mail.example.org>',
    '<"victim@there.test"@[127.0.0.1]>',
    '<"victim@there.test">',
    '<"victim%there.test"@example.org>',
    '<"victim%there.test">',
    "<there.test!victim>",
    "<there.test!victim@example.org>",
    "<there.test!victim@mail.example.org>",
    "<there.test!victim@[127.0.0.1]>",
    "<example.org!there.test!victim>",
    "<@example.org:victim@there.test>",
    "<@mail.example.org:victim@there.test>",
    "<@[127.0.0.1]:victim@there.test>",
    "<@localhost:victim@there.test>",
    "<@example.org,@mail.example.org:victim@there.test>",
    "<@example.org:victim%there.test@example.org>",
    "<victim@there.test.>",
    "<victim@[there.test]>",
    "<victim@there.test,example.org>",
    "<victim:there.test@example.org>",
    '<"victim"@there.test>',
    "victim@there.test",
)


def recipient(form: str) -> Path:
    command = commands.parse(f"RCPT TO:{form}".encode())
    assert isinstance(command, commands.Rcpt)
    return command.path


@pytest.mark.parametrize("form", RELAY_FORMS)
async def test_a_classic_relay_form_is_refused_to_strangers(house: House, form: str) -> None:
    # RFC 5321 3.6.1 lets a server take source routes; it may only not follow them.
    with pytest.raises(Fault) as caught:
        await house.router.route(recipient(form), relay=False)
    expected = {Kind.DENIED, Kind.NOT_FOUND}
    assert caught.value.kind in expected or isinstance(caught.value, SyntaxFault)


@pytest.mark.parametrize("form", RELAY_FORMS)
async def test_a_classic_relay_form_never_leaves_through_a_catch_all(
    house: House, form: str
) -> None:
    await house.alias("@example.org", "budi@example.org")
    try:
        found = await house.router.route(recipient(form), relay=False)
    except Fault:
        return
    assert found.accounts == (house.budi.id,)
    assert found.remote == ()


async def test_mail_for_a_domain_that_we_are_the_backup_of_is_taken_from_everybody(
    house: House,
) -> None:
    settings = AddressSettings(backup_for=("Partner.test",))
    router = Router(house.store, "mail.example.org", house.clock, settings)
    found = await router.route(parse_address("bob@partner.test"), relay=False)
    assert found.remote == (("bob@partner.test", "partner.test"),)
    with pytest.raises(Fault, match="is not served here"):
        await router.route(parse_address("bob@sub.partner.test"), relay=False)

"""What signing in keeps: sessions, tickets, app passwords, second factors, history, programs."""

from __future__ import annotations

from hashlib import sha256

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import (
    app_passwords,
    credentials,
    directory,
    oauth_clients,
    push,
    second_factors,
    sign_in_history,
    tickets,
    web_sessions,
)
from merpati.store.app_passwords import AppPassword, Use
from merpati.store.engine import Announcement, Store, Topic
from merpati.store.oauth_clients import IDLE_KEPT, UNUSED_KEPT, OAuthClient
from merpati.store.second_factors import Factors, Passkey
from merpati.store.sign_in_history import FAILURES, HOUR, SUCCESSES, SignInEvent
from merpati.store.web_sessions import BROWSER, Refresh, WebSession
from tests.support.store import NOW, add_account

SESSION = WebSession(0, 0, BROWSER, "", "Firefox", "", "192.0.2.1", True, NOW, NOW, NOW, NOW + 100)


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


async def a_session(store: Store, account_id: int, family: str) -> int:
    session = SESSION._replace(account_id=account_id)
    number = await store.write(web_sessions.add, session, digest(family), digest("1"))
    await store.write(web_sessions.add_token, digest(f"{family} t"), account_id, number, NOW + 50)
    return number


async def test_a_session_is_found_by_its_tokens(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    number = await a_session(store, ana.id, "f")
    found = await store.read(web_sessions.of_family, digest("f"), NOW)
    assert found is not None
    assert found[0] == SESSION._replace(id=number, account_id=ana.id)
    assert found[1] == Refresh(digest("1"), b"", b"", NOW)
    by_token = await store.read(web_sessions.of_token, digest("f t"), NOW)
    assert by_token == (found[0], NOW + 50)
    assert await store.read(web_sessions.of_token, digest("f t"), NOW + 50) is None
    assert await store.read(web_sessions.of_family, digest("f"), NOW + 100) is None


async def test_a_refresh_token_is_replaced_once(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    number = await a_session(store, ana.id, "f")
    new = Refresh(digest("2"), digest("1"), b"sealed", NOW + 1)
    rotate = web_sessions.rotate
    assert await store.write(rotate, number, digest("1"), new, "192.0.2.2", NOW + 200)
    assert not await store.write(rotate, number, digest("1"), new, "192.0.2.2", NOW + 200)
    found = await store.read(web_sessions.of_family, digest("f"), NOW)
    assert found is not None
    assert found[1] == new
    assert (found[0].peer, found[0].used_at, found[0].expires_at) == (
        "192.0.2.2", NOW + 1, NOW + 200,
    )  # fmt: skip


async def test_ending_a_session_ends_its_tokens_and_is_announced(store: Store) -> None:
    heard: set[Announcement] = set()
    store.on_commit(heard.update)
    ana = await add_account(store, "ana@example.org")
    budi = await add_account(store, "budi@example.org")
    one, other = [await a_session(store, ana.id, name) for name in ("f", "g")]
    its = await a_session(store, budi.id, "h")
    assert not await store.write(web_sessions.end, ana.id, its)
    assert await store.write(web_sessions.end, ana.id, one)
    assert (Topic.SIGN_IN, 0) in heard
    assert await store.read(web_sessions.of_token, digest("f t"), NOW) is None
    assert await store.read(web_sessions.of_token, digest("g t"), NOW) is not None
    assert [one.id for one in await store.read(web_sessions.of_account, ana.id, NOW)] == [other]
    await store.write(web_sessions.end_others, ana.id, 0)
    assert await store.read(web_sessions.of_token, digest("g t"), NOW) is None
    assert await store.read(web_sessions.of_token, digest("h t"), NOW) is not None


async def test_a_new_password_ends_sessions_but_perhaps_one(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    one, other = [await a_session(store, ana.id, name) for name in ("f", "g")]
    await store.write(credentials.change_password, ana.id, "new", one)
    assert [each.id for each in await store.read(web_sessions.of_account, ana.id, NOW)] == [one]
    await store.write(directory.set_account, ana.id, name="Ana")
    assert len(await store.read(web_sessions.of_account, ana.id, NOW)) == 1
    await store.write(directory.set_account, ana.id, password="newer")
    assert await store.read(web_sessions.of_account, ana.id, NOW) == []
    assert other != one


async def test_what_is_over_is_forgotten(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    await a_session(store, ana.id, "f")
    await store.write(tickets.issue, "t", "kind", ana.id, {}, NOW + 10)
    assert not await store.write(web_sessions.forget, NOW + 60)
    assert await store.read(web_sessions.of_family, digest("f"), NOW) is not None
    assert await store.read(web_sessions.of_token, digest("f t"), NOW) is None
    assert not await store.write(web_sessions.forget, NOW + 100)
    assert await store.read(web_sessions.of_family, digest("f"), NOW) is None
    assert not await store.write(tickets.forget, NOW + 10)
    assert await store.read(tickets.find, "t", "kind", NOW) is None


async def test_a_ticket_is_used_once_and_of_its_kind(store: Store) -> None:
    await store.write(tickets.issue, "t", "kind", 7, {"a": [1]}, NOW + 10)
    assert await store.write(tickets.use, "t", "other", NOW) is None
    assert await store.write(tickets.use, "t", "kind", NOW + 10) is None
    found = await store.write(tickets.use, "t", "kind", NOW)
    assert found is not None
    assert (found.account_id, found.data, found.used_at) == (7, {"a": [1]}, NOW)
    assert await store.write(tickets.use, "t", "kind", NOW) is None
    assert await store.write(tickets.attempt, "t", "kind", 5, NOW) is None
    await store.write(tickets.change, "t", 8, {"b": 2})
    again = await store.read(tickets.find, "t", "kind", NOW)
    assert again is not None
    assert (again.account_id, again.data) == (8, {"b": 2})


async def test_a_ticket_is_tried_so_often(store: Store) -> None:
    await store.write(tickets.issue, "t", "kind", 7, {}, NOW + 10)
    for count in (1, 2):
        found = await store.write(tickets.attempt, "t", "kind", 2, NOW)
        assert found is not None
        assert found.tries == count
    assert await store.write(tickets.attempt, "t", "kind", 2, NOW) is None


async def test_app_passwords_are_kept_for_their_account(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    budi = await add_account(store, "budi@example.org")
    one = AppPassword(
        "abcdef", "Phone", ("imap", "smtp"), ("192.0.2.0/24",), NOW, 0, 0, "", "", b"\0" * 32
    )
    await store.write(app_passwords.add, ana.id, one)
    with pytest.raises(Fault) as caught:
        await store.write(app_passwords.add, ana.id, one)
    assert caught.value.kind is Kind.EXISTS
    assert await store.read(app_passwords.find, ana.id, "abcdef") == one
    assert await store.read(app_passwords.find, budi.id, "abcdef") is None
    for at in (5, 3):  # two workers write behind, in any order
        await store.write(
            app_passwords.note_uses, [Use(ana.id, "abcdef", NOW + at, "192.0.2.1", "imap")]
        )
    [shown] = await store.read(app_passwords.of_account, ana.id)
    assert (shown.used_at, shown.used_from, shown.used_for) == (NOW + 5, "192.0.2.1", "imap")
    assert not await store.write(app_passwords.rename, budi.id, "abcdef", "x")
    assert await store.write(app_passwords.rename, ana.id, "abcdef", "Old phone")
    assert not await store.write(app_passwords.remove, budi.id, "abcdef")
    assert await store.write(app_passwords.remove, ana.id, "abcdef")
    assert await store.read(app_passwords.of_account, ana.id) == []


async def test_a_second_factor_keeps_the_password_in_the_browser(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")

    async def is_kept() -> bool:
        return (await store.read(directory.account, ana.address)).browser_only

    assert await store.write(second_factors.begin_totp, ana.id, b"first")
    assert await store.write(second_factors.begin_totp, ana.id, b"sealed")
    assert not await store.write(second_factors.use_step, ana.id, 5)
    assert not await store.write(second_factors.confirm_totp, ana.id, b"first", 5, NOW)
    assert not await is_kept()
    assert await store.write(second_factors.confirm_totp, ana.id, b"sealed", 5, NOW)
    assert await is_kept()
    assert not await store.write(second_factors.begin_totp, ana.id, b"third")
    assert not await store.write(second_factors.use_step, ana.id, 5)
    assert await store.write(second_factors.use_step, ana.id, 6)
    await store.write(second_factors.replace_codes, ana.id, [b"a", b"b"])
    await store.write(second_factors.replace_codes, ana.id, [b"c", b"d"])
    assert not await store.write(second_factors.use_code, ana.id, b"a")
    assert await store.write(second_factors.use_code, ana.id, b"c")
    assert not await store.write(second_factors.use_code, ana.id, b"c")
    assert await store.read(second_factors.factors, ana.id) == Factors(True, 0, 1)
    assert await store.write(second_factors.remove_totp, ana.id)
    assert await store.read(second_factors.factors, ana.id) == Factors(False, 0, 0)


async def test_passkeys_count_their_signatures(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    one = Passkey(ana.id, "id", "mail.example.org", b"\0key", 0, "Phone", NOW, 0)
    await store.write(second_factors.add_passkey, one)
    with pytest.raises(Fault):
        await store.write(second_factors.add_passkey, one)
    assert await store.read(second_factors.passkey, "id") == one
    for counter, is_right in ((0, True), (0, True), (4, True), (4, False), (0, False), (5, True)):
        assert await store.write(second_factors.use_passkey, one, counter, NOW) is is_right
    assert await store.write(second_factors.rename_passkey, ana.id, "id", "Key")
    assert [each.name for each in await store.read(second_factors.passkeys, ana.id)] == ["Key"]
    await store.write(second_factors.remove_all, ana.id)
    assert await store.read(second_factors.passkey, "id") is None
    assert not (await store.read(directory.account, ana.address)).browser_only


def event(hour: int, *, success: bool, peer: str = "192.0.2.1", count: int = 1) -> SignInEvent:
    at = hour * HOUR
    return SignInEvent("imap", peer, "password", "", success, "", at, at + count, count)


async def test_equal_sign_ins_of_an_hour_are_one_row(store: Store) -> None:
    rows = [(7, event(100, success=True, count=2)), (7, event(100, success=False))]
    await store.write(sign_in_history.enter, rows)
    await store.write(sign_in_history.enter, [(7, event(100, success=True, count=3))])
    await store.write(sign_in_history.enter, [(8, event(100, success=True))])
    found = await store.read(sign_in_history.of_account, 7, 10)
    assert [(one.success, one.times) for one in found] == [(True, 5), (False, 1)]
    assert (found[0].first_at, found[0].at) == (100 * HOUR, 100 * HOUR + 3)


async def test_failures_push_no_successes_out(store: Store) -> None:
    await store.write(sign_in_history.enter, [(7, event(100, success=True))])
    floods = [
        (7, event(200 + number, success=False, peer=f"192.0.2.{number}"))
        for number in range(FAILURES + 50)
    ]
    await store.write(sign_in_history.enter, floods)
    found = await store.read(sign_in_history.of_account, 7, 1000)
    assert [one.success for one in found].count(True) == 1
    assert [one.success for one in found].count(False) == FAILURES
    assert SUCCESSES > FAILURES
    await store.write(sign_in_history.forget, (100 + sign_in_history.KEPT + 1) * HOUR)
    left = await store.read(sign_in_history.of_account, 7, 1000)
    assert [one.success for one in left].count(True) == 0


async def test_programs_are_forgotten_that_nobody_uses(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    one = OAuthClient("id", "Mailer", "https://a.test/", ("https://a.test/cb",), "sw", NOW, 0)
    for name in ("id", "idle", "used"):
        await store.write(oauth_clients.add, one._replace(id=name))
    assert await store.read(oauth_clients.find, "id") == one
    for name in ("idle", "used"):
        await store.write(oauth_clients.note_use, name, NOW)
    session = SESSION._replace(account_id=ana.id, client_id="used", expires_at=NOW + 2 * IDLE_KEPT)
    await store.write(web_sessions.add, session, digest("f"), digest("1"))
    await store.write(oauth_clients.forget, NOW + UNUSED_KEPT + 1)
    assert await store.read(oauth_clients.find, "id") is None
    assert await store.read(oauth_clients.find, "idle") is not None
    await store.write(oauth_clients.forget, NOW + IDLE_KEPT + 1)
    assert await store.read(oauth_clients.find, "idle") is None
    assert await store.read(oauth_clients.find, "used") is not None


async def test_an_account_goes_with_all_of_it(store: Store) -> None:
    ana = await add_account(store, "ana@example.org")
    await a_session(store, ana.id, "f")
    await store.write(second_factors.begin_totp, ana.id, b"sealed")
    await store.write(sign_in_history.enter, [(ana.id, event(100, success=True))])
    await store.write(directory.remove_account, ana.id)
    assert await store.read(web_sessions.of_family, digest("f"), NOW) is None
    assert await store.read(second_factors.totp, ana.id) is None
    assert await store.read(sign_in_history.of_account, ana.id, 10) == []


async def test_a_credential_is_good_until_it_ends_in_whatever_way(store: Store) -> None:
    account = await add_account(store)
    await store.write(directory.set_account, account.id, password="$hash keys")
    own = push.password("$hash other keys")
    one, other = push.app_password("aaaaaa"), push.app_password("bbbbbb")
    for id_, ends in (("aaaaaa", 0), ("bbbbbb", NOW + 10)):
        password = AppPassword(
            id_, "phone", ("jmap",), (), NOW, ends, 0, "", "", digest(id_)
        )  # fmt: skip
        await store.write(app_passwords.add, account.id, password)
    number = await a_session(store, account.id, "family")
    session = push.session(number)

    async def good(now: int = NOW) -> set[str]:
        return set(await store.read(push.good, account.id, now))

    assert await good() == {"", own, one, other, session}
    assert await good(NOW + 20) == {"", own, one, session}
    assert await good(NOW + 100) == {"", own, one}
    await store.write(web_sessions.end, account.id, number)
    await store.write(app_passwords.remove, account.id, "bbbbbb")
    assert await good() == {"", own, one}
    await store.write(second_factors.protect, account.id, browser_only=True)
    assert await good() == {"", one}
    await store.write(second_factors.protect, account.id, browser_only=False)
    await store.write(credentials.change_password, account.id, "$other keys")
    assert await good() == {"", push.password("$other"), one}
    await store.write(directory.set_account, account.id, disabled=1)
    assert await good() == set()

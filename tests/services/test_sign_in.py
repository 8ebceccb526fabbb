from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.metrics import Metrics
from merpati.services.login import HASHER, Login, LoginSettings, TokenVerifier
from merpati.services.sign_in import CLEAR, Channel, SignIn, offered
from merpati.services.sign_in_history import SignInHistory
from merpati.store import directory
from merpati.store.sqlite import SqliteStore
from merpati.wire.sasl import Cancelled
from merpati.wire.scram import TLS_SERVER_END_POINT
from tests.support import store as stores
from tests.support.clock import FakeClock
from tests.support.ids import CountingIds
from tests.support.scram_steps import ScramSteps
from tests.support.server import password_hash
from tests.support.sockets import until

ANA = "ana@example.org"
HOME = "192.0.2.1"
BINDINGS = Channel({TLS_SERVER_END_POINT: b"the certificate"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await stores.sqlite(tmp_path)
    ana = await stores.add_account(made, ANA)
    await made.write(directory.set_account, ana.id, password=password_hash("secret"))
    await stores.add_account(made, "budi@example.org")
    yield made
    await made.close()


@pytest.fixture
async def login(store: SqliteStore) -> AsyncIterator[Login]:
    made = door(store)
    yield made
    made.close()


def door(store: SqliteStore, tokens: TokenVerifier | None = None, **changes: bool) -> Login:
    settings = LoginSettings(guesses_per_hour=60, guesses_burst=3, **changes)
    return Login(store, FakeClock(), CountingIds(), settings, Metrics(), tokens)


async def sign_in(
    login: Login, steps: ScramSteps, *, plus: bool = False, initial: bool = True
) -> SignIn:
    exchange = SignIn(
        login, "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256", HOME, "smtp",
        BINDINGS if plus else CLEAR,
    )  # fmt: skip
    first = b64encode(steps.first)
    await exchange.begin(first if initial else None)
    if not initial:
        assert exchange.challenge == b""
        await exchange.respond(first)
    assert exchange.challenge is not None
    await exchange.respond(b64encode(steps.final(b64decode(exchange.challenge))))
    assert b64decode(exchange.challenge or b"") == steps.signature
    await exchange.respond(b"")
    assert not exchange.challenge
    return exchange


@pytest.mark.parametrize("initial", [True, False])
async def test_the_right_password_is_proven_without_being_sent(
    login: Login, *, initial: bool
) -> None:
    exchange = await sign_in(login, ScramSteps("ANA@example.org", "secret"), initial=initial)
    assert exchange.account is not None
    assert exchange.account.address == ANA


async def test_with_channel_binding_only_the_right_connection_will_do(login: Login) -> None:
    right = ScramSteps(ANA, "secret", kind=TLS_SERVER_END_POINT, binding=b"the certificate")
    assert (await sign_in(login, right, plus=True)).account is not None
    wrong = ScramSteps(ANA, "secret", kind=TLS_SERVER_END_POINT, binding=b"another one")
    with pytest.raises(Fault) as caught:
        await sign_in(login, wrong, plus=True)
    assert caught.value.kind is Kind.AUTH_FAILED


@pytest.mark.parametrize(
    ("name", "password"),
    [(ANA, "wrong"), ("nobody@example.org", "secret"), ("budi@example.org", "")],
)
async def test_a_wrong_password_and_an_unknown_name_end_the_same_way(
    login: Login, name: str, password: str
) -> None:
    with pytest.raises(Fault, match="wrong name or password"):
        await sign_in(login, ScramSteps(name, password))


async def test_guesses_by_scram_are_counted_with_the_others(login: Login) -> None:
    for _ in range(3):
        with pytest.raises(Fault, match="wrong name or password"):
            await sign_in(login, ScramSteps(ANA, "wrong"))
    with pytest.raises(Fault) as caught:
        await sign_in(login, ScramSteps(ANA, "secret"))
    assert caught.value.kind is Kind.TOO_MANY
    with pytest.raises(Fault) as caught:
        await login.verify(ANA, "secret", HOME, "imap")
    assert caught.value.kind is Kind.TOO_MANY


async def test_an_unknown_name_has_the_same_salt_at_every_worker(
    login: Login, store: SqliteStore
) -> None:
    other = door(store)
    one = await login.scram_keys("nobody@example.org", HOME, "smtp")
    same = await other.scram_keys("Nobody@example.org", HOME, "smtp")
    another = await other.scram_keys("nobody2@example.org", HOME, "smtp")
    assert one.salt == same.salt != another.salt
    assert len(one.salt) == len((await login.scram_keys(ANA, HOME, "smtp")).salt)
    other.close()


async def test_a_disabled_account_proves_nothing(login: Login, store: SqliteStore) -> None:
    account = await store.read(directory.account, ANA)
    await store.write(directory.set_account, account.id, disabled=1)
    with pytest.raises(Fault, match="wrong name or password"):
        await sign_in(login, ScramSteps(ANA, "secret"))


async def test_an_account_of_an_older_release_gets_its_keys_at_the_next_sign_in(
    login: Login, store: SqliteStore
) -> None:
    account = await store.read(directory.account, ANA)
    old = HASHER.hash("secret")
    await store.write(directory.set_account, account.id, password=old)
    with pytest.raises(Fault, match="wrong name or password"):
        await sign_in(login, ScramSteps(ANA, "secret"))
    await login.verify(ANA, "secret", HOME, "imap")
    await until(lambda: not login._renewing)
    assert (await sign_in(login, ScramSteps(ANA, "secret"))).account is not None
    stored = (await store.read(directory.account, ANA)).password
    assert stored.startswith(f"{old} scram-sha-256:")
    assert (await login.verify(ANA, "secret", HOME, "imap")).id == account.id


def test_the_hash_is_what_it_was_with_the_keys_behind_it() -> None:
    hashed, _, keys = password_hash("secret").partition(" ")
    assert PasswordHasher().verify(hashed, "secret")
    assert keys.startswith("scram-sha-256:65536:")


# What is offered


async def test_mechanisms_are_offered_as_there_is_what_they_need(store: SqliteStore) -> None:
    async def nobody(_token: str, _protocol: str) -> int:
        return 0

    for made, bindings, expected in (
        (door(store), CLEAR, ["SCRAM-SHA-256", "PLAIN", "LOGIN"]),
        (door(store), BINDINGS, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]),
        (door(store, scram=False), BINDINGS, ["PLAIN", "LOGIN"]),
        (door(store, nobody, scram=False), CLEAR,
         ["OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]),
    ):  # fmt: skip
        assert offered(made, bindings) == expected
        made.close()


# Tokens


async def owner(token: str, protocol: str) -> int:
    return {("good", "smtp"): 1, ("budis", "smtp"): 2}.get((token, protocol), 0)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("OAUTHBEARER", b"n,a=ana@example.org,\x01auth=Bearer %b\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer %b\x01\x01"),
        ("XOAUTH2", b"user=ana@example.org\x01auth=Bearer %b\x01\x01"),
    ],
)
async def test_a_token_opens_the_account_it_was_issued_for(
    store: SqliteStore, mechanism: str, message: bytes
) -> None:
    login = door(store, owner)
    exchange = SignIn(login, mechanism, HOME, "smtp")
    await exchange.begin(b64encode(message % b"good"))
    assert exchange.account is not None
    assert exchange.account.address == ANA
    exchange = SignIn(login, mechanism, HOME, "smtp")
    await exchange.begin(b64encode(message % b"bad"))
    assert exchange.challenge is not None
    with pytest.raises(Fault) as caught:
        await exchange.respond(b64encode(b"\x01"))
    assert caught.value.kind is Kind.AUTH_FAILED
    login.close()


async def test_a_token_of_somebody_else_opens_nothing(store: SqliteStore) -> None:
    login = door(store, owner)
    exchange = SignIn(login, "XOAUTH2", HOME, "smtp")
    await exchange.begin(b64encode(b"user=ana@example.org\x01auth=Bearer budis\x01\x01"))
    with pytest.raises(Fault) as caught:
        await exchange.respond(b"")
    assert caught.value.kind is Kind.AUTH_FAILED
    login.close()


# The exchange itself


async def test_plain_and_login_go_the_same_way(login: Login) -> None:
    exchange = SignIn(login, "PLAIN", HOME, "smtp")
    await exchange.begin(b64encode(b"\0ana@example.org\0secret"))
    assert exchange.account is not None
    exchange = SignIn(login, "LOGIN", HOME, "smtp")
    await exchange.begin(None)
    await exchange.respond(b64encode(b"ana@example.org"))
    await exchange.respond(b64encode(b"secret"))
    assert exchange.account is not None


async def test_a_star_cancels_and_what_is_no_base64_is_a_syntax_fault(login: Login) -> None:
    exchange = SignIn(login, "PLAIN", HOME, "smtp")
    await exchange.begin(None)
    with pytest.raises(Cancelled):
        await exchange.respond(b"*")
    assert exchange.challenge is None
    exchange = SignIn(login, "PLAIN", HOME, "smtp")
    with pytest.raises(SyntaxFault):
        await exchange.begin(b"%%%")


@pytest.mark.parametrize("initial", [b"=", b64encode(ANA.upper().encode())])
async def test_a_certificate_opens_its_account_and_the_history_says_so(
    store: SqliteStore, initial: bytes
) -> None:
    history = SignInHistory(store, FakeClock())
    login = Login(
        store, FakeClock(), CountingIds(), LoginSettings(), Metrics(), history=history
    )  # fmt: skip
    shown = Channel(addresses=(ANA, "nobody@example.org"))
    assert offered(login, shown)[0] == "EXTERNAL"
    assert "EXTERNAL" not in offered(login)
    exchange = SignIn(login, "EXTERNAL", HOME, "imap", shown)
    await exchange.begin(initial)
    assert exchange.account is not None
    assert exchange.account.address == ANA
    [event] = await history.of_account(exchange.account.id, 9)
    assert (event.means, event.success) == ("certificate", True)
    login.close()


async def test_a_disabled_account_is_closed_to_certificates(
    store: SqliteStore, login: Login
) -> None:
    ana = await store.read(directory.account, ANA)
    await store.write(directory.set_account, ana.id, disabled=True)
    exchange = SignIn(login, "EXTERNAL", HOME, "imap", Channel(addresses=(ANA,)))
    with pytest.raises(Fault) as caught:
        await exchange.begin(b"=")
    assert caught.value.kind is Kind.AUTH_FAILED

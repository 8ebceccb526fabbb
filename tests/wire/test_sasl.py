from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import sasl
from merpati.wire.sasl import Cancelled, Credentials, Exchange

BUDI = Credentials("", "budi@example.com", "rahasia 1")


def test_plain_with_an_initial_response_is_over_at_once() -> None:
    exchange = Exchange("PLAIN", sasl.plain_response(BUDI))
    assert exchange.challenge is None
    assert exchange.credentials == BUDI


def test_plain_without_one_asks_with_an_empty_challenge() -> None:
    exchange = Exchange("plain")
    assert exchange.challenge == b""
    assert exchange.credentials is None
    exchange.respond(b64encode(b"boss\0budi\0x"))
    assert exchange.credentials == Credentials("boss", "budi", "x")


@pytest.mark.parametrize("initial", [False, True])
def test_login_asks_for_name_and_password(initial: bool) -> None:
    name, password = sasl.login_responses(BUDI)
    exchange = Exchange("LOGIN", name if initial else None)
    if not initial:
        assert exchange.challenge == b64encode(b"Username:")
        exchange.respond(name)
    assert exchange.challenge == b64encode(b"Password:")
    exchange.respond(password)
    assert [exchange.challenge, exchange.credentials] == [None, BUDI]


def test_a_star_cancels() -> None:
    exchange = Exchange("LOGIN")
    with pytest.raises(Cancelled):
        exchange.respond(b"*")
    assert exchange.challenge is None
    assert exchange.credentials is None


def test_an_equals_sign_is_an_empty_initial_response() -> None:
    with pytest.raises(SyntaxFault, match="empty"):
        Exchange("LOGIN", b"=")


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"budi",
        b"budi\0x",
        b"\0\0x",
        b"\0budi\0",
        b"\0budi\0x\0",
        b"\0budi\0x\0y",
        b"\0bu\xffdi\0x",
        b"\0bu\rdi\0x",
        b"a\nb\0budi\0x",
        b"\0" + b"a" * 600 + b"\0x",
        b"\0a\0" + b"x" * 1025,
    ],
)
def test_wrong_plain_messages_are_refused(fields: bytes) -> None:
    with pytest.raises(SyntaxFault):
        Exchange("PLAIN", b64encode(fields) or b"=")


def test_login_refuses_a_nul() -> None:
    exchange = Exchange("LOGIN", b64encode(b"budi"))
    with pytest.raises(SyntaxFault):
        exchange.respond(b64encode(b"a\0b"))


@pytest.mark.parametrize(
    "line", [b"A", b"AA", b"AA=", b"AA==A", b" AA==", b"AA==\r", b"A-__", b"====", b"A" * 12292]
)
def test_base64_is_read_strictly(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        sasl.decode(line)


def test_an_unknown_mechanism_is_refused() -> None:
    assert set(sasl.MECHANISMS) == {"PLAIN", "LOGIN"}
    with pytest.raises(SyntaxFault):
        Exchange("GSSAPI")


def test_one_password_typed_on_two_devices_is_the_same() -> None:
    assert sasl.prepare_password("e\u0301\u00a0x") == sasl.prepare_password("\u00e9 x") == "é x"
    assert sasl.prepare_password("Ab") != sasl.prepare_password("ab")
    assert sasl.prepare_name("Jose\u0301") == "José"


def test_a_password_is_not_shown_in_a_repr() -> None:
    assert "rahasia" not in repr(BUDI)
    assert "rahasia" not in str([BUDI])


@given(st.binary(max_size=60), st.sampled_from(["PLAIN", "LOGIN"]), st.booleans())
def test_any_response_gives_credentials_a_challenge_or_a_fault(
    octets: bytes, mechanism: str, encoded: bool
) -> None:
    try:
        exchange = Exchange(mechanism, b64encode(octets) if encoded else octets)
    except SyntaxFault:
        return
    if exchange.credentials is None:
        assert exchange.challenge is not None
    else:
        again = Exchange("PLAIN", sasl.plain_response(exchange.credentials))
        assert again.credentials == exchange.credentials

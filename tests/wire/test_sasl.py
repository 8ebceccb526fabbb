from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import sasl
from merpati.wire.sasl import Credentials

BUDI = Credentials("", "budi@example.com", "rahasia 1")


def said(mechanism: str, *responses: bytes) -> tuple[list[bytes], Credentials | None]:
    """The challenges of an exchange, and what it came to; None while it goes on."""
    steps = sasl.MECHANISMS[mechanism]()
    challenges = [next(steps)]
    try:
        for response in responses:
            challenges.append(steps.send(response))  # noqa: PERF401 -- a part of it is told too
    except StopIteration as end:
        found: Credentials = end.value
        return challenges, found
    return challenges, None


def test_plain_is_one_response_to_an_empty_challenge() -> None:
    response = sasl.decode(sasl.plain_response(BUDI))
    assert said("PLAIN", response) == ([b""], BUDI)
    assert said("PLAIN", b"boss\0budi\0x") == ([b""], Credentials("boss", "budi", "x"))


def test_login_asks_for_name_and_password() -> None:
    responses = map(sasl.decode, sasl.login_responses(BUDI))
    assert said("LOGIN", *responses) == ([b"Username:", b"Password:"], BUDI)
    with pytest.raises(SyntaxFault, match="empty"):
        said("LOGIN", b"")


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
        said("PLAIN", fields)


def test_login_refuses_a_nul() -> None:
    with pytest.raises(SyntaxFault):
        said("LOGIN", b"budi", b"a\0b")


@pytest.mark.parametrize(
    "line", [b"A", b"AA", b"AA=", b"AA==A", b" AA==", b"AA==\r", b"A-__", b"====", b"A" * 12292]
)
def test_base64_is_read_strictly(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        sasl.decode(line)


def test_there_are_two_mechanisms() -> None:
    assert set(sasl.MECHANISMS) == {"PLAIN", "LOGIN"}


def test_one_password_typed_on_two_devices_is_the_same() -> None:
    assert sasl.prepare_password("e\u0301\u00a0x") == sasl.prepare_password("\u00e9 x") == "é x"
    assert sasl.prepare_password("Ab") != sasl.prepare_password("ab")
    assert sasl.prepare_name("Jose\u0301") == "José"


def test_a_password_is_not_shown_in_a_repr() -> None:
    assert "rahasia" not in repr(BUDI)
    assert "rahasia" not in str([BUDI])


@given(st.binary(max_size=60), st.sampled_from(["PLAIN", "LOGIN"]))
def test_any_response_gives_credentials_a_challenge_or_a_fault(
    octets: bytes, mechanism: str
) -> None:
    try:
        challenges, found = said(mechanism, octets)
    except SyntaxFault:
        return
    if found is None:
        assert len(challenges) == 2
    else:
        assert said("PLAIN", sasl.decode(sasl.plain_response(found)))[1] == found

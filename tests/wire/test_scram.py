from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.scram import KeysWanted, Proven, ScramKeys, derive, parse_keys, server

SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
# The example of RFC 7677 3.
KEYS = derive("pencil", SALT, 4096)
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
CHALLENGE = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SIGNATURE = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def begun(
    first: bytes, bindings: dict[str, bytes] | None = None, *, plus: bool = False
) -> tuple[Generator[Any, Any, Proven], KeysWanted]:
    steps = server(NONCE, bindings or {}, plus=plus)
    assert next(steps) == b""
    wanted = steps.send(first)
    assert isinstance(wanted, KeysWanted)
    return steps, wanted


def end(steps: Generator[Any, Any, Proven], answer: bytes) -> Proven:
    with pytest.raises(StopIteration) as caught:
        steps.send(answer)
    result = caught.value.value
    assert isinstance(result, Proven)
    return result


def test_the_example_of_the_rfc_is_proven() -> None:
    steps, wanted = begun(FIRST)
    assert wanted == KeysWanted("user")
    assert steps.send(KEYS) == CHALLENGE
    assert steps.send(FINAL) == SIGNATURE
    assert end(steps, b"") == Proven("", "user", right=True)


def test_another_password_proves_nothing() -> None:
    steps, _ = begun(FIRST)
    steps.send(derive("pencils", SALT, 4096))
    assert end(steps, FINAL) == Proven("", "user", right=False)


@pytest.mark.parametrize(
    "final",
    [
        FINAL.replace(b"c=biws", b"c=eSws"),  # "y,," was never said
        FINAL.replace(b"r=rO", b"r=rX"),
        FINAL.replace(b"p=dH", b"p=eH"),
        FINAL[:-44] + b"AAAA",
    ],
)
def test_a_final_message_that_was_touched_proves_nothing(final: bytes) -> None:
    steps, _ = begun(FIRST)
    steps.send(KEYS)
    assert not end(steps, final).right


def test_names_and_the_account_to_act_as_are_decoded() -> None:
    steps, wanted = begun(b"n,a=b=3Dc,n=a=2Cb,r=x")
    assert wanted == KeysWanted("a,b")
    steps.send(KEYS)
    assert end(steps, b"c=biws,r=x,p=AAAA").authzid == "b=c"


def proof(final_without_proof: str, first_bare: str, challenge: bytes) -> str:
    """What a client computes (RFC 5802 3)."""
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    message = f"{first_bare},{challenge.decode()},{final_without_proof}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    return b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()


@pytest.mark.parametrize(("seen", "right"), [(b"bound", True), (b"other", False)])
def test_with_channel_binding_the_proof_is_good_on_its_own_connection_only(
    seen: bytes, right: bool
) -> None:
    header = "p=tls-server-end-point,,"
    steps, _ = begun(f"{header}n=user,r=x".encode(), {"tls-server-end-point": b"bound"}, plus=True)
    challenge = steps.send(KEYS)
    assert isinstance(challenge, bytes)
    bare = f"c={b64encode(header.encode() + seen).decode()},r=x{NONCE}"
    final = f"{bare},p={proof(bare, 'n=user,r=x', challenge)}".encode()
    if right:
        assert steps.send(final).startswith(b"v=")
        assert end(steps, b"").right
    else:
        assert not end(steps, final).right


def test_a_client_that_was_told_of_no_channel_binding_was_deceived() -> None:
    with pytest.raises(SyntaxFault, match="somebody has removed it"):
        begun(b"y,,n=user,r=x", {"tls-server-end-point": b"bound"})
    begun(b"y,,n=user,r=x")


@pytest.mark.parametrize(
    ("first", "plus"),
    [
        (b"n,,n=user,r=x", True), (b"p=tls-unique,,n=user,r=x", True),
        (b"p=tls-server-end-point,,n=user,r=x", False), (b"", False), (b"n,,n=,r=x", False),
        (b"n,,n=user,r=", False), (b"n,,n=us=er,r=x", False), (b"n,,m=ext,n=user,r=x", False),
        (b"\xff", False), (b"n,,n=" + b"a" * 5000 + b",r=x", False), (b"n,,n=a\nb,r=x", False),
    ],
)  # fmt: skip
def test_a_wrong_first_message_is_a_syntax_fault(first: bytes, plus: bool) -> None:
    with pytest.raises(SyntaxFault):
        begun(first, {"tls-server-end-point": b"bound"} if plus else {}, plus=plus)


@pytest.mark.parametrize("final", [b"", b"c=biws", b"c=!,r=x,p=AAAA", b"c=b,r=x,p=AAAA", b"\xff"])
def test_a_wrong_final_message_is_a_syntax_fault(final: bytes) -> None:
    steps, _ = begun(FIRST)
    steps.send(KEYS)
    with pytest.raises(SyntaxFault):
        steps.send(final)


def test_keys_are_kept_as_one_word() -> None:
    assert parse_keys(str(KEYS)) == KEYS
    assert " " not in str(KEYS)
    assert parse_keys("") is None
    assert parse_keys("$argon2id$v=19") is None
    assert KEYS.stored_key.hex() not in repr(KEYS)


def test_a_password_is_prepared_as_clients_do() -> None:
    assert derive("gru\u0308n\u00a0\u00adtee", SALT, 1) == derive("gr\u00fcn tee", SALT, 1)
    assert derive("Pencil", SALT, 1) != derive("pencil", SALT, 1)


@given(st.binary(max_size=200))
def test_any_first_message_is_a_question_or_a_fault(data: bytes) -> None:
    steps = server(NONCE, {}, plus=False)
    next(steps)
    try:
        wanted = steps.send(data)
    except SyntaxFault:
        return
    assert isinstance(wanted, KeysWanted)
    assert isinstance(steps.send(ScramKeys(b"salt", 1, b"", b"")), bytes)

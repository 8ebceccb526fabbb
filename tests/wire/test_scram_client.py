from __future__ import annotations

import base64

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.scram_client import ScramClient

# The exchange of RFC 7677 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
CHALLENGE = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
PROOF = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_example_of_the_rfc() -> None:
    client = ScramClient("user", "pencil", NONCE)
    assert client.first() == FIRST
    assert client.final(CHALLENGE) == FINAL
    client.check(PROOF)


def test_names_are_escaped() -> None:
    assert ScramClient("a=b,c", "x", "n").first() == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=" + NONCE.encode() + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",  # nothing of its own
        b"r=" + NONCE.encode() + b"x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100",
        b"r=" + NONCE.encode() + b"x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=9999999",
        b"r=" + NONCE.encode() + b"x,s=!!,i=4096",
        b"r=" + NONCE.encode() + b"x,s=abc,i=4096",
        b"e=unknown-user",
        b"\xff" * 10,
        b"r=" + b"x" * 5000,
    ],
)
def test_a_challenge_that_is_none_is_refused(challenge: bytes) -> None:
    with pytest.raises(SyntaxFault):
        ScramClient("user", "pencil", NONCE).final(challenge)


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    client = ScramClient("user", "pencil", NONCE)
    client.final(CHALLENGE)
    for outcome in (b"", b"v=", b"v=" + base64.b64encode(b"x" * 32), b"e=other-error"):
        with pytest.raises(SyntaxFault):
            client.check(outcome)

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.oauth import TokenWanted, bearer, xoauth2
from merpati.wire.scram import Proven

Start = Callable[[], Generator[Any, Any, Proven]]

# RFC 7628 4.1, and what Google documents.
BEARER = (
    b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
)
GOOGLE = b"user=user@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

BOTH = [(bearer, BEARER), (xoauth2, GOOGLE)]


@pytest.mark.parametrize(("start", "message"), BOTH)
def test_a_token_is_asked_about_and_opens_the_address_it_is_for(
    start: Start, message: bytes
) -> None:
    steps = start()
    assert next(steps) == b""
    assert steps.send(message) == TokenWanted("user@example.com", TOKEN)
    with pytest.raises(StopIteration) as caught:
        steps.send("owner@example.com")
    assert caught.value.value == Proven("", "owner@example.com", right=True)


@pytest.mark.parametrize(("start", "message"), BOTH)
def test_a_token_that_is_not_good_is_told_so_before_the_end(start: Start, message: bytes) -> None:
    steps = start()
    next(steps)
    steps.send(message)
    assert steps.send("").startswith(b'{"status":')
    with pytest.raises(StopIteration) as caught:
        steps.send(b"\x01")
    assert caught.value.value == Proven("", "user@example.com", right=False)


def test_a_bearer_may_leave_the_name_to_the_token() -> None:
    steps = bearer()
    next(steps)
    assert steps.send(b"n,,\x01auth=bearer abc\x01\x01") == TokenWanted("", "abc")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (bearer, b""), (bearer, GOOGLE), (bearer, BEARER[:-1]), (bearer, b"n,,\x01\x01"),
        (bearer, b"n,,\x01auth=Basic abc\x01\x01"), (bearer, b"n,,\x01auth\x01\x01"),
        (bearer, b"p=x,,\x01auth=Bearer abc\x01\x01"), (bearer, b"\xff" + BEARER),
        (bearer, BEARER + b"x" * 9000), (xoauth2, BEARER), (xoauth2, GOOGLE[:-2]),
        (xoauth2, b"user=a\x01auth=Bearer a b\x01\x01"),
    ],
)  # fmt: skip
def test_anything_else_is_a_syntax_fault(start: Start, message: bytes) -> None:
    steps = start()
    next(steps)
    with pytest.raises(SyntaxFault):
        steps.send(message)


def test_a_token_does_not_get_into_a_log() -> None:
    assert TOKEN not in repr(TokenWanted("user", TOKEN))

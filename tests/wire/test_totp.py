from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import totp

KEY = b"12345678901234567890"  # RFC 6238 appendix B


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_the_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert totp.code(KEY, at // 30) == code
    assert totp.find_step(KEY, code, at) == at // 30


def test_a_clock_may_be_half_a_minute_early_or_late() -> None:
    code = totp.code(KEY, 1000)
    for step, found in ((998, None), (999, 1000), (1000, 1000), (1001, 1000), (1002, None)):
        assert totp.find_step(KEY, code, step * 30 + 15) == found


def test_people_type_spaces() -> None:
    assert totp.find_step(KEY, " 287 082 ", 59) == 1


@given(st.text())
def test_anything_else_is_no_code(typed: str) -> None:
    if totp.find_step(KEY, typed, 59) is not None:
        assert typed.replace(" ", "") in {totp.code(KEY, step) for step in (0, 1, 2)}


@given(st.binary(min_size=1, max_size=40))
def test_a_secret_is_read_as_it_was_written(key: bytes) -> None:
    assert totp.secret(totp.text(key)) == key


def test_the_address_names_account_and_issuer() -> None:
    parts = urlsplit(totp.uri(KEY, "ana+x@example.org", "Our mail: a&b"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/Our%20mail%3A%20a%26b:ana%2Bx@example.org"
    values = parse_qs(parts.query)
    assert values["issuer"] == ["Our mail: a&b"]
    assert totp.secret(values["secret"][0]) == KEY

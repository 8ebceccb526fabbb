from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.smtp import limits
from merpati.wire.smtp.limits import Limits

NUMBERS = st.integers(0, 999_999)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("MAILMAX=100 RCPTMAX=50 RCPTDOMAINMAX=1", Limits(100, 50, 1)),
        ("rcptmax=20", Limits(recipients=20)),
        ("XMAX=3  MAILMAX=7", Limits(messages=7)),
        ("RCPTMAX=0 MAILMAX=07 RCPTDOMAINMAX=1000000", Limits()),
        ("RCPTMAX RCPTMAX= RCPTMAX=-1 RCPTMAX=2x", Limits()),
        ("RCPTMAX=5 RCPTMAX=9", Limits(recipients=5)),
        ("", Limits()),
    ],
)
def test_what_is_written_as_rfc_9422_has_it_counts(text: str, wanted: Limits) -> None:
    assert limits.parse(text) == wanted


def test_a_server_that_says_nothing_limits_nothing() -> None:
    assert limits.announced({"SIZE": "1"}) == Limits()
    assert limits.announced({"LIMITS": ""}) == Limits()
    assert limits.announced({"LIMITS": "RCPTMAX=3"}) == Limits(recipients=3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_is_written_is_read_back(messages: int, recipients: int, domains: int) -> None:
    said = Limits(messages, recipients, domains)
    assert limits.parse(limits.render(said)) == said


@given(st.text(max_size=200))
def test_any_text_is_limits(text: str) -> None:
    found = limits.parse(text)
    assert limits.parse(limits.render(found)) == found

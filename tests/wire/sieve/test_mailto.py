from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.sieve.mailto import MailTo, parse


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("mailto:a@example.com", MailTo(("a@example.com",))),
        (
            "MAILTO:a@example.com?to=b@example.com&cc=c@example.com",
            MailTo(("a@example.com", "b@example.com"), ("c@example.com",)),
        ),
        (
            "mailto:a@example.com?subject=a%20b%0D%0ABcc:x&body=1%0A2&X-Y=z&from=f@example.com",
            MailTo(("a@example.com",), subject="a b Bcc:x", body="1\n2", fields=(("X-Y", "z"),)),
        ),
        (
            "mailto:a@example.com%2C%20b@example.com,c@example.com",
            MailTo(("a@example.com", "b@example.com", "c@example.com")),
        ),
        ("mailto:%22a%20b%22@example.com", MailTo(('"a b"@example.com',))),
        ("mailto:Ani%20%3Ca@example.com%3E", MailTo(("a@example.com",))),
        ("mailto:a%20b@example.com", None),  # not to b@example.com
        ("mailto:a@example.com,", None),
        ("mailto:a@example.com%20b@example.com", None),
        ("mailto:g:a@example.com;", None),
        ("mailto:%3C@r.test:a@example.com%3E", None),
        ("mailto:", None),
        ("mailto:nobody", None),
        ("mailto:a@example.com%", None),
        ("http://example.com/", None),
        ("mailto:" + ",".join(["a@example.com"] * 11), None),
    ],
)
def test_a_uri_is_read(uri: str, wanted: MailTo | None) -> None:
    assert parse(uri) == wanted


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    parse(text)
    found = parse("mailto:a@example.com?subject=" + text)
    assert found is None or "\n" not in found.subject

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.jmap import email_fields, email_headers
from merpati.wire.jmap.email_fields import LINE_MAX, NotThatFormError
from merpati.wire.jmap.email_headers import Wanted
from merpati.wire.mime import headers

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp"))
)
LOCAL = st.text("abcXYZ019._-+ äß中", min_size=1, max_size=20).map(str.strip).filter(bool)


def read_back(name: str, what: Wanted, value: Any) -> Any:
    written = b"".join(email_fields.lines(name, what, value))
    assert all(len(line) <= LINE_MAX for line in written.split(b"\r\n"))
    found = headers.split(written + b"\r\n").fields
    assert len(found) == 1, "a value began a field of its own"
    return email_headers.value(found, what)


@given(TEXT)
def test_text_is_read_back_as_it_was_written(text: str) -> None:
    what = Wanted("x", "Text")
    said = email_headers.text(text.encode())  # in NFC, without white space around it
    assert read_back("X", what, said) == said


@given(st.lists(st.tuples(TEXT, LOCAL), min_size=1, max_size=30))
def test_addresses_are_read_back(people: list[tuple[str, str]]) -> None:
    what = Wanted("to", "Addresses")
    value = [{"name": name, "email": f"{local}@example.org"} for name, local in people]
    told = read_back("To", what, value)
    assert [one["email"] for one in told] == [one["email"] for one in value]


@given(st.text())
def test_no_text_begins_another_field(text: str) -> None:
    for form in ("Text", "Raw", "Addresses", "MessageIds", "URLs"):
        values: dict[str, Any] = {
            "Addresses": [{"name": text, "email": text}],
            "MessageIds": [text],
            "URLs": [text],
        }
        try:
            read_back("X-F", Wanted("x-f", form), values.get(form, text))
        except NotThatFormError:
            continue


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("MessageIds", ["a@b", "c@d"]),
        ("URLs", ["https://example.org/a?b=c", "mailto:x@y"]),
        ("Date", "2020-02-29T23:59:58+07:00"),
        ("Date", "2020-02-29T23:59:58Z"),
        ("Raw", " as it\r\n stands: ä"),
        (
            "GroupedAddresses",
            [
                {"name": None, "addresses": [{"name": None, "email": "a@b.c"}]},
                {"name": "Us", "addresses": [{"name": "D", "email": "d@e.f"}]},
            ],
        ),
    ],
)
def test_every_form_is_read_back(form: str, value: Any) -> None:
    assert read_back("X-F", Wanted("x-f", form), value) == value


def test_all_makes_a_field_of_each() -> None:  # RFC 8621 4.1.3
    what = Wanted("x", "Text", is_all=True)
    assert email_fields.lines("X", what, ["a", "b"]) == [b"X: a\r\n", b"X: b\r\n"]
    assert email_fields.lines("X", what, []) == []
    assert email_fields.lines("X", Wanted("x", "Text"), None) == []


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("Text", 1),
        ("Raw", "a\r\nBcc: x@y"),
        ("Raw", "a\n"),
        ("Raw", "a\r b"),
        ("Addresses", [{"email": None}]),
        ("Addresses", [{"email": "a@b", "x": 1}]),
        ("Addresses", {"email": "a@b"}),
        ("GroupedAddresses", [{"name": "x"}]),
        ("MessageIds", ["a b"]),
        ("MessageIds", ["<a@b>"]),
        ("URLs", "http://x"),
        ("Date", "yesterday"),
        ("Text", "\ud800"),
    ],
)
def test_what_has_not_the_form_is_refused(form: str, value: Any) -> None:
    if (form, value) == ("Text", "\ud800"):  # half a character is written as a question mark
        assert email_fields.lines("X", Wanted("x", form), value)
        return
    with pytest.raises(NotThatFormError):
        email_fields.lines("X", Wanted("x", form), value)


@pytest.mark.parametrize("form", ["Addresses", "GroupedAddresses", "MessageIds", "URLs"])
def test_an_empty_list_makes_no_field(form: str) -> None:
    assert email_fields.lines("X", Wanted("x", form), []) == []
    assert email_fields.lines("X", Wanted("x", form, is_all=True), [[]]) == []


@pytest.mark.parametrize(
    "email",
    [
        "john", "john@", "@example.org", "john smith@example.org", "john@my place", "a,b@c",
        '"john smith"@example.org', '"a\\"b"@example.org', '"@"@example.org', "a@[192.0.2.1]",
    ],
)  # fmt: skip
def test_a_draft_keeps_what_is_no_address_yet_and_what_needs_quotes(email: str) -> None:
    value = [{"name": "J", "email": email}, {"name": None, "email": "b@example.org"}]
    assert read_back("To", Wanted("to", "Addresses"), value) == value

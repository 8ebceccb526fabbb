from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime.casemap import fold


def test_case_and_composition_do_not_count() -> None:
    assert fold("Ångström ﬁ ß") == fold("a\u030angstro\u0308m FI ss")
    assert fold("_") > fold("z")  # as RFC 5051 orders: capitals stand before it


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    once = fold(text)
    assert fold(fold(once)) == fold(once)

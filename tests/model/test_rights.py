from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import Fault, Kind
from merpati.model import rights

RIGHTS = st.sets(st.sampled_from(rights.ALL)).map(lambda held: rights.canonical("".join(held)))


def test_rights_of_rfc_2086_stand_for_their_parts() -> None:
    assert rights.canonical("dc") == "kxte"
    assert rights.shown("lrt") == "lrtd"
    assert rights.shown("lrk") == "lrkc"
    assert rights.shown("") == ""
    for wrong in ("q", "L", "l r"):
        with pytest.raises(Fault) as refused:
            rights.canonical(wrong)
        assert refused.value.kind is Kind.SYNTAX


def test_levels_are_sets_of_rights_with_names() -> None:
    for name, letters in rights.LEVELS.items():
        assert rights.canonical(letters) == letters
        assert rights.level(letters) == name
        assert rights.from_words(name) == letters
    assert rights.level("lrs") == "lrs"
    assert rights.from_words("srl") == "lrs"


def test_each_keyword_has_the_right_it_takes() -> None:
    keywords = "$deleted $flagged $seen work"
    assert rights.settable(keywords, rights.ALL) == keywords
    assert rights.settable(keywords, "s") == "$seen"
    assert rights.settable(keywords, "t") == "$deleted"
    assert rights.settable(keywords, "w") == "$flagged work"
    assert rights.settable(keywords, "lr") == ""


@given(RIGHTS, RIGHTS)
def test_sets_of_rights_behave_as_sets(one: str, other: str) -> None:
    assert set(rights.union(one, other)) == set(one) | set(other)
    assert set(rights.without(one, other)) == set(one) - set(other)
    assert rights.canonical(one) == one

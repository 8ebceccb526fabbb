from __future__ import annotations

from merpati.model.message import DELETED, SEEN, join_keywords


def test_keywords_are_sorted_so_that_equal_sets_are_equal_text() -> None:
    assert join_keywords({SEEN, "work", DELETED}) == "$deleted $seen work"
    assert join_keywords(set()) == ""

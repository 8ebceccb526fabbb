from __future__ import annotations

import pytest

from merpati.model.mailbox import is_shown


@pytest.mark.parametrize(
    "name",
    ["Work", "mit Leerzeichen", "見積\u3000書", "می\u200cخ", "👨\u200d👩\u200d👧", "a\u00a0b"],
)
def test_what_people_write_is_shown(name: str) -> None:
    assert is_shown(name)


@pytest.mark.parametrize(
    "name",
    ["a\0", "a\nb", "\ufeff", "soft\u00adhyphen", "\u202ereversed", "\ue000", "\u2028", "\ud800"],
)
def test_what_nobody_sees_is_not_shown(name: str) -> None:
    assert not is_shown(name)

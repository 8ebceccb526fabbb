from __future__ import annotations

from typing import Any

import pytest

from merpati.wire.jmap import patches
from merpati.wire.jmap.faults import SetFault

EMAIL = {"keywords": {"$seen": True, "a": True}, "mailboxIds": {"F1": True}, "name": "x", "l": [1]}


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"keywords/$seen": None}, {"keywords": {"a": True}}),
        ({"keywords/b": True}, {"keywords": {"$seen": True, "a": True, "b": True}}),
        ({"keywords": {}}, {"keywords": {}}),
        ({"name": None}, {"name": "default"}),
        ({"keywords/x~1y~0": True}, {"keywords": {"$seen": True, "a": True, "x/y~": True}}),
        ({"keywords/no": None}, {}),
    ],
)
def test_a_patch_changes_what_it_names(patch: dict[str, Any], changed: dict[str, Any]) -> None:
    assert patches.apply(EMAIL, patch, {"name": "default"}) == {**EMAIL, **changed}


def test_the_object_itself_is_left_alone() -> None:
    before = {"keywords": {"a": True}}
    patches.apply(before, {"keywords/a": None}, {})
    assert before == {"keywords": {"a": True}}


@pytest.mark.parametrize(
    "patch",
    [
        {"keywords": {}, "keywords/a": True}, {"nowhere/a": 1}, {"name/a": 1}, {"l/0": 2},
        {"keywords/a/b": 1}, {"/".join("a" * 40): 1},
    ],
)  # fmt: skip
def test_a_patch_that_leads_nowhere_is_refused(patch: dict[str, Any]) -> None:
    with pytest.raises(SetFault) as refused:
        patches.apply(EMAIL, patch, {})
    assert refused.value.type == "invalidPatch"

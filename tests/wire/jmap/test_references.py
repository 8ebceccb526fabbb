from __future__ import annotations

from typing import Any

import pytest

from merpati.wire.jmap import references
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.requests import Invocation

QUERY = Invocation("Email/query", {"ids": ["a", "b"]}, "0")
GET = Invocation(
    "Email/get",
    {"list": [{"threadId": "t1", "to": ["x", "y"]}, {"threadId": "t2", "to": ["z"]}], "a/b~c": 7},
    "1",
)


def reference(path: str, of: str = "1", name: str = "Email/get") -> dict[str, str]:
    return {"resultOf": of, "name": name, "path": path}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/list/*/threadId", ["t1", "t2"]),
        ("/list/*/to", ["x", "y", "z"]),
        ("/list/*/to/0", ["x", "z"]),
        ("/list/1/threadId", "t2"),
        ("/a~1b~0c", 7),
        ("/list/0/to", ["x", "y"]),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: Any) -> None:
    resolved = references.resolve({"#ids": reference(path), "x": 1}, [QUERY, GET])
    assert resolved == {"ids": value, "x": 1}


@pytest.mark.parametrize(
    "bad",
    [
        reference("/list/9"), reference("/list/01"), reference("/nowhere"), reference("list"),
        reference("/list", of="7"), reference("/list", name="Email/query"), {"resultOf": "1"}, 5,
        reference("/*" * 40), {**reference("/list"), "more": "1"},
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_refused(bad: Any) -> None:
    with pytest.raises(MethodFault) as refused:
        references.resolve({"#ids": bad}, [QUERY, GET])
    assert refused.value.type == "invalidResultReference"


def test_a_name_is_given_by_value_or_by_reference() -> None:
    with pytest.raises(MethodFault) as refused:
        references.resolve({"#ids": reference("/list"), "ids": []}, [GET])
    assert refused.value.type == "invalidArguments"


def test_the_first_of_several_responses_with_an_id_counts() -> None:
    two = [Invocation("A/set", {"n": 1}, "0"), Invocation("B/set", {"n": 2}, "0")]
    assert references.resolve({"#x": reference("/n", "0", "A/set")}, two) == {"x": 1}

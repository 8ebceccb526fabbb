from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.jmap import requests
from merpati.wire.jmap.faults import RequestFault

CORE = "urn:ietf:params:jmap:core"


def problem(body: bytes, calls_max: int = 4) -> dict[str, Any]:
    with pytest.raises(RequestFault) as refused:
        requests.decode(body, frozenset({CORE}), calls_max)
    return refused.value.problem()


def request(**changes: Any) -> bytes:
    value = {"using": [CORE], "methodCalls": [["Core/echo", {"a": 1}, "0"]], **changes}
    return json.dumps(value).encode()


def test_a_request_is_read() -> None:
    found = requests.decode(request(createdIds={"a": "M1"}), frozenset({CORE}), 4)
    assert found.using == (CORE,)
    assert found.calls == (("Core/echo", {"a": 1}, "0"),)
    assert found.created_ids == {"a": "M1"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff", b'{"using": NaN}', b'{"using": [], "using": []}', b'"\\ud800"',
        b"[" * 200_000,
    ],
)  # fmt: skip
def test_what_is_no_i_json_is_refused(body: bytes) -> None:
    assert problem(body)["type"] == "urn:ietf:params:jmap:error:notJSON"


@pytest.mark.parametrize(
    "changes",
    [
        {"using": None}, {"using": [1]}, {"methodCalls": {}}, {"methodCalls": [["a", {}]]},
        {"methodCalls": [["a", [], "0"]]}, {"methodCalls": [[1, {}, "0"]]}, {"createdIds": []},
        {"createdIds": {"a": 1}},
    ],
)  # fmt: skip
def test_json_of_another_shape_is_no_request(changes: dict[str, Any]) -> None:
    assert problem(request(**changes))["type"].endswith(":notRequest")


def test_an_unknown_capability_is_named() -> None:
    told = problem(request(using=[CORE, "urn:example:x"]))
    assert told["type"].endswith(":unknownCapability")
    assert "urn:example:x" in told["detail"]


def test_more_calls_than_allowed_pass_a_limit() -> None:
    told = problem(request(methodCalls=[["Core/echo", {}, "0"]] * 5))
    assert (told["type"][-5:], told["limit"]) == ("limit", "maxCallsInRequest")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(body: bytes) -> None:
    with suppress(RequestFault):
        requests.decode(body, frozenset({CORE}), 4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON)
def test_any_json_comes_back_as_it_was(value: Any) -> None:
    assert requests.decode_json(requests.encode(value)) == value

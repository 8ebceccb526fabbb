"""The Request object and the Response to it (RFC 8620 3.3, 3.4), from and to JSON.

JSON here is I-JSON (RFC 7493): UTF-8, no name twice in an object, no lone surrogates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from math import isinf
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from merpati.wire.jmap.faults import RequestFault

MAX_DEPTH_TEXT: Final = "the JSON is nested too deeply"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class Invocation(NamedTuple):
    """One method call or response."""

    name: str
    arguments: dict[str, Any]
    call_id: str


class Request(msgspec.Struct, frozen=True):
    """What a client asks for. `created_ids` is None when it does not want them told."""

    using: tuple[str, ...]
    calls: tuple[Invocation, ...]
    created_ids: dict[str, str] | None = None


class _RepeatedNameError(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedNameError
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):  # RFC 7493 2.2: nobody could be told the same number again
        raise ValueError(digits[:20])
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_finite, parse_constant=_no_constant
)


def decode_json(body: bytes) -> Any:
    """The value of I-JSON text.

    Raises:
        RequestFault: notJSON.
    """
    try:
        value = _DECODER.decode(body.decode())
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise RequestFault("notJSON", "the request is not valid UTF-8") from None
    except _RepeatedNameError:
        raise RequestFault("notJSON", "an object has the same name twice") from None
    except RecursionError:
        raise RequestFault("notJSON", MAX_DEPTH_TEXT) from None
    except ValueError as problem:
        raise RequestFault("notJSON", f"this is not JSON: {problem}"[:200]) from None
    return value


def decode(body: bytes, known: Sequence[str] | frozenset[str], calls_max: int) -> Request:
    """Read a request.

    Args:
        body: JSON.
        known: the capabilities there are.
        calls_max: maxCallsInRequest.

    Raises:
        RequestFault: notJSON, notRequest, unknownCapability, limit.
    """
    return of_value(decode_json(body), known, calls_max)


def of_value(value: Any, known: Sequence[str] | frozenset[str], calls_max: int) -> Request:
    """The same, of decoded JSON (RFC 8887 has it inside of another object)."""
    if not isinstance(value, dict):
        raise _not_request("a request is an object")
    using, calls = value.get("using"), value.get("methodCalls")
    if not isinstance(using, list) or not all(isinstance(one, str) for one in using):
        raise _not_request('"using" is a list of capabilities')
    if not isinstance(calls, list):
        raise _not_request('"methodCalls" is a list')
    created = value.get("createdIds")
    if created is not None and not (
        isinstance(created, dict) and all(isinstance(one, str) for one in created.values())
    ):
        raise _not_request('"createdIds" maps ids to ids')
    for capability in using:
        if capability not in known:
            raise RequestFault("unknownCapability", f"there is no capability {capability[:100]!r}")
    invocations = tuple(_invocation(call) for call in calls)
    if len(calls) > calls_max:
        text = f"a request has at most {calls_max} method calls"
        raise RequestFault("limit", text, "maxCallsInRequest")
    return Request(tuple(using), invocations, created)


def _invocation(call: Any) -> Invocation:
    match call:
        case [str() as name, dict() as arguments, str() as call_id]:
            return Invocation(name, arguments, call_id)
    raise _not_request("a method call is a name, arguments and an id")


def _not_request(text: str) -> RequestFault:
    return RequestFault("notRequest", text)


def response(
    responses: Sequence[Invocation], state: str, created_ids: dict[str, str] | None
) -> dict[str, Any]:
    """The Response object, ready to be encoded."""
    answer: dict[str, Any] = {"methodResponses": responses, "sessionState": state}
    if created_ids is not None:
        answer["createdIds"] = created_ids
    return answer


encode: Final = msgspec.json.encode

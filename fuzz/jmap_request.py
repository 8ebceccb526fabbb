"""A JMAP request: its JSON, its calls, references between them, patches and filters."""

from __future__ import annotations

from merpati.base.faults import Fault, SyntaxFault
from merpati.wire.jmap import patches, references, requests, values
from merpati.wire.jmap.requests import Invocation

KNOWN = ("urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail")
SEEDS = [
    b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":[1]},"0"]]}',
    (
        b'{"using":[],"methodCalls":[["A/get",{"ids":null},"0"],["B/get",{"#ids":{"resultOf":"0",'
        b'"name":"A/get","path":"/list/*/id"}},"1"]],"createdIds":{"k":"M1"}}'
    ),
    b'{"using":[],"methodCalls":[["A/set",{"update":{"x":{"keywords/a~1b":true,"l/0":null}}},"0"]]}',
    b'{"using":[],"methodCalls":[["A/x",{"d":"2020-02-30T00:00:60.5+01:00"},"\\ud83d\\ude00"]]}',
]
DICTIONARY = [b'"#ids"', b'"path"', b"/*/", b"~0", b"\\ud800", b"1e999", b"null"]


def target(data: bytes) -> None:
    try:
        request = requests.decode(data, KNOWN, 16)
    except SyntaxFault:
        return
    done: list[Invocation] = []
    for call in request.calls:
        try:
            arguments = references.resolve(call.arguments, done)
        except Fault:
            continue
        done.append(Invocation(call.name, arguments, call.call_id))
        for value in arguments.values():
            values.is_date(value)
            values.are_keywords(value)
            if isinstance(value, dict):
                _patch(value)
    requests.encode(requests.response(done, "0", request.created_ids))


def _patch(patch: dict[str, object]) -> None:
    whole = {"keywords": {"$seen": True}, "l": [1], "name": "x"}
    try:
        patched = patches.apply(whole, patch, {"name": "default"})
    except Fault:
        return
    assert whole == {"keywords": {"$seen": True}, "l": [1], "name": "x"}
    assert {name.split("/")[0] for name in patch if "~" not in name} <= patched.keys()

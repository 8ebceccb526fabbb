"""The OpenAPI 3.1 document of the API, made from its operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET

from merpati.servers.api.operation import Operation, Who

PREFIX: Final = "/api/v1"
_REF: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_FAULTS: Final = {
    "400": "The request is not what it should be; `detail` says what.",
    "401": "Nobody has signed in, or not any more.",
    "403": "Not allowed.",
    "404": "There is no such thing.",
    "409": "It is there already, or in use.",
    "429": "Too many; try again later.",
}
ABOUT: Final = """\
Administration, the roads of one's own mail, and sending for programs. Times are Unix
milliseconds, sizes bytes. Sign in with `Authorization: Bearer`: the access token of a
signed-in browser, or a token made for programs (POST /tokens).

Errors are problem documents (RFC 9457) with `code`, one of the words that every protocol of this
server translates, and `detail`, a sentence for people."""


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The document."""
    found = list(operations)
    types = [one for each in found for one in (each.body, each.answer) if one is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    shown = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for each in found:
        body = next(shown) if each.body is not None else None
        answer = next(shown) if each.answer is not None else None
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, body, answer)
    components["Problem"] = {
        "type": "object",
        "properties": {
            "type": {"type": "string"}, "status": {"type": "integer"},
            "code": {"type": "string"}, "detail": {"type": "string"},
        },
        "required": ["type", "status", "code", "detail"],
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "Merpati", "version": version, "description": ABOUT},
        "servers": [{"url": PREFIX}],
        "security": [{"bearer": []}],
        "tags": [{"name": topic} for topic in dict.fromkeys(one.topic for one in found)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    one: Operation, body: Mapping[str, Any] | None, answer: Mapping[str, Any] | None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.text,
        "tags": [one.topic],
        "x-who": who(one),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(one.path)
        ]
        + _query(one.query),
        "responses": {},
    }
    if one.who is Who.ANYONE:
        described["security"] = []
    if body is not None:
        described["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": body}},
        }  # fmt: skip
    told: dict[str, Any] = {"description": one.text}
    if answer is not None:
        told["content"] = {"application/json": {"schema": answer}}
    described["responses"][str(one.status if answer is not None else 204)] = told
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    for status, text in _FAULTS.items():
        described["responses"][status] = {"description": text, "content": problem}
    return described


def who(one: Operation) -> str:
    """Who may call it, in words."""
    match one.who:
        case Who.ANYONE:
            return "anyone"
        case Who.USER:
            return "whoever has signed in, for what is their own"
        case Who.DELEGATE:
            assert one.right is not None
            return f"administrators, and whoever has the right {one.right.value} in the domain"
        case _:
            return "administrators"


def _query(struct: type | None) -> list[dict[str, Any]]:
    if struct is None:
        return []
    found = []
    for field in msgspec.structs.fields(struct):
        schema = msgspec.json.schema(field.type)
        if field.default is not NODEFAULT and field.default is not UNSET:
            schema["default"] = msgspec.to_builtins(field.default)
        found.append({
            "name": field.encode_name, "in": "query", "required": field.required,
            "schema": schema,
        })  # fmt: skip
    return found

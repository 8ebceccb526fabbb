"""The page of the API in the reference, from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from merpati import __version__
from merpati.servers.api import openapi
from merpati.servers.api.operations import OPERATIONS


def reference() -> str:
    """Every operation by topic, then every object."""
    told = openapi.document(OPERATIONS, __version__)
    parts = [
        "# The HTTP API\n\nMade from the sources by `tools/reference.py`: run `make reference`"
        " after a change.\n\n" + openapi.ABOUT + "\n\nAll addresses are below `/api/v1`; the same"
        " as an OpenAPI 3.1 document is at\n`/api/v1/openapi.json`. How to use it is told in the"
        " [guide](../guide/administration.md).\nSigning in is described in"
        " [its own page](http-sign-in.md).\n"
    ]
    for topic in (one["name"] for one in told["tags"]):
        parts.append(f"## {topic.capitalize()}\n")
        for path, methods in told["paths"].items():
            parts += [
                _operation(method.upper(), path, one)
                for method, one in methods.items()
                if topic in one["tags"]
            ]
    parts.append("## Objects\n")
    parts += [
        _object(name, schema) for name, schema in sorted(told["components"]["schemas"].items())
    ]
    return "\n".join(parts)


def _operation(method: str, path: str, one: dict[str, Any]) -> str:
    lines = [f"### {method} {path}\n", one["summary"], "", f"For {one['x-who']}.", ""]
    given = [each for each in one["parameters"] if each["in"] == "query"]
    if given:
        names = ", ".join(f"`{each['name']}` ({_type(each['schema'])})" for each in given)
        lines.append(f"- Query: {names}")
    if "requestBody" in one:
        schema = one["requestBody"]["content"]["application/json"]["schema"]
        lines.append(f"- Body: {_type(schema)}")
    for status, answer in one["responses"].items():
        if status.startswith("2"):
            content = answer.get("content")
            what = _type(content["application/json"]["schema"]) if content else "nothing"
            lines.append(f"- Answer: {status}, {what}")
    return "\n".join(lines) + "\n"


def _object(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if text := schema.get("description"):
        lines += [str(text).strip().replace("\n", " ").replace("|", "\\|"), ""]
    if "properties" not in schema:
        return "\n".join([*lines, _type(schema)]) + "\n"
    lines += ["| field | type | default | |", "| --- | --- | --- | --- |"]
    required = schema.get("required", [])
    for field, each in schema["properties"].items():
        default = "required" if field in required else ""
        if "default" in each:
            default = f"`{each['default']!r}`" if each["default"] != "" else '`""`'
        note = str(each.get("description", ""))
        lines.append(f"| `{field}` | {_type(each)} | {default} | {note} |")
    return "\n".join(lines) + "\n"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" if one != "" else '`""`' for one in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return kind

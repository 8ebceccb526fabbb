"""Every case of the OpenSPF suite for RFC 7208 (tests/corpora/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from merpati.wire.spf.check import check_sender
from tests.support.zone import Zone

FILE: Final = Path(__file__).parents[2] / "corpora" / "spf" / "rfc7208-tests.json"
GROUPS: Final[list[dict[str, Any]]] = json.loads(FILE.read_text())
CASES: Final = [
    pytest.param(group, case, id=f"{group['description']}: {name}")
    for group in GROUPS
    for name, case in group["tests"].items()
]
TYPES: Final = ("A", "AAAA", "MX", "TXT", "PTR", "CNAME")


def read_zone(data: dict[str, list[Any]]) -> Zone:
    """The suite's zone. What it lists as SPF (type 99) is TXT too, unless there is TXT.

    A name with TIMEOUT cannot be asked for what it does not list; TXT: NONE forbids the copy.
    """
    zone = Zone({})
    for name, entries in data.items():
        records: dict[str, list[str | bytes]] = {}
        for entry in entries:
            if isinstance(entry, dict):
                for kind, value in entry.items():
                    records.setdefault(kind, []).append(read_value(kind, value))
        policies = records.pop("SPF", [])
        records.setdefault("TXT", policies)
        if b"NONE" in records["TXT"]:
            records["TXT"] = []
        for kind, values in records.items():
            zone.set(name, kind, *values)
        if "TIMEOUT" in entries:
            listed = {kind for kind, values in records.items() if values}
            zone.failing.update(f"{name.lower()} {kind}" for kind in TYPES if kind not in listed)
    return zone


def read_value(kind: str, value: Any) -> str | bytes:
    if kind in {"TXT", "SPF"}:
        text = "".join(value) if isinstance(value, list) else value
        return text.encode("latin-1")
    if kind == "MX":
        return f"{value[0]} {value[1] or '.'}"
    return str(value)


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 203


@pytest.mark.parametrize(("group", "case"), CASES)
def test_openspf(group: dict[str, Any], case: dict[str, Any]) -> None:
    zone = read_zone(group["zonedata"])
    asking = check_sender(
        case["host"], case["mailfrom"], case["helo"], receiver="receiver.example", now=1
    )
    result = zone.answer(asking)
    wanted = case["result"]
    assert result.verdict.value in ([wanted] if isinstance(wanted, str) else wanted), result
    assert result.reason
    if "explanation" in case:
        explanation = case["explanation"]
        assert result.explanation == ("" if explanation == "DEFAULT" else explanation)

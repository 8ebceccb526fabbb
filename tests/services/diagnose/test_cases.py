"""Wrong configurations, each with the sentences a person gets: tests/corpora/doctor.

A case is the sound installation of `sound.toml` with something changed: records of the zone
(an empty list takes them away), names whose look-up fails, what was gathered, what of it
could not be (`unknown`), or the MTA-STS policy that others fetch (`served`). `wanted` lists
all findings but those that say that all is well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.dns import Resolver
from merpati.services.diagnose import doctor
from merpati.services.diagnose.findings import Finding, Machine, Severity
from merpati.services.diagnose.local import Local
from merpati.services.diagnose.publish import Home, quote
from merpati.wire.mta_sts import Policy
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer, Trouble

FOLDER: Final = Path(__file__).parents[2] / "corpora" / "doctor"
SOUND: Final = "sound.toml"
CASES: Final = sorted(file.name for file in FOLDER.glob("*.toml") if file.name != SOUND)


@cache
def read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text())


def merged(sound: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """The sound installation with the case's changes; lists are replaced whole."""
    found = dict(sound)
    for key, value in case.items():
        old = found.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        found[key] = merged(old, value) if both and old is not None else value
    return found


def zone(records: Mapping[str, Mapping[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """The form of DnsServer: TXT in quotes; what was taken away is left out."""
    return {
        name: {
            kind: [quote(value) if kind == "TXT" else value for value in values]
            for kind, values in types.items()
            if values
        }
        for name, types in records.items()
    }


async def examine(case: dict[str, Any]) -> list[Finding]:
    whole = merged(read(SOUND), case)
    machine = msgspec.convert(whole["machine"], Machine)
    home = msgspec.convert(whole["home"], Home)
    known = {key: one for key, one in whole["local"].items() if key not in whole["unknown"]}
    local = msgspec.convert(known, Local)

    async def fetch(_: str) -> Policy:
        if whole["policy_failure"]:
            raise Fault(Kind.UNAVAILABLE, whole["policy_failure"])
        return msgspec.convert(whole.get("served", whole["home"]["policy"]), Policy)

    async with DnsServer(zone(whole["zone"])) as server:
        server.authentic = whole["authentic"]
        for name in whole["failing"]:
            server.trouble(name, Trouble.SERVFAIL)
        resolver = Resolver([server.nameserver], FakeClock(), attempts=1)
        try:
            found = await doctor.examine_machine(machine, local, resolver)
            if not local.resolver:
                found += await doctor.examine_domain(home, machine, resolver, fetch)
            return found
        finally:
            await resolver.close()


async def test_a_sound_installation_has_nothing_to_mend() -> None:
    found = await examine({})
    assert [one for one in found if one.severity is not Severity.OK] == []
    checks = {one.check for one in found}
    assert checks >= {"host", "ptr", "mx", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt", "dane"}
    assert checks >= {"srv", "caa", "block-list", "clock", "disk", "certificate", "port-25"}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_wrong_is_told_in_these_words(name: str) -> None:
    case = read(name)
    wanted = [msgspec.convert(one, Finding) for one in case["wanted"]]
    found = [one for one in await examine(case) if one.severity is not Severity.OK]
    assert found == wanted


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 30

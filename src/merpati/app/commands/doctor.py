"""See whether the world sees this server as it should: DNS, ports, certificates, clock, disks.

Each finding says what is wrong, why it matters, and what to type. Without DOMAIN, every domain
of this installation is looked at. The exit status is 1 when there is a problem.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

from merpati.app import examining, language
from merpati.app.cli import DONE, FAILED
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.services.diagnose.findings import Finding, Severity
from merpati.store import directory

MARKS: Final = {Severity.OK: "ok", Severity.WARNING: "warning", Severity.PROBLEM: "PROBLEM"}
MARK_WIDTH: Final = max(map(len, MARKS.values()))


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati doctor [DOMAIN ...]`."""
    parser.add_argument("domain", nargs="*", help="all domains served here when not given")
    parser.add_argument("--quiet", "-q", action="store_true", help="only what is to be mended")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return session.with_session(args, lambda one: _doctor(one, args))


async def _doctor(one: Session, args: argparse.Namespace) -> int:
    names = args.domain or [found.name for found in await one.store.read(directory.domains)]
    found = await examining.examine(one, names)
    if args.json:
        session.print_json(_plain(found))
    else:
        for line in tell(found, quiet=args.quiet):
            say(line)
    return FAILED if _count(found, Severity.PROBLEM) else DONE


def tell(found: dict[str, list[Finding]], *, quiet: bool = False) -> list[str]:
    """The findings for people, by machine and domain."""
    lines: list[str] = []
    heads = [language.tell("Why:"), language.tell("Do:")]
    head_width = max(map(len, heads))
    for subject, findings in found.items():
        shown = [one for one in findings if not quiet or one.severity is not Severity.OK]
        if not shown:
            continue
        lines += ["", subject] if lines else [subject]
        width = max(len(one.check) for one in shown)
        for one in shown:
            mark = language.tell(MARKS[one.severity])
            lead = f"  {mark:{MARK_WIDTH}}  {one.check:{width}}  "
            lines.append(lead + language.tell(one.what))
            if one.severity is not Severity.OK:
                indent = " " * len(lead)
                lines += [
                    f"{indent}{head:{head_width}} {language.tell(text)}"
                    for head, text in zip(heads, (one.why, one.do), strict=True)
                ]
    lines += [""] if lines else []
    return [*lines, language.tell(_summary(found))]


def _summary(found: dict[str, list[Finding]]) -> str:
    problems, warnings = (_count(found, one) for one in (Severity.PROBLEM, Severity.WARNING))
    if not problems and not warnings:
        return "All is well."
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return " and ".join(parts) + "."


def _count(found: dict[str, list[Finding]], severity: Severity) -> int:
    return sum(one.severity is severity for findings in found.values() for one in findings)


def _plain(found: dict[str, list[Finding]]) -> dict[str, Any]:
    return {
        "problems": _count(found, Severity.PROBLEM),
        "warnings": _count(found, Severity.WARNING),
        "findings": [
            {
                "subject": subject,
                "check": one.check,
                "severity": one.severity.value,
                "what": one.what,
                "why": one.why,
                "do": one.do,
            }
            for subject, findings in found.items()
            for one in findings
        ],
    }

"""Scripts as their owners store them: compiled at once, so that a wrong one is never kept.

What is wrong is told with line and column. What is merely odd is a warning, and stored.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import SyntaxFault
from merpati.base.settings import setting
from merpati.store import mailboxes, sieve
from merpati.store.engine import Store, Transaction
from merpati.wire.sieve import checks, compiler, program
from merpati.wire.sieve.program import Program
from merpati.wire.sieve.vocabulary import EXTENSIONS as KNOWN

EXTENSIONS: Final = tuple(sorted(KNOWN))
NOTIFY_METHODS: Final = ("mailto",)

AT_ONCE: Final = 16 * 1024  # bytes of a script that are compiled on the event loop
WARNINGS_MAX: Final = 20
FIELD_TESTS: Final = frozenset({"address", "date", "exists", "header"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SieveSettings:
    """What the scripts of users may do."""

    redirects: int = setting(4, "Addresses that one script may send one message on to.", maximum=50)
    letters: int = setting(
        4, "Answers and notifications that one script may send for one message.", maximum=50
    )
    answer_again: int = setting(
        60,
        "Do not answer the same sender again sooner than this, whatever a script says.",
        unit="s",
    )
    remember: int = setting(
        604_800, "How long scripts remember which messages they have seen.", unit="s"
    )


class Scripts:
    """Stores and checks scripts for every way in: ManageSieve, the command line."""

    def __init__(self, store: Store, clock: Clock, settings: SieveSettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self.settings: Final = settings or SieveSettings()

    async def check(self, source: bytes, account_id: int = 0) -> str:
        """What is odd about a script, in lines; empty: nothing.

        Raises:
            SieveFault: what is wrong with it.
        """
        compiled = await compiled_from(source)
        if not account_id:
            return ""
        return await self._store.read(_warnings, account_id, compiled)

    async def put(self, account_id: int, name: str, source: bytes) -> str:
        """Store a script, in the place of one with its name; gives warnings as `check`.

        Raises:
            SieveFault: what is wrong with it; nothing is stored then.
            Fault: TOO_LARGE, TOO_MANY, OVER_QUOTA.
        """
        await self._store.read(sieve.have_space, account_id, name, len(source))
        compiled = await compiled_from(source)
        data = program.encode(compiled)
        now = int(self._clock.now() * 1000)
        return await self._store.write(_put, account_id, name, source, data, now, compiled)


async def _put(
    tx: Transaction, account_id: int, name: str, source: bytes, data: bytes, now: int,
    compiled: Program,
) -> str:  # fmt: skip
    await sieve.put(tx, account_id, name, source, data, now)
    return await _warnings(tx, account_id, compiled)


async def compiled_from(source: bytes) -> Program:
    """A script's program; a long one is compiled in a thread. Raises SieveFault."""
    if len(source) <= AT_ONCE:
        return compiler.compile_script(source)
    return await asyncio.to_thread(compiler.compile_script, source)


async def loaded(source: bytes, data: bytes) -> Program:
    """A program as it was stored, or compiled anew after a change of release.

    Raises:
        SieveFault: this release finds the script wrong.
    """
    try:
        return program.decode(data)
    except SyntaxFault:
        return await compiled_from(source)


async def _warnings(tx: Transaction, account_id: int, compiled: Program) -> str:
    """What will never be: fields without a valid name, and mailboxes that nobody has."""
    if account_id == sieve.GLOBAL:
        return ""
    found = _nameless_fields(compiled)
    for step in compiled.steps:
        if step.name != "fileinto" or {"create", "specialuse", "mailboxid"} & step.tags.keys():
            continue
        names = step.arguments[0] if step.arguments else 0
        name = names[0] if isinstance(names, list) and names else None
        if isinstance(name, str) and await mailboxes.find(tx, account_id, name) is None:
            found.append(
                f'line {step.line}: there is no mailbox "{name}"; until there is, the mail is kept'
                " in INBOX"
            )
        if len(found) >= WARNINGS_MAX:
            break
    return "\r\n".join(found[:WARNINGS_MAX])


def _nameless_fields(compiled: Program) -> list[str]:
    """Tests of fields that cannot be: no error, says RFC 5228 2.4.2.2, but hardly meant."""
    found: list[str] = []
    for step in compiled.steps:
        names = step.arguments[0] if step.name in FIELD_TESTS else 0
        found += [
            f"line {step.line}: {name[:40]!r} is no name of a header field; the test finds none"
            for name in (names if isinstance(names, list) else ())
            if isinstance(name, str) and not checks.is_field_name(name)
        ]
    return found

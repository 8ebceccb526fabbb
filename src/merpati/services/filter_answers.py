"""What a running Sieve script asks, answered from the store.

Questions come one after another, each in a read of its own: what was true when a script
asked may be otherwise when its actions are carried out, and those look again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

import msgspec

from merpati.base.faults import Fault
from merpati.model import object_ids, rights
from merpati.services.correspondents import Correspondents
from merpati.store import directory, mailboxes, metadata, places, sieve
from merpati.store.engine import Store, Transaction
from merpati.store.sieve import Memory
from merpati.wire.sieve import questions
from merpati.wire.sieve.program import Program

COLLEAGUES: Final = "urn:merpati:list:colleagues"  # the addresses of all accounts here
ADDRESS_BOOK: Final = "urn:ietf:params:sieve:addrbook:default"  # RFC 6134 2.4: who one writes to
LISTS: Final = frozenset({COLLEAGUES, ADDRESS_BOOK})
SHORT: Final = "urn:ietf:params:sieve:"  # what ":" at the start of a list's name stands for
NOT_LOOKED_FOR: Final = 0  # RFC 5235 3.2


Load = Callable[[bytes, bytes], Awaitable[Program]]
"""Makes a program of a stored script and its stored program; raises SieveFault."""


def list_name(text: str) -> str:
    """The URI that names a list; all ways to write the default address book are one (RFC 6134 2.5).

    The case of other names stays.
    """
    name = unquote(SHORT + text[1:] if text.startswith(":") else text)
    return ADDRESS_BOOK if name.lower() == ADDRESS_BOOK else name


class Surroundings(msgspec.Struct, frozen=True):
    """Where and for whom a script runs.

    Attributes:
        account_id: Whose script.
        now: Unix milliseconds.
        items: Of the test `environment` (RFC 5183).
        score: How certain it is that the message is spam, 0 to 100; None: nobody looked.
    """

    account_id: int
    now: int
    items: Mapping[str, str]
    score: float | None = None


class Answers:
    """Answers the questions of one worker's scripts."""

    def __init__(self, store: Store, load: Load) -> None:
        self._store = store
        self._load = load
        self._correspondents = Correspondents(store)

    async def answer(self, question: questions.Question, around: Surroundings) -> object:
        """What a question's docstring wants."""
        match question:
            case questions.EnvironmentItem(name):
                return around.items.get(name.lower())
            case questions.SpamScore():
                return around.score
            case questions.VirusScore():
                return NOT_LOOKED_FOR
            case questions.MethodCapability():
                return None
            case questions.MethodsValid(methods):
                return not methods
            case questions.ListsExist(names):
                return all(name in LISTS for name in map(list_name, names))
            case questions.InLists(names, values):
                return await self._in_lists(around.account_id, names, values)
            case questions.Script(name, location):
                return await self._script(around.account_id, name, location)
        return await self._store.read(_stored, question, around)

    async def _in_lists(
        self, account_id: int, names: Sequence[str], values: Sequence[str]
    ) -> str | None:
        found: str | None = None
        for name in map(list_name, names):
            if name == COLLEAGUES:
                found = await self._store.read(_colleague, values)
            elif name == ADDRESS_BOOK:
                found = await self._correspondents.first(account_id, values)
            if found is not None:
                break
        return found

    async def _script(self, account_id: int, name: str, location: str) -> Program | None:
        owner = sieve.GLOBAL if location == "global" else account_id
        try:
            source, program = await self._store.read(sieve.texts, owner, name)
            return await self._load(source, program)
        except Fault:  # there is none, or none that can run
            return None


async def _stored(tx: Transaction, question: questions.Question, around: Surroundings) -> object:
    """Questions about mailboxes and what is remembered."""
    owner = around.account_id
    match question:
        case questions.MailboxExists(names):
            for name in names:
                place = await places.find(tx, owner, name)
                if place is None or rights.without(rights.INSERT, place.rights):
                    return False
            return True
        case questions.MailboxIdExists(ids):
            for each in ids:
                number = object_ids.read_mailbox(each)
                if not number or await mailboxes.counters(tx, owner, number) is None:
                    return False
            return True
        case questions.SpecialUseExists(uses, name):
            return await _has_uses(tx, owner, uses, name)
        case questions.Duplicate(handle, unique_id):
            words = (handle, unique_id)
            return await sieve.remembers(tx, owner, Memory.SEEN, words, around.now)
        case questions.Metadata(name, annotation):
            return await _annotation(tx, owner, name, annotation.lower())
    return None


async def _annotation(tx: Transaction, user_id: int, name: str | None, entry: str) -> str | None:
    """RFC 5490 3.3 and 4.1: what this user would read by METADATA."""
    if not entry.startswith((metadata.PRIVATE + "/", metadata.SHARED + "/")):
        return None
    mailbox = metadata.SERVER
    if name is not None:
        place = await places.find(tx, user_id, name)
        if place is None or rights.without(rights.READ, place.rights):
            return None
        mailbox = (place.account_id, place.mailbox.id)
    found = await metadata.find(tx, mailbox, user_id, entry)
    return bytes(found[0][1]).decode("utf-8", "replace") if found else None


async def _has_uses(
    tx: Transaction, account_id: int, uses: Sequence[str], name: str | None
) -> bool:
    roles = [use.removeprefix("\\").lower() for use in uses]
    if name is None:
        for role in roles:
            if await mailboxes.by_role(tx, account_id, role) is None:
                return False
        return True
    found = await mailboxes.find(tx, account_id, name)
    return found is not None and all(role == found.role for role in roles)


async def _colleague(tx: Transaction, values: Sequence[str]) -> str | None:
    for value in values:
        if value.count("@") == 1:
            account = await directory.find_account(tx, value)
            if account is not None and not account.disabled:
                return value
    return None

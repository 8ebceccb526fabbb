"""Sieve for what people do in their mailboxes (RFC 6785): scripts on APPEND, COPY and flags.

An annotation of a mailbox names the script that runs when mail comes into it other than by
delivery, or when flags change there: `/private/imapsieve/script` one of the user's own,
`/shared/imapsieve/script` one of whoever owns the mailbox; that of the server, one of those
for everybody. They run after the act, and before it is answered. What goes wrong in them
changes nothing.

Few mailboxes have such scripts. Whether any has is asked every few seconds, and where the
answer is no, an act costs nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.model.account import Account
from merpati.model.message import Digest
from merpati.services.digest import Digester
from merpati.services.filing import Decision, Filer, Version
from merpati.services.filter import Filter
from merpati.services.filter_answers import Surroundings
from merpati.services.filter_outcome import Outcomes, Subject, keywords
from merpati.services.scripts import loaded
from merpati.store import blobs, directory, email_keywords, emails, events, metadata, places, sieve
from merpati.store.blobs import BlobStore, Stored
from merpati.store.engine import Store, Transaction
from merpati.store.places import Place
from merpati.wire import list_headers
from merpati.wire.mime import tree
from merpati.wire.sieve import actions
from merpati.wire.sieve.actions import Outcome
from merpati.wire.sieve.message import Envelope, Message
from merpati.wire.sieve.program import Program

ENTRY: Final = "/imapsieve/script"
ASKED_EVERY: Final = 5.0  # seconds between two looks whether there are such scripts at all
MESSAGES_MAX: Final = 1000  # of one act
NOT_HERE: Final = (actions.Reject, actions.Vacation)  # RFC 6785 4: there is nobody to answer
_COLUMNS: Final = ("uid", "blob_id", "size", "location", "encoding", "data", "structure")


class Cause(Enum):
    """What was done (RFC 6785 3.2)."""

    APPEND = "APPEND"
    COPY = "COPY"
    FLAG = "FLAG"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What a user did in a mailbox.

    Attributes:
        user_id: Who.
        path: The mailbox, as the user names it; with an owner, as its owner does.
        owner_id: Whose the mailbox is; 0: the path says so.
        uids: Of the messages there.
        flags: IMAP flags that were changed.
    """

    cause: Cause
    user_id: int
    path: str
    uids: Sequence[int]
    owner_id: int = 0
    flags: tuple[str, ...] = ()


class ImapEvents:
    """Runs the scripts of one worker's acts."""

    def __init__(
        self, store: Store, blob_store: BlobStore, one: Filter, outcomes: Outcomes, filer: Filer,
        digester: Digester, clock: Clock, ids: Ids, log: Log,
    ) -> None:  # fmt: skip
        self._store = store
        self._blobs = blob_store
        self._filter = one
        self._outcomes = outcomes
        self._filer = filer
        self._digester = digester
        self._clock = clock
        self._ids = ids
        self._log = log
        self._any = False
        self._asked_at = float("-inf")

    @property
    def idle(self) -> bool:
        """Whether there were no scripts a moment ago, so that nobody is to be told of an act."""
        return not self._any and self._clock.monotonic() - self._asked_at < ASKED_EVERY

    async def happened(self, act: Act) -> bool:
        """Run what is to run for an act; whether anything did. Never raises a Fault."""
        now = self._clock.monotonic()
        if now - self._asked_at >= ASKED_EVERY:
            self._any = await self._store.read(_any)
            self._asked_at = now
        if not self._any:
            return False
        try:
            return await self._run(act)
        except Fault as fault:
            self._log.warning("sieve.event", account=act.user_id, problem=fault.text)
            return False

    async def _run(self, act: Act) -> bool:
        found = await self._store.read(_script_of, act)
        if found is None:
            return False
        place, account, addresses, name, source, data = found
        program = await loaded(source, data)
        for uid in act.uids[:MESSAGES_MAX]:
            rows = await self._store.read(
                emails.fetch, place.account_id, place.mailbox.id, [uid], _COLUMNS
            )
            if rows:
                await self._on(act, place, account, addresses, name, program, rows[0])
        return True

    async def _on(
        self, act: Act, place: Place, account: Account, addresses: frozenset[str], name: str,
        program: Program, row: tuple[Any, ...],
    ) -> None:  # fmt: skip
        uid, blob_id, size, location, encoding, data, structure = row
        content = self._blobs.read(Stored(blob_id, size, location, encoding, data or b""))
        root = tree.decode(structure) if structure else tree.parse(content)
        now = int(self._clock.now() * 1000)
        items = {
            **self._filter.environment(), "location": "MS", "phase": "post",
            "imap.user": account.address, "imap.email": account.address,
            "imap.cause": act.cause.value, "imap.mailbox": act.path,
            "imap.changedflags": " ".join(act.flags),
        }  # fmt: skip
        envelope = Envelope(
            sender=None, recipient=None, owner=account.address,
            now=datetime.fromtimestamp(now / 1000, UTC).astimezone(),
        )  # fmt: skip
        around = Surroundings(act.user_id, now, items)
        outcome = await self._filter.run(program, Message(content, root), envelope, around)
        if outcome.fault is not None or any(isinstance(one, NOT_HERE) for one in outcome.actions):
            text = outcome.fault.text if outcome.fault is not None else "it answers nobody here"
            self._log.warning("sieve.event", account=act.user_id, script=name, problem=text)
            return
        keep, others = _kept(outcome, act.path)
        subject = Subject(
            trace=self._ids.trace(), account=account, addresses=addresses, sender="",
            recipient=account.address, content=content, facts=list_headers.read(content), root=root,
            script=name, role="", now=now,
        )  # fmt: skip
        decision = await self._outcomes.decision(subject, others, None)
        found = await self._digester.digest(content, now)
        unused = await self._store.write(
            self._carry_out, place, subject.trace, decision, uid, blob_id, found, keep, now
        )
        for each in unused:
            self._blobs.remove(each)

    async def _carry_out(
        self, tx: Transaction, place: Place, trace: str, decision: Decision, uid: int, blob_id: int,
        found: Digest, keep: actions.Keep | None, now: int,
    ) -> list[str]:  # fmt: skip
        """Copies first; then the message itself stays, with other flags, or goes."""
        body = await blobs.body(tx, blob_id)
        if body is None:
            return []
        unused: list[str] = []
        if decision.filings or decision.sendings or decision.seen:
            done = await self._filer.carry_out(tx, trace, decision, Version(body, found), now)
            await events.record(tx, done.steps)
            unused = done.unused
            if done.refused:
                return unused
        if keep is None:
            await emails.remove(tx, place.account_id, place.mailbox.id, [uid], now)
        elif keep.flags is not None:
            await email_keywords.change(
                tx, place.account_id, place.mailbox.id, [uid], email_keywords.Change.SET,
                frozenset(keywords(keep.flags).split()),
            )  # fmt: skip
        return unused


def _kept(outcome: Outcome, path: str) -> tuple[actions.Keep | None, Outcome]:
    """The keep that lets a message stay as it is, if any, and the other actions.

    An edited message takes the place of the one that there was (RFC 6785 4.5).
    """
    keep: actions.Keep | None = None
    others: list[actions.Action] = []
    for one in outcome.actions:
        if isinstance(one, actions.Keep) and not one.edition:
            keep = one
        elif isinstance(one, actions.Keep):
            others.append(actions.FileInto(path, one.flags, edition=one.edition, line=one.line))
        else:
            others.append(one)
    return keep, msgspec.structs.replace(outcome, actions=tuple(others))


async def _any(tx: Transaction) -> bool:
    # ENTRY as a literal, not as a parameter: only so is the small index used.
    row = await tx.row("SELECT 1 FROM annotation WHERE name = '/imapsieve/script' LIMIT 1")
    return row is not None


async def _script_of(
    tx: Transaction, act: Act
) -> tuple[Place, Account, frozenset[str], str, bytes, bytes] | None:
    """Who acts, and the script that is to run: the user's, the mailbox's, the server's."""
    path = act.path
    if act.owner_id:
        path = await places.prefix(tx, act.user_id, act.owner_id) + path
    place = await places.find(tx, act.user_id, path)
    if place is None:
        return None
    mailbox = (place.account_id, place.mailbox.id)
    choices = (
        (mailbox, metadata.PRIVATE + ENTRY, act.user_id),
        (mailbox, metadata.SHARED + ENTRY, place.account_id),
        (metadata.SERVER, metadata.SHARED + ENTRY, sieve.GLOBAL),
    )
    for where, entry, owner in choices:
        found = await metadata.find(tx, where, act.user_id, entry)
        if not found:
            continue
        name = bytes(found[0][1]).decode("utf-8", "replace")
        account = await directory.account_by_id(tx, act.user_id)
        if account is None or await sieve.find(tx, owner, name) is None:
            return None
        addresses = frozenset(await directory.addresses(tx, act.user_id))
        return place, account, addresses, name, *await sieve.texts(tx, owner, name)
    return None

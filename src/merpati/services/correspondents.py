"""Whom somebody writes to: for programs that complete addresses, and as scripts' address book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.store import correspondents, emails, mailboxes
from merpati.store.correspondents import Correspondent
from merpati.store.engine import Row, Store, Transaction
from merpati.wire.imap import prepared
from merpati.wire.mime import words

TOLD: Final = 2000  # correspondents told at once
FIRST: Final = 5000  # UIDs of sent mail that are read the first time
AT_ONCE: Final = 500  # letters of one transaction
PER_LETTER: Final = 100  # recipients; a letter to more tells of a mailing, not of people
NAME_MAX: Final = 200  # characters
ADDRESS_MAX: Final = 320  # characters


class Correspondents:
    """Reads an account's sent mail as far as that has not been done."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, account_id: int) -> list[Correspondent]:
        """Those an account wrote to last, the latest first."""
        await self._catch_up(account_id)
        return await self._store.read(correspondents.listing, account_id, TOLD)

    async def first(self, account_id: int, addresses: Sequence[str]) -> str | None:
        """The first of these that an account has written to."""
        await self._catch_up(account_id)
        return await self._store.read(correspondents.first, account_id, addresses)

    async def forget(self, account_id: int, address: str) -> bool:
        """Forget somebody until they are written to again; False when they were not known."""
        return await self._store.write(correspondents.forget, account_id, address)

    async def _catch_up(self, account_id: int) -> None:
        while await self._store.read(_is_behind, account_id):
            if not await self._store.write(_read_on, account_id):
                break


async def _is_behind(tx: Transaction, account_id: int) -> bool:
    """Whether there is sent mail that has not been read."""
    sent = await mailboxes.by_role(tx, account_id, "sent")
    if sent is None:
        return False
    box = await mailboxes.counters(tx, account_id, sent)
    done = await correspondents.read_up_to(tx, account_id, sent)
    return box is not None and done + 1 < box.uidnext


async def _read_on(tx: Transaction, account_id: int) -> bool:
    """Read the next letters; whether anything was done."""
    sent = await mailboxes.by_role(tx, account_id, "sent")
    box = None if sent is None else await mailboxes.counters(tx, account_id, sent)
    if sent is None or box is None:
        return False
    done = await correspondents.read_up_to(tx, account_id, sent)
    begin = max(done + 1, box.uidnext - FIRST)
    end = min(begin + AT_ONCE, box.uidnext)
    rows = await emails.fetch(
        tx, account_id, sent, range(begin, end), ("uid", "received_at", "keywords", "envelope")
    )
    await correspondents.count(tx, account_id, sent, end - 1, met(rows))
    return True


def met(rows: Iterable[Row]) -> list[Correspondent]:
    """The recipients of letters: rows of UID, Unix milliseconds, keywords, prepared envelope."""
    found: dict[str, Correspondent] = {}
    for _, at, keywords, envelope in rows:
        if "$draft" in keywords.split():
            continue
        try:
            letter = prepared.read(envelope or b"")
        except SyntaxFault:
            continue
        people = [one for one in (*letter.to, *letter.cc, *letter.bcc) if one.mailbox and one.host]
        if len(people) > PER_LETTER:
            continue
        for one in people:
            email = f"{_text(one.mailbox)}@{_text(one.host)}".lower()
            if len(email) > ADDRESS_MAX:
                continue
            name = _name(one.name, email)
            before = found.get(email)
            if before is None:
                found[email] = Correspondent(email, name, 1, at)
            else:
                name = name if name and (at >= before.last_at or not before.name) else before.name
                last_at = max(at, before.last_at)
                found[email] = Correspondent(email, name, before.letters + 1, last_at)
    return sorted(found.values(), key=lambda one: one.email)


def _name(name: bytes | None, email: str) -> str:
    text = words.decode(name)[:NAME_MAX].strip() if name else ""
    return "" if text.lower() == email else text


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode("utf-8", "replace")

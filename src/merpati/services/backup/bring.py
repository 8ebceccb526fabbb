"""Bringing one account, or one of its mailboxes, from a snapshot back into the living server.

Nothing comes twice. An email is left out when its mailbox has it; and also when another mailbox
has it that had it not then, for somebody has moved it: unless that is the Trash. An account that
is gone is made anew, with the password, addresses and settings that it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.mailbox import SEPARATOR, Mailbox
from merpati.services.backup import snapshot
from merpati.services.backup.snapshot import Snapshot
from merpati.services.moving.intake import Incoming, Intake, Report
from merpati.store import directory, mailboxes
from merpati.store.backup import rows, settle
from merpati.store.backup.repository import Repository
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Transaction

# What an account has of its own, for one that is made anew: rows under its id.
SETTINGS: Final = (
    "sieve_script", "sieve_state", "auto_reply", "identity", "subscription", "forward"
)  # fmt: skip
_DEPTH: Final = 100

Progress = Callable[[str, int], None]  # mailbox, and how many emails more are done


class Kept(msgspec.Struct, frozen=True):
    """A mailbox of a snapshot: where it was, its role, how many emails it had."""

    id: int
    path: str
    role: str
    total: int


class Brought(msgspec.Struct):
    """What came back."""

    report: Report
    made: bool = False  # the account was gone
    there: int = 0  # emails that are here already


class _Email(msgspec.Struct, frozen=True):
    mailbox_id: int
    digest: bytes
    received_at: int
    keywords: str


class Bringing:
    """Brings back from one snapshot."""

    def __init__(
        self, repository: Repository, found: Snapshot, store: Store, blob_store: BlobStore,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._repository = repository
        self._snapshot = found
        self._store = store
        self._blobs = blob_store
        self._clock = clock

    def mailboxes(self, address: str) -> list[Kept]:
        """What the snapshot has of an account, by path. Raises Fault NOT_FOUND."""
        return self._mailboxes(self._account(address)["id"])

    async def bring(
        self, address: str, *, mailbox: str = "", dry_run: bool = False,
        ignore_quota: bool = False, progress: Progress | None = None,
    ) -> Brought:  # fmt: skip
        """Bring back an account, or a mailbox and those below it.

        Raises:
            Fault: NOT_FOUND when the snapshot has no such account or mailbox; OVER_QUOTA,
                NO_SPACE, UNAVAILABLE, and what came before that stays.
        """
        old = self._account(address)
        wanted = [
            one
            for one in self._mailboxes(old["id"])
            if not mailbox or one.path == mailbox or one.path.startswith(mailbox + SEPARATOR)
        ]
        if not wanted:
            text = f"{address} had no mailbox {mailbox} in the snapshot {self._snapshot.name}"
            raise Fault(Kind.NOT_FOUND, text)
        result = Brought(Report())
        account = await self._store.read(directory.find_account, address)
        if account is None:
            result.made = True
            if dry_run:
                result.report.found = result.report.added = sum(one.total for one in wanted)
                return result
            account = await self._store.write(self._make, old, address)
        emails = self._emails(old["id"])
        await self._fill(account.id, wanted, emails, result, Intake(
            self._store, self._blobs, self._clock, account.id, ignore_quota=ignore_quota,
            dry_run=dry_run, tracked=False, progress=progress, report=result.report,
        ))  # fmt: skip
        return result

    async def _fill(
        self, account_id: int, wanted: Sequence[Kept], emails: Sequence[_Email], result: Brought,
        intake: Intake,
    ) -> None:  # fmt: skip
        targets: dict[int, Mailbox | None] = {}
        for one in wanted:
            targets[one.id] = await intake.mailbox(one.path, one.role)
        paths = {one.id: one.path for one in self._mailboxes_known}
        then = {(one.digest, paths.get(one.mailbox_id, "")) for one in emails}
        here, elsewhere = await self._present(account_id, then)
        for one in wanted:
            target = targets[one.id]
            taken = Counter(here.get(target.id, ()) if target is not None else ())
            fresh = []
            for email in emails:
                if email.mailbox_id != one.id:
                    continue
                if taken[email.digest] > 0:
                    taken[email.digest] -= 1
                elif email.digest not in elsewhere:
                    fresh.append(email)
                    continue
                result.there += 1
            await intake.take(one.path, target, self._incoming(one.path, fresh))

    async def _present(
        self, account_id: int, then: set[tuple[bytes, str]]
    ) -> tuple[dict[int, list[bytes]], set[bytes]]:
        """What mailboxes hold now; and what one holds that had it not then, but for the Trash."""
        found = {one.id: one for one in await self._store.read(mailboxes.listing, account_id)}
        here: dict[int, list[bytes]] = {}
        moved = set()
        for mailbox_id, digest in await self._store.scan(_digests, account_id):
            here.setdefault(mailbox_id, []).append(digest)
            box = found.get(mailbox_id)
            if box is not None and box.role != "trash" and (digest, box.name) not in then:
                moved.add(digest)
        return here, moved

    def _incoming(self, path: str, emails: Sequence[_Email]) -> Iterator[Incoming]:
        for number, one in enumerate(emails, 1):
            yield Incoming(
                f"{path} #{number}", partial(self._repository.pieces, one.digest),
                one.received_at, frozenset(one.keywords.split()),
            )  # fmt: skip

    # What the snapshot has

    def _rows(self, table: str, *, of: int | None = None) -> Iterator[dict[str, Any]]:
        return snapshot.dicts(self._repository, self._snapshot, table, of=of)

    def _account(self, address: str) -> dict[str, Any]:
        local, _, domain = address.lower().rpartition("@")
        domains = {one["name"]: one["id"] for one in self._rows("domain")}
        for one in self._rows("address", of=domains.get(domain, 0)):
            if one["local"] == local:
                return next(self._rows("account", of=one["account_id"]))
        text = f"there was no account {address} in the snapshot {self._snapshot.name}"
        raise Fault(Kind.NOT_FOUND, text)

    def _mailboxes(self, account_id: int) -> list[Kept]:
        found = {one["id"]: one for one in self._rows("mailbox", of=account_id)}

        def path(one: dict[str, Any]) -> str:
            levels = [one["name"]]
            while one["parent_id"] in found and len(levels) < _DEPTH:
                one = found[one["parent_id"]]
                levels.append(one["name"])
            return SEPARATOR.join(reversed(levels))

        kept = [Kept(one["id"], path(one), one["role"], one["total"]) for one in found.values()]
        self._mailboxes_known = sorted(kept, key=lambda one: one.path)
        return self._mailboxes_known

    def _emails(self, account_id: int) -> list[_Email]:
        """Every email of an account, in the order of mailboxes and UIDs."""
        found = [
            (one["mailbox_id"], one["blob_id"], one["received_at"], one["keywords"])
            for one in self._rows("mailbox_email", of=account_id)
        ]
        wanted = {blob_id for _, blob_id, _, _ in found}
        stored = self._snapshot.stored("blob")
        digests = _digests_of(self._repository, stored, wanted)
        return [
            _Email(mailbox_id, digests[blob_id], received_at, keywords)
            for mailbox_id, blob_id, received_at, keywords in found
            if blob_id in digests and self._repository.has(digests[blob_id])
        ]

    async def _make(self, tx: Transaction, old: dict[str, Any], address: str) -> Account:
        """The account anew, and its domain if that is gone, too."""
        now = int(self._clock.now() * 1000)
        domain = address.rpartition("@")[2]
        if await directory.home(tx, domain) is None:
            await directory.add_domain(tx, domain, now)
        account = await directory.add_account(
            tx, address, name=old["name"], password=old["password"], now=now,
            quota=old["quota"], language=old["language"],
        )  # fmt: skip
        # Ids of scripts and identities are modseqs; clients may know later ones.
        await tx.run(
            "UPDATE account SET modseq = $2 WHERE id = $1",
            account.id,
            old["modseq"] + settle.RESERVE,
        )
        domains = {one["id"]: one["name"] for one in self._rows("domain")}
        for one in self._rows("address"):
            other = f"{one['local']}@{domains.get(one['domain_id'], '')}"
            if one["account_id"] == old["id"] and await _is_free(tx, other):
                await directory.add_address(tx, account.id, other)
        for table in SETTINGS:
            await self._take_over(tx, table, old["id"], account.id)
        return account

    async def _take_over(self, tx: Transaction, table: str, old: int, new: int) -> None:
        stored = self._snapshot.stored(table)
        at = stored.table.columns.index("account_id")
        taken = [
            (*row[:at], new, *row[at + 1 :])
            for row in snapshot.table(self._repository, stored, of=old)
        ]
        await rows.empty(tx, stored.table, new)
        await rows.insert(tx, stored.table, taken)


async def _is_free(tx: Transaction, address: str) -> bool:
    """Whether an address of a domain served here leads nowhere."""
    home = await directory.home(tx, address.rpartition("@")[2])
    return home is not None and await directory.find_account(tx, address) is None


def _digests_of(repository: Repository, stored: rows.Stored, wanted: set[int]) -> dict[int, bytes]:
    """The hashes of some blobs; chunks without one of them are not read."""
    found: dict[int, bytes] = {}
    ids = sorted(wanted)
    at = stored.table.columns.index("hash")
    position = 0
    for number, chunk in enumerate(stored.chunks):
        last = number + 1 == len(stored.chunks)
        end = ids[-1] + 1 if last and ids else stored.chunks[number + 1].first[0] if not last else 0
        start = position
        while position < len(ids) and ids[position] < end:
            position += 1
        if position > start:
            for row in rows.load(repository.get(chunk.digest)):
                if row[0] in wanted:
                    found[row[0]] = row[at]
    return found


async def _digests(tx: Transaction, account_id: int) -> list[tuple[int, bytes]]:
    rows_ = await tx.rows(
        "SELECT e.mailbox_id, b.hash FROM mailbox_email e JOIN blob b ON b.id = e.blob_id"
        " WHERE e.account_id = $1",
        account_id,
    )
    return [(mailbox_id, bytes(digest)) for mailbox_id, digest in rows_]

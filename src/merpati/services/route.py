"""Who gets it, and where: addresses to accounts here and destinations elsewhere.

A recipient leads to one of three: mailboxes here, which a message can be put into at once;
another server; or a *step*, which a worker takes after the message has been accepted: a
list to expand, mail to forward, a request to answer. What is for a step goes into the queue
under the recipient's own address with the destination `EXPAND`, and `leads` then says all
of what it means. So accepting mail for a list of thousands costs one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.settings import setting
from merpati.model.account import Domain
from merpati.model.arrival import Route
from merpati.model.mailing_list import Role
from merpati.model.queue import HERE, STEP
from merpati.store import directory, forwards, lists
from merpati.store.directory import Resolved
from merpati.store.engine import Store, Transaction
from merpati.wire import srs
from merpati.wire.smtp.paths import Path, parse_address

EXPAND: Final = f"{STEP}expand"  # the destination of recipients that a worker expands

REMEMBERED: Final = 5.0  # seconds; should an announcement of a change be lost
REMEMBERED_MAX: Final = 5_000
EXPANSION_MAX: Final = 1000  # addresses that one recipient may lead to
DEPTH_MAX: Final = 10  # aliases of aliases
DAY: Final = 86_400  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSettings:
    """How addresses of the domains served here are read."""

    separator: str = setting(
        "+",
        "What divides a mailbox from a detail, as in ani+shop@example.org; empty: nothing does.",
    )
    subaddress_folders: bool = setting(
        False, "Put mail for name+folder@ into that folder, where it exists and no script decides."
    )
    any_author: tuple[str, ...] = setting(
        (),
        "Accounts, and domains as @example.org, whose mail may be from anybody in its From field;"
        ' "*": all. Else every address in From and Sender belongs to the account that sends.',
        example=["newsletter@example.org"],
    )
    backup_for: tuple[str, ...] = setting(
        (),
        "Domains of others whose mail is taken here while their own servers are down, and passed"
        " on to them; their MX records must name this server, with a higher number.",
        example=["example.net"],
    )

    def __post_init__(self) -> None:
        if len(self.separator) > 1 or not self.separator.isascii() or self.separator in {"@", '"'}:
            raise ValueError('separator must be one character such as "+" or "-", or empty.')


class Leads(msgspec.Struct, frozen=True, kw_only=True):
    """All that one recipient leads to.

    Attributes:
        address: as it was named, in full.
        home: the same in the domain where it is at home; its loops and its forwarded
            senders are known by it. Empty: it is not here.
        detail: of a subaddress, as written.
        folder: the folder of its one account that the detail asks for; empty: none.
        accounts: mailboxes here.
        stamps: of those among them for whose mail Sieve scripts run (store/sieve.py).
        elsewhere: the destination of an address that is not here.
        forwards: addresses anywhere that mail is sent on to.
        later: addresses here that have a step of their own.
        responder: the account that answers requests; 0: none.
        list_id: the mailing list; 0: none.
        role: which of the list's addresses it is.
        token: what its address holds for the role.
        returns_to: whose rewritten address it is (SRS); empty: none.
    """

    address: str
    home: str = ""
    detail: str = ""
    folder: str = ""
    accounts: tuple[int, ...] = ()
    stamps: tuple[tuple[int, int], ...] = ()
    elsewhere: str = ""
    forwards: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    responder: int = 0
    list_id: int = 0
    role: Role = Role.POST
    token: str = ""
    returns_to: str = ""

    @property
    def is_step(self) -> bool:
        """Whether a worker has to see to it."""
        return bool(
            self.forwards or self.later or self.responder or self.list_id or self.returns_to
        )


class Router:
    """Follows addresses. An address literal of ours, and a bare `postmaster`, are at home.

    What was found is remembered for `REMEMBERED` seconds, or until the directory changes;
    delivery looks again whether the account is there and has room.
    """

    def __init__(
        self, store: Store, hostname: str, clock: Clock, settings: AddressSettings | None = None
    ) -> None:
        self._store = store
        self._hostname = hostname
        self._clock = clock
        self.settings: Final = settings or AddressSettings()
        self.separator: Final = self.settings.separator
        self._backup_for = frozenset(name.lower() for name in self.settings.backup_for)
        self._remembered: dict[tuple[Path, bool], tuple[float, Route]] = {}

    def forget(self) -> None:
        """The directory has changed."""
        self._remembered.clear()

    def known(self, path: Path, *, relay: bool) -> Route | None:
        """What `route` has found lately, without waiting; None: ask `route`."""
        found = self._remembered.get((path, relay))
        if found is not None and found[0] > self._clock.monotonic():
            return found[1]
        return None

    async def route(self, path: Path, *, relay: bool) -> Route:
        """Where mail for a path goes.

        Args:
            path: The recipient.
            relay: Whether the client may send to other domains.

        Raises:
            Fault: NOT_FOUND for no such mailbox here; DENIED for a domain elsewhere
                that the client may not relay to.
        """
        known = self.known(path, relay=relay)
        if known is not None:
            return known
        found = await self._store.read(self.follow, path, relay=relay)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[path, relay] = (self._clock.monotonic() + REMEMBERED, found)
        return found

    async def follow(self, tx: Transaction, path: Path, *, relay: bool) -> Route:
        """As `route`, inside of a transaction."""
        leads = await self.leads(tx, path)
        address = leads.address
        if leads.elsewhere:
            if not relay and leads.elsewhere not in self._backup_for:
                raise Fault(Kind.DENIED, f"{path.domain} is not served here; sign in to send there")
            return Route(address, (), ((address, leads.elsewhere),))
        if leads.is_step:
            post = leads.list_id if leads.role is Role.POST else 0
            return Route(address, (), ((address, EXPAND),), detail=leads.detail, list_id=post)
        return Route(
            address, leads.accounts, (), detail=leads.detail, folder=leads.folder,
            stamps=leads.stamps,
        )  # fmt: skip

    async def leads(self, tx: Transaction, path: Path) -> Leads:
        """All that a recipient leads to. Raises Fault NOT_FOUND for no such mailbox here."""
        if not path.domain:  # RFC 5321 4.1.1.3: a bare postmaster
            path = Path(path.local, await self._postmaster_domain(tx))
        home = await self._home(tx, path)
        if home is None:
            return Leads(address=str(path), elsewhere=path.ascii_domain())
        if srs.is_srs(path.local) and (sender := await self._sender(tx, path.local)):
            return Leads(address=str(path), home=str(path), returns_to=sender)
        found = await directory.resolve(tx, home.id, path.local.lower(), self.separator)
        if found is None:
            raise Fault(Kind.NOT_FOUND, f"there is no mailbox {path} here")
        if found.role is Role.OWNER:
            owners = await lists.owners(tx, found.list_id)
            found = Resolved(0, tuple(owners or await directory.administrators(tx, home.id)))
        detail = path.local.partition(self.separator)[2] if found.tagged else ""
        local = path.local.partition(self.separator)[0] if found.tagged else path.local
        base = Leads(
            address=str(path),
            home=str(Path(local.lower(), home.name)),
            detail=detail,
            list_id=found.list_id,
            role=found.role,
            token=found.token,
        )
        if found.list_id:
            return base
        if found.account_id:
            leads = await self._of_account(tx, base, found.account_id)
        else:
            leads = await self._of_alias(tx, base, found.targets)
        if detail and self.settings.subaddress_folders and len(leads.accounts) == 1:
            return msgspec.structs.replace(leads, folder=detail)
        return leads

    async def _of_account(self, tx: Transaction, base: Leads, account_id: int) -> Leads:
        habits = (await forwards.habits(tx, [account_id])).get(account_id)
        if habits is None:
            raise Fault(Kind.NOT_FOUND, f"the mailbox {base.address} is disabled")
        return msgspec.structs.replace(
            base,
            accounts=(account_id,) if habits.keep else (),
            stamps=((account_id, habits.stamp),) if habits.stamp and habits.keep else (),
            forwards=habits.targets,
            responder=account_id if habits.folder else 0,
        )

    async def _of_alias(self, tx: Transaction, base: Leads, targets: tuple[str, ...]) -> Leads:
        """Follow aliases breadth first; one that leads to itself adds nothing."""
        accounts: dict[int, None] = {}
        forwarded: dict[str, None] = {}
        later: dict[str, None] = {}
        waiting = [(targets, 1)]
        seen = {base.address.lower(), base.home}
        while waiting:
            some, depth = waiting.pop(0)
            for target in some:
                if target.lower() in seen or len(seen) > EXPANSION_MAX:
                    continue
                seen.add(target.lower())
                path = parse_address(target)
                home = await self._home(tx, path)
                if home is None:
                    forwarded[target] = None
                    continue
                found = await directory.resolve(tx, home.id, path.local.lower(), self.separator)
                if found is None:
                    continue
                if found.account_id:
                    accounts[found.account_id] = None
                elif found.list_id:
                    later[target] = None
                elif depth < DEPTH_MAX:
                    waiting.append((found.targets, depth + 1))
        habits = await forwards.habits(tx, accounts) if accounts else {}
        plain = tuple(one for one in accounts if one in habits and habits[one].is_plain)
        later |= dict.fromkeys(one.address for one in habits.values() if not one.is_plain)
        if not (plain or later or forwarded):
            what = "leads to no mailbox" if not accounts else "leads to disabled mailboxes only"
            raise Fault(Kind.NOT_FOUND, f"{base.address} {what}")
        return msgspec.structs.replace(
            base, accounts=plain, forwards=tuple(forwarded), later=tuple(later)
        )

    async def destination(self, tx: Transaction, address: str) -> str:
        """What to queue an address for: `HERE`, or its domain.

        Raises:
            SyntaxFault: it is no address.
        """
        path = parse_address(address)
        return HERE if await self._home(tx, path) is not None else path.ascii_domain()

    async def _home(self, tx: Transaction, path: Path) -> Domain | None:
        """The domain of ours where an address is at home, or None.

        Notices are from `postmaster` of this host, so whoever answers one must find somebody.
        """
        if path.is_literal:
            return None
        found = await directory.home(tx, path.ascii_domain())
        is_hosts = path.domain == self._hostname.lower()
        if found is None and is_hosts and path.local.lower() in directory.RESERVED:
            return await directory.home(tx, await self._postmaster_domain(tx))
        return found

    async def _sender(self, tx: Transaction, local: str) -> str:
        """Whom an address of a forwarded message stands for; empty: it is not one of ours."""
        keys = [secret for _, secret in await forwards.srs_keys(tx)]
        try:
            return str(srs.reverse(local, keys, int(self._clock.now() // DAY)))
        except SyntaxFault:
            return ""

    async def _postmaster_domain(self, tx: Transaction) -> str:
        """The domain that a bare `postmaster` belongs to: the host's own, else the first."""
        names = [domain.name for domain in await directory.domains(tx)]
        for name in names:
            if self._hostname == name or self._hostname.endswith(f".{name}"):
                return name
        if not names:
            raise Fault(Kind.NOT_FOUND, "no domain is served here yet")
        return names[0]

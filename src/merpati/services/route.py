"""Who gets it, and where: addresses to accounts here and destinations elsewhere."""

from __future__ import annotations

from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Route
from merpati.store import directory
from merpati.store.engine import Store, Transaction
from merpati.wire.smtp.paths import Path, parse_address

REMEMBERED: Final = 5.0  # seconds; should an announcement of a change be lost
REMEMBERED_MAX: Final = 5_000
EXPANSION_MAX: Final = 1000  # addresses that one recipient may lead to
DEPTH_MAX: Final = 10  # aliases of aliases


class Router:
    """Follows addresses. An address literal of ours, and a bare `postmaster`, are at home.

    What was found is remembered for `REMEMBERED` seconds, or until the directory changes;
    delivery looks again whether the account is there and has room.
    """

    def __init__(self, store: Store, hostname: str, clock: Clock) -> None:
        self._store = store
        self._hostname = hostname
        self._clock = clock
        self._remembered: dict[tuple[Path, bool], tuple[float, Route]] = {}

    def forget(self) -> None:
        """The directory has changed."""
        self._remembered.clear()

    async def route(self, path: Path, *, relay: bool) -> Route:
        """Where mail for a path goes.

        Args:
            path: The recipient.
            relay: Whether the client may send to other domains.

        Raises:
            Fault: NOT_FOUND for no such mailbox here; DENIED for a domain elsewhere
                that the client may not relay to.
        """
        now = self._clock.monotonic()
        known = self._remembered.get((path, relay))
        if known is not None and known[0] > now:
            return known[1]
        found = await self._store.read(self.follow, path, relay=relay)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[path, relay] = (now + REMEMBERED, found)
        return found

    async def follow(self, tx: Transaction, path: Path, *, relay: bool) -> Route:
        """As `route`, inside of a transaction."""
        if not path.domain:  # RFC 5321 4.1.1.3: a bare postmaster
            path = Path(path.local, await self._postmaster_domain(tx))
        domain_id = await self._domain(tx, path)
        if domain_id is None:
            if not relay:
                raise Fault(Kind.DENIED, f"{path.domain} is not served here; sign in to send there")
            return Route(str(path), (), ((str(path), path.ascii_domain()),))
        accounts: dict[int, None] = {}
        remote: dict[str, str] = {}
        await self._expand(tx, domain_id, path, accounts, remote)
        if not accounts and not remote:
            raise Fault(Kind.NOT_FOUND, f"there is no mailbox {path} here")
        active = await directory.active(tx, list(accounts)) if accounts else set()
        if not active and not remote:
            raise Fault(Kind.NOT_FOUND, f"the mailbox {path} is disabled")
        return Route(str(path), tuple(one for one in accounts if one in active), (*remote.items(),))

    async def _expand(
        self,
        tx: Transaction,
        domain_id: int,
        path: Path,
        accounts: dict[int, None],
        remote: dict[str, str],
    ) -> None:
        """Follow aliases breadth first; one that leads to itself adds nothing."""
        waiting = [(domain_id, path, 0)]
        seen = {str(path).lower()}
        while waiting:
            its_domain, one, depth = waiting.pop(0)
            found = await directory.resolve(tx, its_domain, one.local.lower())
            if found is None:
                continue
            if found.account_id:
                accounts[found.account_id] = None
            for target in found.targets:
                if target.lower() in seen or depth == DEPTH_MAX or len(seen) > EXPANSION_MAX:
                    continue
                seen.add(target.lower())
                next_path = parse_address(target)
                next_domain = await self._domain(tx, next_path)
                if next_domain is None:
                    remote[target] = next_path.ascii_domain()
                else:
                    waiting.append((next_domain, next_path, depth + 1))

    async def _domain(self, tx: Transaction, path: Path) -> int | None:
        """The id of a domain of ours, or None."""
        if path.is_literal:
            return None
        found: int | None = await tx.value(
            "SELECT id FROM domain WHERE name = $1", path.ascii_domain()
        )
        return found

    async def _postmaster_domain(self, tx: Transaction) -> str:
        """The domain that a bare `postmaster` belongs to: the host's own, else the first."""
        names = [domain.name for domain in await directory.domains(tx)]
        for name in names:
            if self._hostname == name or self._hostname.endswith(f".{name}"):
                return name
        if not names:
            raise Fault(Kind.NOT_FOUND, "no domain is served here yet")
        return names[0]

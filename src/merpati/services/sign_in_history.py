"""Who signed in, when and from where: collected here, and written behind.

A program may sign in many times a minute; that costs a dictionary entry, and a row an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.tasks import Tasks
from merpati.services.happenings import Happenings
from merpati.store import app_passwords, directory, sign_in_history
from merpati.store.app_passwords import Use
from merpati.store.engine import Store, Transaction
from merpati.store.sign_in_history import HOUR, SignInEvent

FLUSH_EVERY: Final = 30.0  # seconds
WAITING_MAX: Final = 10_000  # events; in a flood of attempts the rest is not told
TEXT_MAX: Final = 200  # characters of what a client says it is

NEW_NETWORK: Final = "account.new-network"

_Key = tuple[int, int, str, str, str, str, bool]


class SignInHistory:
    """The history of one worker's sign-ins."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.happenings: Happenings | None = None  # writes down what programs are to be told
        self._waiting: dict[_Key, SignInEvent] = {}
        self._uses: dict[tuple[int, str], Use] = {}

    def start(self, tasks: Tasks) -> None:
        """Write now and then; ends with the tasks."""
        tasks.every(FLUSH_EVERY, self.flush, "sign-in history")

    def note(
        self,
        account_id: int,
        protocol: str,
        peer: str,
        means: str,
        *,
        success: bool,
        what: str = "",
        client: str = "",
    ) -> None:
        """Somebody signed in to an account, or tried to.

        Args:
            account_id: Which.
            protocol: "imap", "smtp", ...; "web" for the pages.
            peer: The client's address.
            means: "password", "app password", "passkey", "token", "scram" or "certificate".
            success: Whether it went well.
            what: Which app password, passkey or application.
            client: What it says it is.
        """
        now = int(self._clock.now() * 1000)
        key = (account_id, now // HOUR, protocol, peer, means, what, success)
        known = self._waiting.get(key)
        if known is not None:
            self._waiting[key] = known._replace(at=now, times=known.times + 1)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting[key] = SignInEvent(
                protocol, peer, means, what, success, client[:TEXT_MAX], now, now, 1
            )

    def note_use(self, account_id: int, id_: str, peer: str, protocol: str) -> None:
        """An app password was used."""
        if len(self._uses) < WAITING_MAX:
            now = int(self._clock.now() * 1000)
            self._uses[account_id, id_] = Use(account_id, id_, now, peer, protocol)

    async def flush(self) -> None:
        """Write what has come; what cannot be written now is lost, for it is only history."""
        events, self._waiting = self._waiting, {}
        uses, self._uses = self._uses, {}
        if uses:
            await self._store.write(app_passwords.note_uses, list(uses.values()))
        if events:
            rows = [(key[0], event) for key, event in events.items()]
            await self._store.write(self._enter, rows)

    async def _enter(self, tx: Transaction, rows: Sequence[tuple[int, SignInEvent]]) -> None:
        """Write them, and tell of those from networks that an account never came from before."""
        told = self.happenings
        fresh = await _from_new_networks(tx, rows) if told and told.wants(NEW_NETWORK) else []
        await sign_in_history.enter(tx, rows)
        for address, event in fresh:
            assert told is not None
            data = {
                "account": address, "protocol": event.protocol, "peer": event.peer,
                "means": event.means, "client": event.client,
                "text": f"{address} signed in from a new network: {event.peer}",
            }  # fmt: skip
            await told.tell(tx, NEW_NETWORK, event.at, data)

    async def of_account(self, account_id: int, limit: int) -> list[SignInEvent]:
        """The newest events of an account, the newest first."""
        await self.flush()
        return await self._store.read(sign_in_history.of_account, account_id, limit)

    async def close(self) -> None:
        """Write what has come, if that is still possible."""
        try:
            await self.flush()
        except Fault:
            return


async def _from_new_networks(
    tx: Transaction, rows: Sequence[tuple[int, SignInEvent]]
) -> list[tuple[str, SignInEvent]]:
    """The first of each network that an account had not signed in from, by its address.

    An account that nobody has signed in to yet has no usual networks.
    """
    found = []
    known: dict[int, set[str]] = {}
    for account_id, event in rows:
        if not event.success:
            continue
        if account_id not in known:
            peers = await sign_in_history.peers(tx, account_id)
            known[account_id] = {_network(peer) for peer in peers}
        here = _network(event.peer)
        if known[account_id] and here not in known[account_id]:
            account = await directory.account_by_id(tx, account_id)
            if account is not None:
                found.append((account.address, event))
        known[account_id].add(here)
    return found


def _network(peer: str) -> str:
    """What addresses of one connection share; what is no address is a network of its own."""
    try:
        return str(ip_network(f"{peer}/{48 if ':' in peer else 24}", strict=False))
    except ValueError:
        return peer

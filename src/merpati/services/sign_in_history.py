"""Who signed in, when and from where: collected here, and written behind.

A program may sign in many times a minute; that costs a dictionary entry, and a row an hour.
"""

from __future__ import annotations

from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.tasks import Tasks
from merpati.store import app_passwords, sign_in_history
from merpati.store.app_passwords import Use
from merpati.store.engine import Store
from merpati.store.sign_in_history import HOUR, SignInEvent

FLUSH_EVERY: Final = 30.0  # seconds
WAITING_MAX: Final = 10_000  # events; in a flood of attempts the rest is not told
TEXT_MAX: Final = 200  # characters of what a client says it is

_Key = tuple[int, int, str, str, str, str, bool]


class SignInHistory:
    """The history of one worker's sign-ins."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
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
            await self._store.write(sign_in_history.enter, rows)

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

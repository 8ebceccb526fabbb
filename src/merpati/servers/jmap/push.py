"""What all connections share over which changes are pushed (RFC 8620 7, RFC 8887 4.3.5).

A connection that waits is one task, which sleeps until the account is announced to have
changed, the client says something, or a minute has passed. It then looks at the log itself
(services/state_changes.py). What happens while it is not looking is one StateChange later.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from merpati.base.faults import Fault, Kind
from merpati.services import state_changes
from merpati.services.state_changes import News
from merpati.store.engine import Topic

if TYPE_CHECKING:
    from merpati.base.clock import Clock
    from merpati.model.account import Account
    from merpati.services.notify import Notify
    from merpati.store.engine import Store

PAUSE: Final = 0.25  # seconds between two StateChanges of a connection
ALIVE: Final = 60.0  # seconds after which a connection that waits looks at how things stand
RECHECK: Final = 300.0  # seconds for which a credential that was good is taken to be good
WRITE_TIMEOUT: Final = 60.0  # seconds for a client to take what it is sent

Verify = Callable[[], Awaitable["Account"]]


class Watch:
    """What one connection knows of the accounts of its user, and what is new to it.

    Use with `with`: announcements are listened to meanwhile.
    """

    __slots__ = ("_listening", "_notify", "_store", "_user_id", "_wake", "known", "types")

    def __init__(
        self, store: Store, notify: Notify, user_id: int, wake: Callable[[], None]
    ) -> None:
        """`wake` is called when there may be news."""
        self._store = store
        self._notify = notify
        self._user_id = user_id
        self._wake = wake
        self._listening: dict[int, Callable[[], None]] = {}
        self.types: frozenset[str] = frozenset()  # none: the client wants nothing
        self.known: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listen(())

    async def start(self, types: frozenset[str], known: dict[int, int]) -> News | None:
        """Watch from here on; what is new to a client that knows so much.

        Raises:
            Fault: AUTH_FAILED when the user may not sign in any more.
        """
        self.types, self.known = types, known
        return await self.news()

    def stop(self) -> None:
        """The client wants nothing more."""
        self.types, self.known = frozenset(), {}
        self._listen(())

    async def news(self) -> News | None:
        """What is new, if anything is. Raises Fault as `start`."""
        if not self.types:
            return None
        found = await self._look()
        if found.known.keys() != self._listening.keys():
            self._listen(tuple(found.known))
            found = await self._look()  # nothing between the first look and now is missed
        self.known = found.known
        return found if found.changed else None

    async def _look(self) -> News:
        found = await self._store.read(state_changes.news, self._user_id, self.types, self.known)
        if found is None:
            raise Fault(Kind.AUTH_FAILED, "this account is closed")
        return found

    def _listen(self, account_ids: tuple[int, ...]) -> None:
        for gone in self._listening.keys() - set(account_ids):
            self._listening.pop(gone)()
        for account_id in account_ids:
            if account_id not in self._listening:
                self._listening[account_id] = self._notify.listen(
                    Topic.ACCOUNT, account_id, self._wake
                )


class Credential:
    """Whether what a connection was opened with is still good.

    It is asked now and then, and at once when something that opens the account has ended.
    """

    __slots__ = ("_checked_at", "_clock", "_notify", "_user_id", "_verify")

    def __init__(self, verify: Verify, clock: Clock, notify: Notify, user_id: int) -> None:
        self._verify = verify
        self._clock = clock
        self._notify = notify
        self._user_id = user_id
        self._checked_at = clock.monotonic()

    @contextmanager
    def watched(self, wake: Callable[[], None]) -> Iterator[None]:
        """Meanwhile `wake` is called when it is to be checked."""

        def suspect() -> None:
            self._checked_at = -math.inf
            wake()

        stop = self._notify.listen(Topic.CREDENTIALS, self._user_id, suspect)
        try:
            yield
        finally:
            stop()

    async def check(self) -> None:
        """Raise Fault when it is not: a token that ran out, a password that was changed."""
        now = self._clock.monotonic()
        if now - self._checked_at >= RECHECK:
            await self._verify()
            self._checked_at = now


class Places:
    """How many connections each account has open in this worker."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[int] = Counter()

    def take(self, account_id: int) -> Callable[[], None]:
        """Take a place; call what is returned to give it back. Raises Fault TOO_MANY."""
        if self._taken[account_id] >= self._limit:
            raise Fault(Kind.TOO_MANY, f"at most {self._limit} connections for push at once")
        self._taken[account_id] += 1

        def leave() -> None:
            self._taken[account_id] -= 1
            if not self._taken[account_id]:
                del self._taken[account_id]

        return leave

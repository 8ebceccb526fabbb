"""A mailbox of another IMAP server that is read in as many sessions as that takes.

Servers end the session over a message that they cannot read (Dovecot), or say NO (Cyrus). What
has come stays; the rest is asked for in a new session, and a message that does not come alone
either is noted as lost, so that it stops nothing but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from merpati.base.faults import Fault, Kind
from merpati.net.imap_client import ImapClient, Selected, Sink

if TYPE_CHECKING:
    from merpati.net.reaper import Reaper
    from merpati.net.remote import Account, Remote
    from merpati.wire.imap.client_responses import Message

LOST_MAX: Final = 25  # messages in a row that a server will not give, until no more are asked for
WAITS: Final = (0.0, 1.0, 5.0)  # seconds before each try to begin a session again

S = TypeVar("S", bound=Sink)


class ImapLink:
    """A session that is begun again when the server has ended it.

    Attributes:
        client: the session; another one after `reopen` and `fetch`.
    """

    def __init__(self, remote: Remote, account: Account, reaper: Reaper) -> None:
        self._remote = remote
        self._account = account
        self._reaper = reaper
        self._opened: tuple[bytes, bool, int] | None = None
        self.client: ImapClient

    @classmethod
    async def connect(cls, remote: Remote, account: Account, reaper: Reaper) -> ImapLink:
        """Signed in. Raises Fault as `ImapClient.connect`."""
        link = cls(remote, account, reaper)
        link.client = await ImapClient.connect(remote, account, reaper)
        return link

    async def select(self, name: bytes, *, read_only: bool) -> Selected:
        """Open a mailbox, now and in sessions to come. Raises Fault as `ImapClient.select`."""
        selected = await self.client.select(name, read_only=read_only)
        self._opened = (name, read_only, selected.uidvalidity)
        return selected

    async def close(self) -> None:
        """Say goodbye."""
        await self.client.close()

    async def reopen(self) -> None:
        """Begin anew, with the same mailbox open.

        Raises:
            Fault: when it cannot be; UNAVAILABLE when its UIDs are those of other messages now.
        """
        await self.client.close()
        for number, wait in enumerate(WAITS, 1):
            await asyncio.sleep(wait)
            try:
                uidvalidity = await self._begin_again()
                break
            except Fault:
                if number == len(WAITS):
                    raise
        if self._opened is not None and uidvalidity != self._opened[2]:
            text = f"{self._remote.place} has numbered its messages anew meanwhile; look again"
            raise Fault(Kind.UNAVAILABLE, text)

    async def _begin_again(self) -> int:
        """The UIDVALIDITY of what is open now; 0: nothing is."""
        self.client = await ImapClient.connect(self._remote, self._account, self._reaper)
        if self._opened is None:
            return 0
        name, read_only, _ = self._opened
        try:
            return (await self.client.select(name, read_only=read_only)).uidvalidity
        except Fault:
            await self.client.close()
            raise

    async def fetch(
        self, uids: Sequence[int], make: Callable[[], S], lost: dict[int, str]
    ) -> AsyncIterator[tuple[Message, S]]:
        """As `ImapClient.fetch`; what the server will not give goes into `lost` with its words.

        Each message comes once, and none that was not asked for. Ends early when many in a row
        are lost: the rest is neither given nor in `lost`.
        """
        waiting, alone, in_row = list(uids), False, 0
        wanted = set(uids)
        while waiting and in_row < LOST_MAX:
            asked = waiting[:1] if alone else waiting
            came: set[int] = set()
            problem = ""
            try:
                async for message, sink in self.client.fetch(asked, make):
                    if message.uid not in wanted:
                        sink.discard()
                        continue
                    wanted.remove(message.uid)
                    came.add(message.uid)
                    yield message, sink
            except Fault as fault:
                if fault.kind is Kind.NO_SPACE:  # that is ours
                    raise
                problem = fault.text
                await self.reopen()
            if problem and alone:
                lost[asked[0]] = problem
                in_row += 1
            if came:
                in_row = 0
            if not problem:
                silent = f"{self._remote.place} did not send it, nor say why"
                lost.update(dict.fromkeys(sorted(wanted.intersection(asked)), silent))
            done = came if problem and not alone else came.union(asked)
            alone = bool(problem) and not done
            waiting = [uid for uid in waiting if uid not in done]

"""Posts that wait for an owner, and all that is written to people in the name of a list.

An owner gets a letter with the post and decides by answering it: the address it is answered
to holds a token that nobody can guess (`list_mail`), or on the command line.
"""

from __future__ import annotations

import mmap
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids, trace_text
from merpati.model.event import Event, EventKind
from merpati.model.mailing_list import HeldPost, MailingList, Role
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.services.letters import Letters
from merpati.services.route import EXPAND, Router
from merpati.store import directory, events, lists, queue
from merpati.store.engine import Transaction
from merpati.wire import list_letters
from merpati.wire.letter import File
from merpati.wire.list_headers import Facts
from merpati.wire.mime.addresses import Mailbox

SHOWN_MAX: Final = 50 * 1024  # bytes of a held post that its owners are shown
HELD_DAYS: Final = 30  # that a held post waits for an owner


class Moderation:
    """Keeps posts for the owners of lists, does what they decide, and writes to people."""

    def __init__(self, router: Router, letters: Letters, clock: Clock, ids: Ids) -> None:
        self._router = router
        self._letters = letters
        self._clock = clock
        self._ids = ids

    async def hold(
        self, tx: Transaction, one: MailingList, message: QueueMessage, recipient: QueueRecipient,
        facts: Facts, why: str, content: bytes | mmap.mmap,
    ) -> None:  # fmt: skip
        """Keep a post until an owner decides, and ask the owners."""
        now = int(self._clock.now() * 1000)
        post = HeldPost(
            0, one.id, self.token(), message.trace, message.blob_id, message.sender,
            message.account_id, message.smtputf8, facts.address or message.sender,
            facts.subject[:200], now,
        )  # fmt: skip
        await lists.hold(tx, post)
        if not await queue.finish(tx, message.id, [recipient.n]):
            raise Fault(Kind.IN_USE, "another worker has finished it")
        shown = content[:SHOWN_MAX]
        await self.ask_owners(
            tx, one, "held", post.token, (File("post.eml", "message/rfc822", shown),),
            author=post.author, subject=post.subject, why=list_letters.reason(why, one.language),
            days=HELD_DAYS,
        )  # fmt: skip
        known = await lists.reaches(tx, one, [facts.address]) if facts.address else False
        if message.account_id or known:  # never strangers: their address may be anybody's
            await self.tell(tx, one, "waiting", message.sender, subject=post.subject)
        detail = {"said": list_letters.reason(why, "en")}
        step = Event(message.trace, now, EventKind.HELD, recipient.address, 0, detail)
        await events.record(tx, [step])

    async def approve(
        self, tx: Transaction, one: MailingList, post: HeldPost, lifetime: int
    ) -> bool:
        """Queue a held post for its list, allowed; False when somebody was faster.

        `lifetime` is how long it may take, in seconds.
        """
        now = int(self._clock.now() * 1000)
        if not await lists.let_go(tx, post, keep_blob=True):
            return False
        message_id = await queue.add(
            tx, trace=post.trace, blob_id=post.blob_id, sender=post.sender,
            account_id=post.account_id, smtputf8=post.smtputf8, received_at=now,
            expires_at=now + lifetime * 1000, warn_at=0, recipients=[(one.address, EXPAND)],
            is_own=bool(post.account_id),
        )  # fmt: skip
        await lists.set_progress(tx, message_id, 0, 0)
        return True

    async def reject(self, tx: Transaction, one: MailingList, post: HeldPost) -> bool:
        """Throw a held post away and tell its author; False when somebody was faster."""
        if not await lists.let_go(tx, post):
            return False
        known = await lists.reaches(tx, one, [post.author]) if "@" in post.author else False
        if post.account_id or known:
            owner = one.role_address(Role.OWNER)
            await self.tell(tx, one, "rejected", post.sender, subject=post.subject, owner=owner)
        return True

    def token(self) -> str:
        """An unguessable name of letters and digits, all lower case."""
        return trace_text(int.from_bytes(self._ids.bytes(10), "big"))

    async def tell(
        self, tx: Transaction, one: MailingList, letter: str, to: str, *,
        role: Role = Role.REQUEST, token: str = "", answers: str = "", **fields: object,
    ) -> None:  # fmt: skip
        """Write to somebody in the list's name; an answer goes to one of its addresses."""
        subject, text = list_letters.write(
            letter, one.language, title=one.title, list=one.address, **fields
        )
        author = Mailbox(one.title, f"{one.local}-{Role.OWNER.value}", one.domain)
        reply_to = one.role_address(role, token, self._router.separator)
        await self._letters.send(
            tx, author, [to], subject, text, answers=answers, reply_to=reply_to
        )

    async def ask_owners(
        self, tx: Transaction, one: MailingList, letter: str, token: str,
        files: tuple[File, ...] = (), **fields: object,
    ) -> None:  # fmt: skip
        """Ask the owners something that they answer with approve or reject, or just tell them."""
        separator = self._router.separator
        owners = await lists.owners(tx, one.id)
        owners = owners or await directory.administrators(tx, one.domain_id)
        subject, text = list_letters.write(
            letter, one.language, title=one.title, list=one.address,
            approve=one.role_address(Role.APPROVE, token, separator),
            reject=one.role_address(Role.REJECT, token, separator), **fields,
        )  # fmt: skip
        author = Mailbox(one.title, f"{one.local}-{Role.OWNER.value}", one.domain)
        reply_to = one.role_address(Role.MODERATE, token, separator) if token else ""
        for each in owners:
            await self._letters.send(
                tx, author, [each], subject, text, reply_to=reply_to, files=files
            )

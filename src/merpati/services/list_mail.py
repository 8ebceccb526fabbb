"""Mail to the addresses that run a list: join, leave, confirm, approve, reject, and what came back.

Who writes is whoever is signed in, else the author in From, which anybody can forge: so a
stranger's wish is done only once the answer to a letter, sent to that address, has come.
Machines are not listened to at all, so that no two of them ever write to each other.
"""

from __future__ import annotations

import mmap
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.model.event import Event, EventKind
from merpati.model.mailing_list import Audience, Joining, MailingList, Request, Role
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.services.accept import QueueSettings
from merpati.services.list_delivery import ListSettings
from merpati.services.moderation import Moderation
from merpati.services.route import Leads
from merpati.store import directory, events, forwards, lists, queue
from merpati.store.engine import Store, Transaction
from merpati.wire import bounce_report, list_headers
from merpati.wire.bounce_report import Returned
from merpati.wire.list_headers import Facts
from merpati.wire.list_letters import APPROVALS, JOINS, LEAVES, REFUSALS, first_word

ASK_AGAIN: Final = 600_000  # ms before the same wish is confirmed by another letter
ANSWERS_MAX: Final = 20  # letters of one list to one address in a day
DAY: Final = 86_400_000  # ms


class Wish(msgspec.Struct, frozen=True):
    """What somebody writes to a list's address, and who they are.

    Attributes:
        address: who writes, lower case.
        certain: they are signed in here, so it is them.
        word: the first word of what they write.
    """

    one: MailingList
    message: QueueMessage
    facts: Facts
    address: str
    certain: bool
    token: str
    word: str
    now: int


class ListMail:
    """Obeys mail to the addresses of lists."""

    def __init__(
        self,
        store: Store,
        moderation: Moderation,
        clock: Clock,
        settings: ListSettings,
        queue_settings: QueueSettings,
    ) -> None:
        self._store = store
        self._moderation = moderation
        self._clock = clock
        self._settings = settings
        self._lifetime = queue_settings.lifetime
        self._acts: dict[Role, Callable[[Transaction, Wish], Awaitable[None]]] = {
            Role.REQUEST: self._request,
            Role.SUBSCRIBE: self._subscribe,
            Role.UNSUBSCRIBE: self._unsubscribe,
            Role.CONFIRM: self._confirm,
            Role.APPROVE: self._approve,
            Role.REJECT: self._reject,
            Role.MODERATE: self._moderate,
        }

    async def serve(
        self,
        message: QueueMessage,
        recipient: QueueRecipient,
        leads: Leads,
        content: bytes | mmap.mmap,
        preview: str,
    ) -> None:
        """Obey one message; `preview` is how its text begins."""
        await self._store.write(self._serve, message, recipient, leads, content, preview)

    async def leave(self, token: str) -> MailingList | None:
        """One click on a member's own link (RFC 8058): they leave; None for an unknown token.

        Doing it again changes nothing.
        """
        return await self._store.write(self._leave_by_token, token)

    async def _serve(
        self, tx: Transaction, message: QueueMessage, recipient: QueueRecipient, leads: Leads,
        content: bytes | mmap.mmap, preview: str,
    ) -> None:  # fmt: skip
        one = await lists.by_id(tx, leads.list_id)
        if one is None or not await queue.finish(tx, message.id, [recipient.n]):
            return
        now = int(self._clock.now() * 1000)
        about = recipient.address
        if leads.role is Role.BOUNCES:
            await self._count_bounce(tx, one, leads.token, content)
            await events.record(tx, [Event(message.trace, now, EventKind.OBEYED, about, 0, {})])
            return
        facts = list_headers.read(content)
        address, certain = await _writer(tx, message, facts)
        if not message.sender or facts.automatic or not address:
            why = {"said": "a machine, or nobody in particular, wrote it"}
            await events.record(tx, [Event(message.trace, now, EventKind.ENDED, about, 0, why)])
            return
        await events.record(tx, [Event(message.trace, now, EventKind.OBEYED, about, 0, {})])
        word = first_word(preview, facts.subject)
        if leads.role is Role.REQUEST:
            word = first_word(facts.subject, preview)
        wish = Wish(one, message, facts, address, certain, leads.token, word, now)
        await self._acts[leads.role](tx, wish)

    # Members

    async def _request(self, tx: Transaction, wish: Wish) -> None:
        if wish.word in JOINS:
            await self._subscribe(tx, wish)
        elif wish.word in LEAVES:
            await self._unsubscribe(tx, wish)
        else:
            one = wish.one
            await self._tell(
                tx, wish, "help", join=one.role_address(Role.SUBSCRIBE),
                leave=one.role_address(Role.UNSUBSCRIBE), owner=one.role_address(Role.OWNER),
                request=one.role_address(Role.REQUEST),
            )  # fmt: skip

    async def _subscribe(self, tx: Transaction, wish: Wish) -> None:
        one = wish.one
        known = await lists.person(tx, one.id, wish.address)
        if one.audience is not Audience.NAMED:
            await self._tell(tx, wish, "dynamic")
        elif known is not None and known.is_member and not known.suspended:
            await self._tell(tx, wish, "member")
        elif one.joining is Joining.CLOSED:
            await self._tell(tx, wish, "closed", owner=one.role_address(Role.OWNER))
        elif wish.certain:
            await self._join(tx, wish, wish.address)
        else:
            await self._ask_to_confirm(tx, wish, Request.JOIN, "confirm-join")

    async def _unsubscribe(self, tx: Transaction, wish: Wish) -> None:
        if wish.token:  # the address of a member's own List-Unsubscribe field
            await self._leave_by_token(tx, wish.token)
            return
        known = await lists.person(tx, wish.one.id, wish.address)
        if wish.one.audience is not Audience.NAMED:
            await self._tell(tx, wish, "dynamic")
        elif known is None or not known.is_member:
            await self._tell(tx, wish, "stranger")
        elif wish.certain:
            await self._leave(tx, wish, wish.address)
        else:
            await self._ask_to_confirm(tx, wish, Request.LEAVE, "confirm-leave")

    async def _ask_to_confirm(
        self, tx: Transaction, wish: Wish, request: Request, letter: str
    ) -> None:
        token = self._moderation.token()
        again = wish.now - ASK_AGAIN
        if await lists.ask(tx, wish.one.id, request, wish.address, token, wish.now, again):
            await self._tell(tx, wish, letter, role=Role.CONFIRM, token=token)

    async def _confirm(self, tx: Transaction, wish: Wish) -> None:
        asked = await lists.answer(tx, wish.one.id, wish.token)
        if asked is None:
            return  # a token nobody was given, or used before
        request, address = asked
        if request is Request.JOIN:
            await self._join(tx, wish, address)
        elif request is Request.LEAVE:
            await self._leave(tx, wish, address)

    async def _join(self, tx: Transaction, wish: Wish, address: str) -> None:
        """Somebody has shown who they are: a member now, or an owner is asked."""
        one = wish.one
        if one.joining is Joining.CLOSED:  # since a moment ago
            return
        if one.joining is Joining.ASK:
            token = self._moderation.token()
            again = wish.now - DAY
            if await lists.ask(tx, one.id, Request.ADMIT, address, token, wish.now, again):
                await self._moderation.ask_owners(tx, one, "admit", token, address=address)
                await self._moderation.tell(tx, one, "asked", address, address=address)
            return
        await self._admit(tx, one, address, wish.now)

    async def _admit(self, tx: Transaction, one: MailingList, address: str, now: int) -> None:
        await lists.set_person(tx, one.id, address, self._moderation.token(), now, is_member=True)
        await self._moderation.tell(
            tx, one, "joined", address, address=address,
            leave=one.role_address(Role.UNSUBSCRIBE), owner=one.role_address(Role.OWNER),
        )  # fmt: skip

    async def _leave(self, tx: Transaction, wish: Wish, address: str) -> None:
        if await lists.set_person(tx, wish.one.id, address, "", wish.now, is_member=False):
            await self._moderation.tell(tx, wish.one, "left", address, address=address)

    async def _leave_by_token(self, tx: Transaction, token: str) -> MailingList | None:
        found = await lists.by_token(tx, token)
        if found is None:
            return None
        list_id, person = found
        now = int(self._clock.now() * 1000)
        await lists.set_person(tx, list_id, person.address, "", now, is_member=False)
        return await lists.by_id(tx, list_id)

    # Owners

    async def _moderate(self, tx: Transaction, wish: Wish) -> None:
        if wish.word in APPROVALS:
            await self._approve(tx, wish)
        elif wish.word in REFUSALS:
            await self._reject(tx, wish)
        else:
            await self._tell(tx, wish, "unclear", role=Role.MODERATE, token=wish.token)

    async def _approve(self, tx: Transaction, wish: Wish) -> None:
        post = await lists.find_held(tx, token=wish.token)
        if post is not None and post.list_id == wish.one.id:
            await self._moderation.approve(tx, wish.one, post, self._lifetime)
            return
        asked = await lists.answer(tx, wish.one.id, wish.token)
        if asked is not None and asked[0] is Request.ADMIT:
            await self._admit(tx, wish.one, asked[1], wish.now)
        else:
            await self._too_late(tx, wish)

    async def _reject(self, tx: Transaction, wish: Wish) -> None:
        post = await lists.find_held(tx, token=wish.token)
        if post is not None and post.list_id == wish.one.id:
            await self._moderation.reject(tx, wish.one, post)
        elif await lists.answer(tx, wish.one.id, wish.token) is None:
            await self._too_late(tx, wish)

    async def _too_late(self, tx: Transaction, wish: Wish) -> None:
        """Only owners are told; others have guessed."""
        if wish.address in await lists.owners(tx, wish.one.id):
            await self._tell(tx, wish, "decided")

    # What came back

    async def _count_bounce(
        self, tx: Transaction, one: MailingList, token: str, content: bytes | mmap.mmap
    ) -> None:
        """Mail to the member that a return path names was not delivered."""
        found = await lists.by_token(tx, token) if token else None
        if found is None or found[0] != one.id:
            return
        if bounce_report.read(content) is not Returned.FAILED:
            return
        person = found[1]
        now = int(self._clock.now() * 1000)
        if await lists.count_bounce(tx, person.id, now, self._settings.bounces):
            await self._moderation.ask_owners(
                tx, one, "suspended", "", address=person.address, bounces=self._settings.bounces
            )

    async def _tell(
        self, tx: Transaction, wish: Wish, letter: str, *, role: Role = Role.REQUEST,
        token: str = "", **fields: object,
    ) -> None:  # fmt: skip
        """Answer whoever wrote, unless they have had enough answers today."""
        key = f"{wish.one.address} {wish.address}"
        if await forwards.count_response(tx, 0, key, wish.now // DAY, ANSWERS_MAX):
            await self._moderation.tell(
                tx, wish.one, letter, wish.address, role=role, token=token,
                answers=wish.facts.message_id, address=wish.address, **fields,
            )  # fmt: skip


async def _writer(tx: Transaction, message: QueueMessage, facts: Facts) -> tuple[str, bool]:
    """Who wrote a message, and whether that is certain."""
    if not message.account_id:
        return facts.address, False
    own = await directory.addresses(tx, message.account_id)
    if not own:
        return "", False
    return (facts.address if facts.address in own else own[0]), True

"""Threads (RFC 8621 3): the emails of a conversation, the oldest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.servers.jmap import states
from merpati.servers.jmap.call import MAIL, Access, Call
from merpati.servers.jmap.kind import Changes, Got, Kind, Property, server_set
from merpati.servers.jmap.states import Changed
from merpati.store import changes, email_changes, rights, thread_members
from merpati.wire.jmap.faults import MethodFault

if TYPE_CHECKING:
    from merpati.store.engine import Transaction


class Thread(Kind):
    """The data type."""

    name: ClassVar[str] = "Thread"
    capability: ClassVar[str] = MAIL
    properties: ClassVar[Mapping[str, Property]] = {"id": server_set(), "emailIds": server_set()}

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8621 3.1."""
        if ids is None:
            limit = call.settings.objects_in_get
            return await call.services.store.scan(_every, access, limit)
        wanted = [id_ for one in ids if (id_ := object_ids.read_thread(one)) is not None]
        if wanted:
            await index_threads(call, access)
        return await call.services.store.read(_get, access, call.user.id, wanted)

    async def state(self, tx: Transaction, access: Access) -> str:
        """The account's modseq."""
        return str(await changes.current(tx, access.account_id))

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 8621 3.2."""
        return await call.services.store.scan(_changes, access, states.parse(since), limit)


async def index_threads(call: Call, access: Access) -> None:
    """Have the emails of an account entered by their threads if many are not (`thread_members`)."""
    store = call.services.store
    if await store.read(thread_members.is_behind, access.account_id):
        with suppress(Fault):  # a full disk; it takes longer without
            await store.write_long(thread_members.index, access.account_id)


async def _every(tx: Transaction, access: Access, limit: int) -> Got:
    ids = await thread_members.every(tx, access.account_id, limit + 1)
    if len(ids) > limit:
        raise MethodFault("requestTooLarge", "ask for threads by their ids")
    return await _get(tx, access, access.user_id, ids)


async def _get(tx: Transaction, access: Access, user_id: int, wanted: list[int]) -> Got:
    state = str(await changes.current(tx, access.account_id))
    held = None
    if not access.is_own:
        held = (await rights.all_held(tx, user_id)).get(access.account_id, {})
    objects = []
    found = await thread_members.members(tx, access.account_id, wanted)
    for thread_id, members in found.items():
        emails = dict.fromkeys(
            email_id
            for email_id, mailbox_id, _ in members
            if held is None or letters.READ in held.get(mailbox_id, "")
        )
        if emails:
            told = [object_ids.email(one) for one in emails]
            objects.append({"id": object_ids.thread(thread_id), "emailIds": told})
    return Got(state, objects)


async def _changes(tx: Transaction, access: Access, since: states.State, limit: int) -> Changes:
    """A thread changes when an email joins or leaves it, not when one of them does."""
    found, current = await email_changes.since(tx, access.account_id, since.modseq)
    joined: dict[int, int] = {}
    left = await email_changes.threads_left(tx, access.account_id, since.modseq, found)
    for one in found:
        if one.created is not None and one.created >= since.modseq:
            joined[one.thread_id] = max(one.created, joined.get(one.thread_id, 0))
    members = await thread_members.members(tx, access.account_id, {*joined, *left})
    new = {one.email_id: one.created for one in found if one.created}
    changed = []
    for thread_id in {*joined, *left}:
        modseq = max(joined.get(thread_id, 0), left.get(thread_id, 0))
        there = [email_id for email_id, _, _ in members.get(thread_id, ())]
        created = 0
        if there and thread_id not in left:
            created = min(new.get(email_id, 0) for email_id in there)
        changed.append(Changed(modseq, thread_id % (1 << 64), created, not there))
    return states.page(changed, since, current, limit, object_ids.thread)

"""Mailboxes (RFC 8621 2): folders with a parent, a role, counters, and what one may do there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

from merpati.base import faults
from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.change import ChangeKind
from merpati.model.mailbox import DEPTH_MAX, INBOX_ID, NAME_MAX, SEPARATOR
from merpati.servers.jmap import mailbox_query, mailbox_sharing, states
from merpati.servers.jmap.call import MAIL, PRINCIPALS, Access, Call
from merpati.servers.jmap.kind import Changes, Found, Got, Kind, Property, Update, server_set
from merpati.servers.jmap.mailbox_view import ADMIN, View, ancestors, look
from merpati.servers.jmap.states import Changed
from merpati.servers.jmap.thread import index_threads
from merpati.services.thread_counts import ThreadCounts
from merpati.store import (
    changes,
    email_changes,
    mailbox_tree,
    mailboxes,
    share_notifications,
    thread_members,
)
from merpati.store.engine import Transaction
from merpati.store.mailbox_tree import Threads
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import (
    Argument,
    Check,
    is_bool,
    is_reference,
    is_text,
    is_unsigned,
    nullable,
)

# RFC 8621 2, from the IANA registry of mailbox name attributes.
ROLES: Final = frozenset({
    "all", "archive", "drafts", "flagged", "important", "inbox", "junk", "sent", "snoozed",
    "scheduled", "subscribed", "memos", "templates", "trash",
})  # fmt: skip
COUNTS: Final = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
COUNTED: Final = ("totalThreads", "unreadThreads")
THREADS: Final = frozenset(COUNTED)
NOTHING: Final = Threads(0, 0)
SORT_ORDER_MAX: Final = 2**31 - 1
FOLLOWED: Final = 1000  # emails that changed, whose threads are looked at
_nullable_id: Final = nullable(is_reference)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.encode()) <= NAME_MAX
        and SEPARATOR not in value
        and value.isprintable()
    )


def _is_role(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in ROLES)


def _is_order(value: Any) -> bool:
    return is_unsigned(value) and value <= SORT_ORDER_MAX


def _without_admin(one: dict[str, Any]) -> None:
    """RFC 8621 knows no right to share."""
    one.get("myRights", {}).pop(ADMIN, None)


class Mailbox(Kind):
    """The data type."""

    name: ClassVar[str] = "Mailbox"
    capability: ClassVar[str] = MAIL
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "name": Property(_is_name),
        "parentId": Property(_nullable_id, None),
        "role": Property(_is_role, None),
        "sortOrder": Property(_is_order, 0),
        **dict.fromkeys((*COUNTS, "myRights"), server_set()),
        "isSubscribed": Property(is_bool, None),  # true in an own account
        "shareWith": Property(mailbox_sharing.is_sharing, None, capability=PRINCIPALS),
    }
    set_arguments: ClassVar[Mapping[str, Argument]] = {
        "onDestroyRemoveEmails": Argument(is_bool, default=False)
    }
    query_arguments: ClassVar[Mapping[str, Argument]] = {
        "sortAsTree": Argument(is_bool, default=False),
        "filterAsTree": Argument(is_bool, default=False),
    }
    conditions: ClassVar[Mapping[str, Check]] = {
        "parentId": _nullable_id,
        "name": is_text,
        "role": nullable(is_text),
        "hasAnyRole": is_bool,
        "isSubscribed": is_bool,
    }
    sorts: ClassVar[frozenset[str]] = frozenset({"sortOrder", "name", "parentId"})

    def __init__(self, counts: ThreadCounts) -> None:
        self._counts = counts

    def is_only_got(self, name: str) -> bool:
        """Threads are counted when somebody wants to know."""
        return name in THREADS

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8621 2.1."""
        wanted = None if ids is None else {object_ids.read_mailbox(one) for one in ids}
        got = await call.services.store.read(_get, access, call.user.id, wanted, properties)
        if PRINCIPALS not in call.using:
            for one in got.objects:
                _without_admin(one)
        if properties & THREADS:  # after the state: what changes between is told once more
            counts = await self._counts.of(access.account_id)
            hidden = await call.services.store.read(_unreadable, access, call.user.id)
            for one in got.objects:
                id_ = object_ids.read_mailbox(one["id"]) or 0
                threads = counts.get(id_, NOTHING) if id_ not in hidden else NOTHING
                one |= {
                    name: count
                    for name, count in zip(COUNTED, (threads.total, threads.unread), strict=True)
                    if name in properties
                }
        return got

    async def state(self, tx: Transaction, access: Access) -> str:
        """The account's modseq."""
        return str(await changes.current(tx, access.account_id))

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 8621 2.2."""
        state = states.parse(since)
        await index_threads(call, access)
        return await call.services.store.scan(_changes, access, call.user.id, state, limit)

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """RFC 8621 2.3."""
        view = await call.services.store.read(look, access, call.user.id)
        ids = mailbox_query.found(view, filter_, sort, arguments)
        # sortAsTree and filterAsTree make a place depend on other mailboxes.
        simple = not (arguments["sortAsTree"] or arguments["filterAsTree"])
        return Found(str(view.state), [object_ids.mailbox(id_) for id_ in ids], simple)

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: dict[str, Any]
    ) -> dict[str, Any]:
        """RFC 8621 2.5."""
        view = await look(tx, access, call.user.id)
        parent = _parent(view, call, new["parentId"])
        if new["role"] is not None:
            _check_role(access, view, new["role"])
        path = _child_path(view, parent, new["name"])
        _check_place(view, parent, new["name"])
        if new["shareWith"] and letters.ADMINISTER not in view.rights(parent):
            raise SetFault("forbidden", "you may not share this mailbox")
        grants: dict[int, str] = {}
        if new["shareWith"] is not None:
            shared = (await share_notifications.shared_with(tx, access.account_id)).get(parent, {})
            grants = await mailbox_sharing.grants(tx, call, access, shared, new["shareWith"])
        made = await mailboxes.create(tx, access.account_id, path, call.now())
        if new["role"] is not None or new["sortOrder"]:
            await mailbox_tree.set_attributes(
                tx, access.account_id, made.id, new["role"] or "", new["sortOrder"]
            )
        if access.is_own if new["isSubscribed"] is None else new["isSubscribed"]:
            await mailboxes.subscribe(tx, call.user.id, view.prefix + path)
        if grants:
            await mailbox_sharing.put(tx, call, access, made.id, grants)
        view = await look(tx, access, call.user.id)
        told = view.object(view.tree[made.id], NOTHING)
        if PRINCIPALS not in call.using:
            _without_admin(told)
        return {
            name: value for name, value in told.items() if new.get(name) is None or name == "id"
        }

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """A mailbox as it is."""
        view = await look(tx, access, call.user.id)
        node = view.tree.get(object_ids.read_mailbox(id_) or 0)
        if node is None or letters.LOOKUP not in view.rights(node.id):
            return None
        shared = await share_notifications.shared_with(tx, access.account_id)
        told = view.object(node, None)
        for name in COUNTED:
            del told[name]
        if PRINCIPALS not in call.using:
            _without_admin(told)
        return {**told, "shareWith": mailbox_sharing.told(shared.get(node.id, {}))}

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8621 2.5."""
        old, new = update.old, update.new
        view = await look(tx, access, call.user.id)
        node = view.tree[object_ids.read_mailbox(update.id) or 0]
        parent = _parent(view, call, new["parentId"])
        moves = parent != node.parent_id or new["name"] != old["name"]
        if moves and not old["myRights"]["mayRename"]:
            raise SetFault("forbidden", "this mailbox keeps its name and place")
        role = new["role"] or ""
        if role != node.role:
            _check_role(access, view, role)
        if new["sortOrder"] != node.sort_order and not access.is_own:
            raise SetFault("forbidden", "only the owner changes the order of these mailboxes")
        if node.id == INBOX_ID and role != "inbox":
            raise wrong("the inbox keeps its role", "role")
        grants: dict[int, str] = {}
        if new["shareWith"] != old["shareWith"]:
            if not old["myRights"][ADMIN]:
                raise SetFault("forbidden", "you may not share this mailbox")
            shared = (await share_notifications.shared_with(tx, access.account_id)).get(node.id, {})
            grants = await mailbox_sharing.grants(tx, call, access, shared, new["shareWith"])
        old_path = view.path(node.id)
        path = old_path
        if moves:
            path = _child_path(view, parent, new["name"])
            if node.id in ancestors(view.tree, parent) | {parent}:
                raise wrong("a mailbox cannot be inside of itself", "parentId")
            _check_place(view, parent, new["name"], node.id)
            await _rename(tx, call, access, view, old_path, path)
        if role != node.role or new["sortOrder"] != node.sort_order:
            await mailbox_tree.set_attributes(
                tx, access.account_id, node.id, role, new["sortOrder"]
            )
        if grants:
            await mailbox_sharing.put(tx, call, access, node.id, grants)
        if new["isSubscribed"] != old["isSubscribed"]:
            act = mailboxes.subscribe if new["isSubscribed"] else mailboxes.unsubscribe
            await act(tx, call.user.id, view.prefix + path)
            if not access.is_own:
                await changes.record(tx, access.account_id, ChangeKind.MAILBOX_CHANGED, node.id)
        return None

    async def untangle(
        self, tx: Transaction, call: Call, access: Access, patches: Mapping[str, dict[str, Any]]
    ) -> Collection[str]:
        """Mailboxes that change places or roles with each other leave them, all at once."""
        view = await look(tx, access, call.user.id)
        if freed := await _leave_roles(tx, call, access, view, patches):
            return freed
        references: dict[int, str] = {}
        wanted: dict[int, tuple[int, str]] = {}
        for reference, patch in patches.items():
            node = view.tree.get(object_ids.read_mailbox(call.real(reference) or "") or 0)
            if node is None or patch.keys() - {"name", "parentId"}:
                continue
            name = patch.get("name", node.name)
            if not (_is_name(name) and _nullable_id(patch.get("parentId"))):
                continue
            if view.object(node, None)["myRights"]["mayRename"]:
                with suppress(SetFault):
                    parent = node.parent_id
                    if "parentId" in patch:
                        parent = _parent(view, call, patch["parentId"])
                    wanted[node.id] = (parent, name)
                    references[node.id] = reference
        while stay := _staying(view, wanted):
            wanted = {id_: place for id_, place in wanted.items() if id_ not in stay}
        for id_ in wanted:
            path = view.path(id_)
            aside = path.removesuffix(view.tree[id_].name) + call.services.ids.token(18)
            await _rename(tx, call, access, view, path, aside)
        return [references[id_] for id_ in wanted]

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8621 2.5."""
        view = await look(tx, access, call.user.id)
        node = view.tree.get(object_ids.read_mailbox(id_) or 0)
        if node is None or letters.LOOKUP not in view.rights(node.id):
            raise SetFault("notFound")
        if node.id == INBOX_ID or letters.DELETE not in view.rights(node.id):
            raise SetFault("forbidden", "this mailbox cannot be deleted")
        if any(one.parent_id == node.id for one in view.tree.values()):
            raise SetFault("mailboxHasChild")
        if view.total(node) and not arguments["onDestroyRemoveEmails"]:
            raise SetFault("mailboxHasEmail")
        path = view.path(node.id)
        await mailboxes.destroy(tx, access.account_id, path, call.now())
        await mailboxes.unsubscribe(tx, call.user.id, view.prefix + path)


async def _get(
    tx: Transaction,
    access: Access,
    user_id: int,
    wanted: set[int | None] | None,
    properties: frozenset[str],
) -> Got:
    view = await look(tx, access, user_id)
    found = [one for one in view.visible() if wanted is None or one.id in wanted]
    objects = []
    shared: dict[int, dict[int, str]] = {}
    if "shareWith" in properties:
        shared = await share_notifications.shared_with(tx, access.account_id)
    for node in found:
        whole = view.object(node, None)
        with_ = shared.get(node.id, {}) if whole["myRights"][ADMIN] else {}
        whole["shareWith"] = mailbox_sharing.told(with_)
        objects.append({name: whole[name] for name in whole if name in properties})
    return Got(str(view.state), objects)


async def _unreadable(tx: Transaction, access: Access, user_id: int) -> set[int]:
    """Mailboxes of which the user may not know how much they hold."""
    if access.is_own:
        return set()
    view = await look(tx, access, user_id)
    return {id_ for id_ in view.tree if not view.is_readable(id_)}


async def _changes(
    tx: Transaction, access: Access, user_id: int, since: states.State, limit: int
) -> Changes:
    view = await look(tx, access, user_id)
    created: dict[int, int] = {}
    latest: dict[int, tuple[int, bool]] = {}  # and whether it was the end
    itself: set[int] = set()  # what changed in more than its counters
    for modseq, kind, id_ in await mailbox_tree.changed_since(tx, access.account_id, since.modseq):
        if kind == ChangeKind.MAILBOX_CREATED:
            created[id_] = modseq
        latest[id_] = (modseq, kind == ChangeKind.MAILBOX_DESTROYED)
        itself.add(id_)
    reached = await _reached(tx, access, view, since.modseq)
    for node in view.visible():
        at = max(node.modseq, reached.get(node.id, 0))
        if at >= since.modseq and at > latest.get(node.id, (0, 0))[0]:
            latest[node.id] = (at, False)
    changed = []
    for id_, (modseq, is_gone) in latest.items():
        if is_gone and created.get(id_, 0) > since.modseq:
            continue  # came and went unseen
        # One may be gone for this user alone, who shares it no longer.
        is_hidden = letters.LOOKUP not in view.rights(id_)
        changed.append(Changed(modseq, id_, created.get(id_, 0), is_gone or is_hidden))
    told = states.page(changed, since, view.state, limit, object_ids.mailbox)
    only_counts = itself.isdisjoint(object_ids.read_mailbox(one) or 0 for one in told.updated)
    properties = list(COUNTS) if told.updated and only_counts else None
    return told._replace(more={"updatedProperties": properties})


async def _reached(tx: Transaction, access: Access, view: View, modseq: int) -> dict[int, int]:
    """Where threads have emails of which any changed with this modseq or later, and when at last.

    For `unreadThreads` counts what is unread in other mailboxes (RFC 8621 2).
    """
    found, _ = await email_changes.since(tx, access.account_id, modseq)
    if len(found) > FOLLOWED:  # it may be any mailbox
        return dict.fromkeys(view.tree, view.state)
    threads = await email_changes.threads_left(tx, access.account_id, modseq, found)
    for one in found:
        if one.thread_id:
            threads[one.thread_id] = max(one.modseq, threads.get(one.thread_id, 0))
    reached: dict[int, int] = {}
    for thread_id, those in (
        await thread_members.members(tx, access.account_id, threads)
    ).items():  # fmt: skip
        for _, mailbox_id, _ in those:
            reached[mailbox_id] = max(threads[thread_id], reached.get(mailbox_id, 0))
    return reached


# Of /set


def _parent(view: View, call: Call, given: str | None) -> int:
    """The parent that an object names, 0 for the top."""
    if given is None:
        return 0
    id_ = object_ids.read_mailbox(call.refer(given, "parentId")) or 0
    if id_ not in view.tree or letters.LOOKUP not in view.rights(id_):
        raise wrong("there is no such parent", "parentId")
    return id_


def _child_path(view: View, parent: int, name: str) -> str:
    return (view.path(parent) + SEPARATOR if parent else "") + name


async def _rename(
    tx: Transaction, call: Call, access: Access, view: View, old: str, new: str
) -> None:
    """Give a mailbox another path; what the user subscribes to stays subscribed."""
    await mailboxes.rename(tx, access.account_id, old, new, call.now())
    await mailboxes.follow(tx, call.user.id, view.prefix + old, view.prefix + new)


def _staying(view: View, wanted: Mapping[int, tuple[int, str]]) -> set[int]:
    """Those of mailboxes that cannot have the places they want though all of them leave theirs."""
    left = {(view.tree[id_].parent_id, view.tree[id_].name) for id_ in wanted}
    stay = {id_ for id_, place in wanted.items() if place not in left}
    seen: dict[tuple[int, str], int] = {}
    for id_, place in wanted.items():
        if seen.setdefault(place, id_) != id_ or place[0] in wanted:
            stay.add(id_)
    return stay


def _check_role(access: Access, view: View, role: str) -> None:
    """Raise SetFault unless a mailbox may get this role, or lose the one it has.

    Roles say where the owner's mail is put, and what of it is thrown away; so no right in a
    mailbox is one to change them.
    """
    if not access.is_own:
        raise SetFault("forbidden", "only the owner gives and takes roles here")
    if role and role in {one.role for one in view.tree.values()}:
        raise wrong("another mailbox has that role", "role")


async def _leave_roles(
    tx: Transaction, call: Call, access: Access, view: View, patches: Mapping[str, dict[str, Any]]
) -> list[str]:
    """Take the roles of mailboxes that want each other's; which those are."""
    wanted: dict[int, tuple[str, str]] = {}
    for reference, patch in patches.items():
        node = view.tree.get(object_ids.read_mailbox(call.real(reference) or "") or 0)
        if node is None or node.id == INBOX_ID or patch.keys() != {"role"} or not access.is_own:
            continue
        if _is_role(patch["role"]) and patch["role"]:
            wanted[node.id] = (patch["role"], reference)
    while True:
        left = {view.tree[id_].role for id_ in wanted} - {""}
        given = Counter(role for role, _ in wanted.values())
        stay = [id_ for id_, (role, _) in wanted.items() if role not in left or given[role] > 1]
        if not stay:
            break
        for id_ in stay:
            del wanted[id_]
    for id_ in wanted:
        order = view.tree[id_].sort_order
        await mailbox_tree.set_attributes(tx, access.account_id, id_, "", order)
    return [reference for _, reference in wanted.values()]


def _check_place(view: View, parent: int, name: str, own: int = 0) -> None:
    """Raise SetFault when a mailbox cannot get a name below a parent."""
    if parent and letters.CREATE not in view.rights(parent):
        raise SetFault("forbidden", "no mailbox can be made there")
    if not parent and view.rights(0) != letters.ALL:
        raise SetFault("forbidden", "no mailbox can be made there")
    depth = len(ancestors(view.tree, parent)) + 1 + bool(parent)
    if depth > DEPTH_MAX:
        raise wrong(f"a mailbox lies at most {DEPTH_MAX} levels deep", "parentId")
    for one in view.tree.values():
        same = one.name == name or (not parent and name.upper() == "INBOX" == one.name)
        if one.parent_id == parent and one.id != own and same:
            raise wrong("a mailbox of that name is there already", "name")
    try:
        mailboxes.new_levels(name)
    except Fault as fault:
        if fault.kind is faults.Kind.SYNTAX or not parent:
            raise wrong(fault.text, "name") from None

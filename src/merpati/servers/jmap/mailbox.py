"""Mailboxes (RFC 8621 2): folders with a parent, a role, counters, and what one may do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from merpati.base import faults
from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.change import ChangeKind
from merpati.model.mailbox import DEPTH_MAX, INBOX_ID, NAME_MAX, SEPARATOR
from merpati.servers.jmap import states
from merpati.servers.jmap.call import MAIL, Access, Call
from merpati.servers.jmap.kind import Changes, Found, Got, Kind, Property, server_set
from merpati.servers.jmap.states import Changed, Fate
from merpati.services.thread_counts import ThreadCounts
from merpati.store import changes, mailbox_tree, mailboxes, rights
from merpati.store.engine import Transaction
from merpati.store.mailbox_tree import Node, Threads
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
SORT_ORDER_MAX: Final = 2**31 - 1
# What each right of RFC 8621 2 takes of RFC 4314.
RIGHTS: Final = {
    "mayReadItems": "lr",
    "mayAddItems": "i",
    "mayRemoveItems": "te",
    "maySetSeen": "s",
    "maySetKeywords": "w",
    "mayCreateChild": "k",
    "mayRename": "x",
    "mayDelete": "x",
    "maySubmit": "p",
}

_nullable_id: Final = nullable(is_reference)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= NAME_MAX
        and SEPARATOR not in value
        and value.isprintable()
    )


def _is_role(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in ROLES)


def _is_order(value: Any) -> bool:
    return is_unsigned(value) and value <= SORT_ORDER_MAX


class _Shown:
    """The mailboxes of an account that the user may see, at one moment."""

    def __init__(
        self,
        tree: dict[int, Node],
        held: Mapping[int, str] | None,
        subscribed: frozenset[str],
        state: int,
        drafts: Mapping[int, int],
    ) -> None:
        """`held`: the rights in each mailbox, None for all in all; `drafts`: unseen ones."""
        self.tree = tree
        self._held = held
        self._subscribed = subscribed
        self.state = state
        self._drafts = drafts

    def rights(self, id_: int) -> str:
        """What the user may do in a mailbox."""
        return letters.ALL if self._held is None else self._held.get(id_, letters.NONE)

    def visible(self) -> list[Node]:
        """The mailboxes there are, for this user."""
        return [one for one in self.tree.values() if letters.LOOKUP in self.rights(one.id)]

    def object(self, node: Node, threads: Threads | None) -> dict[str, Any]:
        """A mailbox as its properties."""
        held = self.rights(node.id)
        may = {name: not letters.without(needed, held) for name, needed in RIGHTS.items()}
        if node.id == INBOX_ID:
            may["mayRename"] = may["mayDelete"] = False
        parent = node.parent_id if letters.LOOKUP in self.rights(node.parent_id) else 0
        return {
            "id": object_ids.mailbox(node.id),
            "name": "Inbox" if node.id == INBOX_ID else node.name,
            "parentId": object_ids.mailbox(parent) if parent else None,
            "role": node.role or None,
            "sortOrder": node.sort_order,
            "totalEmails": node.total,
            "unreadEmails": node.unseen - self._drafts.get(node.id, 0),
            "totalThreads": threads.total if threads else 0,
            "unreadThreads": threads.unread if threads else 0,
            "myRights": may,
            "isSubscribed": mailbox_tree.path(self.tree, node.id) in self._subscribed,
        }


async def shown(tx: Transaction, access: Access, user_id: int) -> _Shown:
    """What a user sees of an account."""
    tree = await mailbox_tree.nodes(tx, access.account_id)
    held = None
    subscribed: frozenset[str] = frozenset()
    if access.is_own:
        subscribed = frozenset(await mailboxes.subscriptions(tx, access.account_id))
    else:
        held = (await rights.all_held(tx, user_id)).get(access.account_id, {})
    drafts = await mailbox_tree.unseen_drafts(tx, access.account_id)
    return _Shown(tree, held, subscribed, await changes.current(tx, access.account_id), drafts)


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
        "isSubscribed": Property(is_bool, default=False),
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
        if properties & THREADS:  # after the state: what changes between is told once more
            counts = await self._counts.of(access.account_id)
            for one in got.objects:
                threads = counts.get(object_ids.read_mailbox(one["id"]) or 0, Threads(0, 0))
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
        return await call.services.store.read(_changes, access, call.user.id, state, limit)

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """RFC 8621 2.3."""
        view = await call.services.store.read(shown, access, call.user.id)
        objects = {node.id: view.object(node, None) for node in view.visible()}
        matching = {id_ for id_, one in objects.items() if _matches(one, filter_)}
        if arguments["filterAsTree"]:
            matching = {id_ for id_ in matching if _ancestors(view.tree, id_) <= matching}
        paths = {id_: _names(view.tree, objects, id_) for id_ in objects}

        if arguments["sortAsTree"]:
            ids = _tree_order(view.tree, matching, objects, sort)
        else:
            ids = _sorted(list(matching), objects, paths, sort)
        # sortAsTree and filterAsTree make a place depend on other mailboxes.
        simple = not (arguments["sortAsTree"] or arguments["filterAsTree"])
        return Found(str(view.state), [object_ids.mailbox(id_) for id_ in ids], simple)

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: dict[str, Any]
    ) -> dict[str, Any]:
        """RFC 8621 2.5."""
        view = await shown(tx, access, call.user.id)
        parent = _parent(view, call, new["parentId"])
        if new["role"] is not None and new["role"] in {one.role for one in view.tree.values()}:
            raise wrong("another mailbox has that role", "role")
        path = _child_path(view.tree, parent, new["name"])
        _check_place(view, parent, new["name"])
        made = await mailboxes.create(tx, access.account_id, path, call.now())
        if new["role"] is not None or new["sortOrder"]:
            await mailbox_tree.set_attributes(
                tx, access.account_id, made.id, new["role"] or "", new["sortOrder"]
            )
        if new["isSubscribed"] and access.is_own:
            await mailboxes.subscribe(tx, access.account_id, path)
        view = await shown(tx, access, call.user.id)
        told = view.object(view.tree[made.id], Threads(0, 0))
        return {name: value for name, value in told.items() if name not in new}

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """A mailbox as it is."""
        view = await shown(tx, access, call.user.id)
        node = view.tree.get(object_ids.read_mailbox(id_) or 0)
        if node is None or letters.LOOKUP not in view.rights(node.id):
            return None
        return view.object(node, Threads(0, 0))

    async def update(
        self,
        tx: Transaction,
        call: Call,
        access: Access,
        id_: str,
        old: dict[str, Any],
        new: dict[str, Any],
        touched: frozenset[str],
    ) -> dict[str, Any] | None:
        """RFC 8621 2.5."""
        view = await shown(tx, access, call.user.id)
        node = view.tree[object_ids.read_mailbox(id_) or 0]
        parent = _parent(view, call, new["parentId"])
        moves = parent != node.parent_id or new["name"] != old["name"]
        if moves and not old["myRights"]["mayRename"]:
            raise SetFault("forbidden", "this mailbox keeps its name and place")
        role = new["role"] or ""
        if role and role != node.role and role in {one.role for one in view.tree.values()}:
            raise wrong("another mailbox has that role", "role")
        if node.id == INBOX_ID and role != "inbox":
            raise wrong("the inbox keeps its role", "role")
        old_path = mailbox_tree.path(view.tree, node.id)
        path = old_path
        if moves:
            path = _child_path(view.tree, parent, new["name"])
            if node.id in _ancestors(view.tree, parent) | {parent}:
                raise wrong("a mailbox cannot be inside of itself", "parentId")
            _check_place(view, parent, new["name"], node.id)
            await mailboxes.rename(tx, access.account_id, old_path, path, call.now())
        if role != node.role or new["sortOrder"] != node.sort_order:
            await mailbox_tree.set_attributes(
                tx, access.account_id, node.id, role, new["sortOrder"]
            )
        if access.is_own and (moves or new["isSubscribed"] != old["isSubscribed"]):
            if old["isSubscribed"]:
                await mailboxes.unsubscribe(tx, access.account_id, old_path)
            if new["isSubscribed"]:
                await mailboxes.subscribe(tx, access.account_id, path)
            if not moves:
                await changes.record(tx, access.account_id, ChangeKind.MAILBOX_CHANGED, node.id)
        return None

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8621 2.5."""
        view = await shown(tx, access, call.user.id)
        node = view.tree.get(object_ids.read_mailbox(id_) or 0)
        if node is None or letters.LOOKUP not in view.rights(node.id):
            raise SetFault("notFound")
        if node.id == INBOX_ID or letters.DELETE not in view.rights(node.id):
            raise SetFault("forbidden", "this mailbox cannot be deleted")
        if any(one.parent_id == node.id for one in view.tree.values()):
            raise SetFault("mailboxHasChild")
        if node.total and not arguments["onDestroyRemoveEmails"]:
            raise SetFault("mailboxHasEmail")
        path = mailbox_tree.path(view.tree, node.id)
        await mailboxes.destroy(tx, access.account_id, path, call.now())
        if access.is_own:
            await mailboxes.unsubscribe(tx, access.account_id, path)


async def _get(
    tx: Transaction,
    access: Access,
    user_id: int,
    wanted: set[int | None] | None,
    properties: frozenset[str],
) -> Got:
    view = await shown(tx, access, user_id)
    found = [one for one in view.visible() if wanted is None or one.id in wanted]
    objects = []
    for node in found:
        whole = view.object(node, None)
        objects.append({name: whole[name] for name in whole if name in properties})
    return Got(str(view.state), objects)


async def _changes(
    tx: Transaction, access: Access, user_id: int, since: states.State, limit: int
) -> Changes:
    view = await shown(tx, access, user_id)
    created: dict[int, int] = {}
    latest: dict[int, tuple[int, Fate]] = {}
    itself: set[int] = set()  # what changed in more than its counters
    for modseq, kind, id_ in await mailbox_tree.changed_since(tx, access.account_id, since.modseq):
        if kind == ChangeKind.MAILBOX_CREATED and modseq > since.modseq:
            created[id_] = modseq
        fate = Fate.DESTROYED if kind == ChangeKind.MAILBOX_DESTROYED else Fate.UPDATED
        latest[id_] = (modseq, fate)
        itself.add(id_)
    for node in view.visible():
        if node.modseq >= since.modseq and node.modseq > latest.get(node.id, (0, 0))[0]:
            latest[node.id] = (node.modseq, Fate.UPDATED)
    changed = []
    for id_, (modseq, fate) in latest.items():
        if fate is Fate.DESTROYED and id_ in created:
            continue  # came and went unseen
        if fate is not Fate.DESTROYED and letters.LOOKUP not in view.rights(id_):
            continue
        new = id_ in created and fate is not Fate.DESTROYED
        changed.append(Changed(modseq, id_, Fate.CREATED if new else fate))
    told = states.page(changed, since, view.state, limit, object_ids.mailbox)
    only_counts = itself.isdisjoint(object_ids.read_mailbox(one) or 0 for one in told.updated)
    properties = list(COUNTS) if told.updated and only_counts else None
    return told._replace(more={"updatedProperties": properties})


# Of /set


def _parent(view: _Shown, call: Call, given: str | None) -> int:
    """The parent that an object names, 0 for the top."""
    if given is None:
        return 0
    id_ = object_ids.read_mailbox(call.refer(given, "parentId")) or 0
    if id_ not in view.tree or letters.LOOKUP not in view.rights(id_):
        raise wrong("there is no such parent", "parentId")
    return id_


def _child_path(tree: dict[int, Node], parent: int, name: str) -> str:
    return (mailbox_tree.path(tree, parent) + SEPARATOR if parent else "") + name


def _check_place(view: _Shown, parent: int, name: str, own: int = 0) -> None:
    """Raise SetFault when a mailbox cannot get a name below a parent."""
    if parent and letters.CREATE not in view.rights(parent):
        raise SetFault("forbidden", "no mailbox can be made there")
    if not parent and view.rights(0) != letters.ALL:
        raise SetFault("forbidden", "no mailbox can be made there")
    depth = len(_ancestors(view.tree, parent)) + 1 + bool(parent)
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


def _ancestors(tree: dict[int, Node], id_: int) -> set[int]:
    """The mailboxes above one."""
    found = set()
    while id_ in tree and (id_ := tree[id_].parent_id):
        found.add(id_)
    return found


# Of /query


def _matches(one: dict[str, Any], filter_: Any) -> bool:
    """Whether a mailbox meets a filter whose shape has been checked."""
    if not filter_:
        return True
    if "operator" in filter_:
        results = (_matches(one, inner) for inner in filter_["conditions"])
        if filter_["operator"] == "AND":
            return all(results)
        wanted: bool = filter_["operator"] == "OR"
        return any(results) is wanted
    return all(_meets(one, name, value) for name, value in filter_.items())


def _meets(one: dict[str, Any], name: str, value: Any) -> bool:
    if name == "name":
        return value.casefold() in one["name"].casefold()
    if name == "hasAnyRole":
        return bool((one["role"] is not None) == value)
    return bool(one[name] == value)


def _names(tree: dict[int, Node], objects: dict[int, dict[str, Any]], id_: int) -> list[str]:
    """The names from the top down to a mailbox, folded."""
    names = []
    while id_ in objects:
        names.append(objects[id_]["name"].casefold())
        id_ = tree[id_].parent_id
    return names[::-1]


def _order(
    one: dict[str, Any], path: list[str], sort: Sequence[Mapping[str, Any]]
) -> tuple[Any, ...]:
    values = {"sortOrder": one["sortOrder"], "name": one["name"].casefold(), "parentId": path[:-1]}
    return tuple(values[comparator["property"]] for comparator in sort)


def _sorted(
    ids: list[int],
    objects: dict[int, dict[str, Any]],
    paths: dict[int, list[str]],
    sort: Sequence[Mapping[str, Any]],
) -> list[int]:
    ids.sort()
    for comparator in reversed(sort):
        ids.sort(
            key=lambda id_: _order(objects[id_], paths[id_], [comparator]),
            reverse=not comparator["isAscending"],
        )
    return ids


def _tree_order(
    tree: dict[int, Node],
    matching: set[int],
    objects: dict[int, dict[str, Any]],
    sort: Sequence[Mapping[str, Any]],
) -> list[int]:
    """Each mailbox before its children, siblings in the order asked for."""
    children: dict[int, list[int]] = {}
    for id_ in objects:
        parent = tree[id_].parent_id
        children.setdefault(parent if parent in objects else 0, []).append(id_)
    paths = {id_: _names(tree, objects, id_) for id_ in objects}
    ordered: list[int] = []
    waiting = [_sorted(children.get(0, []), objects, paths, sort)[::-1]]
    while waiting:
        if not waiting[-1]:
            waiting.pop()
            continue
        id_ = waiting[-1].pop()
        if id_ in matching:
            ordered.append(id_)
        waiting.append(_sorted(children.get(id_, []), objects, paths, sort)[::-1])
    return ordered

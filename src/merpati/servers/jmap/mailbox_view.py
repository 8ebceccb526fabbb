"""The mailboxes of an account as one user sees them, at one moment (RFC 8621 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.mailbox import INBOX_ID
from merpati.servers.jmap.call import Access
from merpati.store import changes, email_marks, mailbox_tree, mailboxes, places, rights
from merpati.store.email_marks import NONE
from merpati.store.mailbox_tree import Node, Threads

if TYPE_CHECKING:
    from merpati.store.email_marks import LeftOut
    from merpati.store.engine import Transaction

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
ADMIN: Final = "mayAdmin"  # whether one may share it with others


def rights_object(held: str) -> dict[str, bool]:
    """Rights as RFC 8621 2 tells them, and whether they let one share."""
    may = {name: not letters.without(needed, held) for name, needed in RIGHTS.items()}
    return {**may, ADMIN: letters.ADMINISTER in held}


class View:
    """The mailboxes of an account that the user may see.

    Attributes:
        tree: all mailboxes of the account, by their numbers.
        state: the account's modseq.
        prefix: what stands before their paths in the names that the user subscribes to.
    """

    def __init__(
        self,
        tree: dict[int, Node],
        held: Mapping[int, str] | None,
        subscribed: frozenset[str],
        state: int,
        left_out: Mapping[int, LeftOut],
        prefix: str = "",
    ) -> None:
        """`held`: the rights in each mailbox, None for all in all; `left_out`: of its counters."""
        self.tree = tree
        self._held = held
        self._subscribed = subscribed
        self.state = state
        self.prefix = prefix
        self._left_out = left_out

    def rights(self, id_: int) -> str:
        """What the user may do in a mailbox."""
        return letters.ALL if self._held is None else self._held.get(id_, letters.NONE)

    def visible(self) -> list[Node]:
        """The mailboxes there are, for this user."""
        return [one for one in self.tree.values() if letters.LOOKUP in self.rights(one.id)]

    def path(self, id_: int) -> str:
        """By which the owner names a mailbox."""
        return mailbox_tree.path(self.tree, id_)

    def total(self, node: Node) -> int:
        """How many emails of a mailbox are shown."""
        return node.total - self._left_out.get(node.id, NONE).total

    def is_readable(self, id_: int) -> bool:
        """Whether the user may know what a mailbox holds, and so how much."""
        return letters.READ in self.rights(id_)

    def object(self, node: Node, threads: Threads | None) -> dict[str, Any]:
        """A mailbox as its properties, but those of `threads` and with whom it is shared."""
        total, unread = self.total(node), node.unseen - self._left_out.get(node.id, NONE).unseen
        if not self.is_readable(node.id):
            total = unread = 0
        may = rights_object(self.rights(node.id))
        if node.id == INBOX_ID:
            may["mayRename"] = may["mayDelete"] = False
        parent = node.parent_id if letters.LOOKUP in self.rights(node.parent_id) else 0
        return {
            "id": object_ids.mailbox(node.id),
            "name": "Inbox" if node.id == INBOX_ID else node.name,
            "parentId": object_ids.mailbox(parent) if parent else None,
            "role": node.role or None,
            "sortOrder": node.sort_order,
            "totalEmails": total,
            "unreadEmails": unread,
            "totalThreads": threads.total if threads else 0,
            "unreadThreads": threads.unread if threads else 0,
            "myRights": may,
            "isSubscribed": self.prefix + self.path(node.id) in self._subscribed,
        }


async def look(tx: Transaction, access: Access, user_id: int) -> View:
    """What a user sees of an account."""
    tree = await mailbox_tree.nodes(tx, access.account_id)
    held = None
    prefix = ""
    if not access.is_own:
        held = (await rights.all_held(tx, user_id)).get(access.account_id, {})
        prefix = await places.prefix(tx, user_id, access.account_id)
    subscribed = frozenset(await mailboxes.subscriptions(tx, user_id))
    left_out = await email_marks.left_out(tx, access.account_id)
    state = await changes.current(tx, access.account_id)
    return View(tree, held, subscribed, state, left_out, prefix)


def ancestors(tree: dict[int, Node], id_: int) -> set[int]:
    """The mailboxes above one."""
    found = set()
    while id_ in tree and (id_ := tree[id_].parent_id):
        found.add(id_)
    return found

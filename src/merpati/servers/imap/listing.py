r"""LIST and LSUB (RFC 3501 6.3.8, 6.3.9), with all of RFC 5258, 5819 and 6154.

An account has at most some thousand mailboxes, so a listing takes them all from the store
in one query and decides in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from merpati.model.mailbox import SEPARATOR, Mailbox
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.mailboxes import SPECIAL_USE, status_line
from merpati.store import mailboxes
from merpati.store.engine import Transaction
from merpati.wire.imap import commands, names, responses
from merpati.wire.imap.commands import ListReturn, ListSelection


class _Tree(msgspec.Struct):
    """What an account has."""

    mailboxes: dict[str, Mailbox]
    subscribed: set[str]
    parents: set[str]  # of mailboxes


class _Line(msgspec.Struct):
    """One LIST response."""

    name: str
    attributes: list[bytes]
    mailbox: Mailbox | None = None
    subscribed_child: bool = False  # CHILDINFO


async def list_(client: Client, command: commands.List) -> Done:
    """LIST."""
    if not command.extended and not command.patterns[0]:
        client.connection.write(responses.separator())
        return Done("LIST completed")
    tree = await client.services.store.read(_tree, client.account_id)
    match = _matcher(command.reference, command.patterns)
    for line in _lines(tree, command, match):
        info = (b"SUBSCRIBED",) if line.subscribed_child else ()
        client.connection.write(responses.mailbox_list(line.name, line.attributes, child_info=info))
        if command.status and line.mailbox is not None:
            client.connection.write(await status_line(client, line.mailbox, command.status))
    return Done("LIST completed")


async def lsub(client: Client, command: commands.Lsub) -> Done:
    r"""LSUB: subscribed names, and for `%` their parents as \Noselect."""
    tree = await client.services.store.read(_tree, client.account_id)
    match = _matcher(command.reference, (command.pattern,))
    above = _parents(tree.subscribed) if command.pattern.endswith("%") else set()
    for name in sorted(filter(match, tree.subscribed | above)):
        attributes = () if name in tree.subscribed else (b"\\Noselect",)
        client.connection.write(responses.mailbox_list(name, attributes, kind=b"LSUB"))
    return Done("LSUB completed")


async def _tree(tx: Transaction, account_id: int) -> _Tree:
    found = await mailboxes.listing(tx, account_id)
    return _Tree(
        mailboxes={mailbox.name: mailbox for mailbox in found},
        subscribed=set(await mailboxes.subscriptions(tx, account_id)),
        parents=_parents(mailbox.name for mailbox in found),
    )


def _parents(paths: Iterable[str]) -> set[str]:
    """Every path above any of these."""
    above = set()
    for path in paths:
        parent = path.rpartition(SEPARATOR)[0]
        while parent and parent not in above:
            above.add(parent)
            parent = parent.rpartition(SEPARATOR)[0]
    return above


def _matcher(reference: str, patterns: Iterable[str]) -> Callable[[str], bool]:
    compiled = [names.Pattern(reference, pattern) for pattern in patterns]
    return lambda name: any(pattern.matches(name) for pattern in compiled)


def _lines(tree: _Tree, command: commands.List, match: Callable[[str], bool]) -> Iterable[_Line]:
    """The mailboxes to show, in the order of the store, then names only subscribed to."""
    selection, returns = command.selection, command.returns
    by_subscription = ListSelection.SUBSCRIBED in selection
    by_use = ListSelection.SPECIAL_USE in selection
    recursive = ListSelection.RECURSIVEMATCH in selection
    show_subscribed = by_subscription or ListReturn.SUBSCRIBED in returns
    above = _parents(tree.subscribed) if recursive and by_subscription else set()
    candidates = list(tree.mailboxes)
    if by_subscription:
        candidates += sorted((tree.subscribed | above) - tree.mailboxes.keys())
    for name in candidates:
        if not match(name):
            continue
        mailbox = tree.mailboxes.get(name)
        role = SPECIAL_USE.get(mailbox.role) if mailbox is not None else None
        chosen = (not by_subscription or name in tree.subscribed) and not (by_use and not role)
        # RFC 5258 3.5: a parent is shown for children that the patterns did not show.
        child = name in above and not all(
            match(path) for path in tree.subscribed if path.startswith(name + SEPARATOR)
        )
        if not chosen and not child:
            continue
        attributes = []
        if mailbox is None:
            attributes.append(b"\\NonExistent")
        attributes.append(b"\\HasChildren" if name in tree.parents else b"\\HasNoChildren")
        if show_subscribed and name in tree.subscribed:
            attributes.append(b"\\Subscribed")
        if role:
            attributes.append(role)
        yield _Line(name, attributes, mailbox, subscribed_child=child)

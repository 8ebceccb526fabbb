r"""LIST and LSUB (RFC 3501 6.3.8, 6.3.9), with all of RFC 5258, 5819, 6154, 8440 and 9590.

A user sees at most some thousand mailboxes, so a listing takes them all from the store
in a few queries and decides in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from merpati.model import rights as letters
from merpati.model.mailbox import SEPARATOR
from merpati.servers.imap import metadata
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.mailboxes import SPECIAL_USE, status_line
from merpati.store import mailboxes, places
from merpati.store.engine import Transaction
from merpati.store.places import Place
from merpati.wire.imap import acl, commands, names, responses
from merpati.wire.imap.commands import ListReturn, ListSelection, StatusItem


class _Tree(msgspec.Struct):
    """What a user sees."""

    user_id: int
    places: dict[str, Place]
    subscribed: set[str]
    parents: set[str]  # of mailboxes


class _Line(msgspec.Struct):
    """One LIST response; `place` is there if more may be told of it."""

    name: str
    attributes: list[bytes]
    place: Place | None = None
    child_subscribed: bool = False  # CHILDINFO


async def list_(client: Client, command: commands.List) -> Done:
    """LIST."""
    if not command.extended and not command.patterns[0]:
        client.connection.write(responses.separator())
        return Done("LIST completed")
    if StatusItem.HIGHESTMODSEQ in command.status:  # RFC 7162 3.1 means STATUS however it is asked
        client.enable_condstore()
    tree = await client.services.store.read(_tree, client.account_id)
    for line in _lines(tree, command):
        info = (b"SUBSCRIBED",) if line.child_subscribed else ()
        client.connection.write(
            responses.mailbox_list(line.name, line.attributes, child_info=info, utf8=client.utf8)
        )
        if line.place is not None:
            await _tell_more(client, line.place, command)
    return Done("LIST completed")


async def _tell_more(client: Client, place: Place, command: commands.List) -> None:
    """What RETURN asks for beside the LIST response itself."""
    if command.status and letters.READ in place.rights:
        client.connection.write(await status_line(client, place, command.status))
    if ListReturn.MYRIGHTS in command.returns:  # RFC 8440
        rights = letters.shown(place.rights)
        client.connection.write(acl.my_rights(place.path, rights, utf8=client.utf8))
    if command.metadata:
        await metadata.tell(client, place, command.metadata)


async def lsub(client: Client, command: commands.Lsub) -> Done:
    r"""LSUB: subscribed names, and for `%` their parents as \Noselect."""
    tree = await client.services.store.read(_tree, client.account_id)
    match = _matcher(command.reference, (command.pattern,))
    above = parents(tree.subscribed) if command.pattern.endswith("%") else set()
    for name in sorted(filter(match, tree.subscribed | above)):
        attributes = () if name in tree.subscribed else (b"\\Noselect",)
        client.connection.write(
            responses.mailbox_list(name, attributes, kind=b"LSUB", utf8=client.utf8)
        )
    return Done("LSUB completed")


async def _tree(tx: Transaction, user_id: int) -> _Tree:
    found = await places.listing(tx, user_id)
    return _Tree(
        user_id=user_id,
        places={place.path: place for place in found},
        subscribed=set(await mailboxes.subscriptions(tx, user_id)),
        parents=parents(place.path for place in found),
    )


def parents(paths: Iterable[str]) -> set[str]:
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


def _lines(tree: _Tree, command: commands.List) -> Iterable[_Line]:
    """The mailboxes to show, in the order of the store, then names without one."""
    # RFC 9051 6.3.9: those that are empty mean nothing.
    patterns = [pattern for pattern in command.patterns if pattern]
    match = _matcher(command.reference, patterns)
    # RFC 3501 6.3.8: levels above mailboxes that are none, for what does not ask for all below.
    match_level = _matcher(command.reference, [one for one in patterns if not one.endswith("*")])
    selection, returns = command.selection, command.returns
    by_subscription = ListSelection.SUBSCRIBED in selection
    by_use = ListSelection.SPECIAL_USE in selection
    recursive = ListSelection.RECURSIVEMATCH in selection
    show_subscribed = by_subscription or ListReturn.SUBSCRIBED in returns
    above = parents(tree.subscribed) if recursive and by_subscription else set()
    candidates = list(tree.places)
    if by_subscription:
        candidates += sorted((tree.subscribed | above) - tree.places.keys())
    elif not by_use:
        candidates += sorted(filter(match_level, tree.parents - tree.places.keys()))
    for name in candidates:
        if not match(name):
            continue
        place = tree.places.get(name)
        own = place is not None and place.account_id == tree.user_id
        # Others' special uses are theirs: a client would put its own sent mail there.
        role = SPECIAL_USE.get(place.mailbox.role) if place is not None and own else None
        chosen = (not by_subscription or name in tree.subscribed) and not (by_use and not role)
        # RFC 9051 6.3.9.6: it tells of children; but what was not asked for itself is shown
        # only if the patterns do not show all of them.
        child = name in above
        if not chosen and not (child and _hides_some(tree.subscribed, name, match)):
            continue
        attributes = []
        if place is None:  # one of the two (RFC 9051 9, mbx-list-sflag); RFC 3501 knows only this
            attributes.append(b"\\NonExistent" if command.extended else b"\\Noselect")
        elif letters.READ not in place.rights:  # RFC 5819 2
            attributes.append(b"\\Noselect")
        attributes.append(b"\\HasChildren" if name in tree.parents else b"\\HasNoChildren")
        if show_subscribed and name in tree.subscribed:
            attributes.append(b"\\Subscribed")
        if role:
            attributes.append(role)
        yield _Line(name, attributes, place if chosen else None, child_subscribed=child)


def _hides_some(paths: Iterable[str], above: str, match: Callable[[str], bool]) -> bool:
    """Whether a path below another does not match."""
    return not all(match(path) for path in paths if path.startswith(above + SEPARATOR))

"""UIDONLY (RFC 9586): a client that has given up sequence numbers may not name messages by them."""

from __future__ import annotations

from merpati.servers.imap.legal import Refused
from merpati.wire.imap import commands
from merpati.wire.imap import search as keys
from merpati.wire.imap.session import UIDREQUIRED


def check(command: commands.Command) -> None:
    """Raise Fault with UIDREQUIRED when a command takes or gives sequence numbers (3.1, 3.6)."""
    key = getattr(command, "key", None)
    resync = command.qresync if isinstance(command, commands.Select) else None
    if (
        getattr(command, "uid", True) is False
        or (key is not None and numbered(key))
        or (resync is not None and resync.match is not None)
    ):
        raise required()


def required() -> Refused:
    """The refusal of sequence numbers."""
    return Refused("name messages by their UIDs", UIDREQUIRED, bad=True)


def numbered(key: keys.SearchKey) -> bool:
    """Whether a sequence number stands anywhere in a tree of search keys."""
    todo: list[object] = [key]
    while todo:
        each = todo.pop()
        if isinstance(each, keys.Numbers) and not each.set.saved:
            return True
        todo += getattr(each, "keys", ())
        inner = getattr(each, "key", None)
        if inner is not None:
            todo.append(inner)
    return False

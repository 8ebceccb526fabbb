"""All methods, and the capabilities that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from merpati.servers.jmap import email_query
from merpati.servers.jmap.call import CORE, MAIL, JmapSettings, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.email_query import EmailQuery
from merpati.servers.jmap.kind import Kind
from merpati.servers.jmap.mailbox import Mailbox
from merpati.servers.jmap.querying import query, query_changes
from merpati.servers.jmap.reading import changes, get
from merpati.servers.jmap.thread import Thread
from merpati.servers.jmap.writing import set_
from merpati.services.finding.finder import Finder

STANDARD: Final = {
    "get": get,
    "changes": changes,
    "set": set_,
    "query": query,
    "queryChanges": query_changes,
}


def of(kind: Kind, *names: str) -> dict[str, Method]:
    """The standard methods of a data type, by their names."""
    return {f"{kind.name}/{name}": STANDARD[name](kind) for name in names}


def methods(finder: Finder) -> dict[str, Method]:
    """Every method but Core/echo."""
    return {
        **of(Mailbox(), "get", "changes", "set", "query", "queryChanges"),
        **of(Thread(), "get", "changes"),
        **of(Email(EmailQuery(finder)), "get", "changes", "set", "query", "queryChanges"),
    }


def mail(settings: JmapSettings, message_size: int) -> Mapping[str, Any]:
    """What an account can do with mail (RFC 8621 1.3.1)."""
    return {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": 20,
        "maxSizeMailboxName": 200,
        "maxSizeAttachmentsPerEmail": min(message_size, settings.upload_size) * 7 // 10,
        "emailQuerySortOptions": (*email_query.SORTS, *email_query.THREAD_SORTS),
        "mayCreateTopLevelMailbox": True,
    }


CAPABILITIES: Final[Mapping[str, Mapping[str, Any]]] = {MAIL: {}}
ALL: Final = frozenset({CORE, *CAPABILITIES})

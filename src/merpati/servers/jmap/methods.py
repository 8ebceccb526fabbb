"""All methods, and the capabilities that tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from merpati.servers.jmap import (
    blob,
    email_import,
    email_parse,
    email_query,
    label,
    mdn,
    reminders,
    removed,
    safe_html,
    sieve_script,
    smime,
    snippet,
    submission,
)
from merpati.servers.jmap.blob import BLOB
from merpati.servers.jmap.call import (
    CORE,
    MAIL,
    PRINCIPALS,
    QUOTA,
    SUBMISSION,
    VACATION,
    VAPID,
    WEBSOCKET,
    JmapSettings,
    Method,
)
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.email_query import EmailQuery
from merpati.servers.jmap.identity import Identities
from merpati.servers.jmap.kind import Kind
from merpati.servers.jmap.mailbox import Mailbox
from merpati.servers.jmap.mdn import MDN
from merpati.servers.jmap.principal import Principals
from merpati.servers.jmap.push_subscription import PushSubscriptions
from merpati.servers.jmap.querying import query, query_changes
from merpati.servers.jmap.quota import Quotas
from merpati.servers.jmap.reading import changes, get
from merpati.servers.jmap.safe_html import SAFE_HTML
from merpati.servers.jmap.share_notification import ShareNotifications
from merpati.servers.jmap.sieve_script import SIEVE, SieveScripts
from merpati.servers.jmap.submission import Submissions
from merpati.servers.jmap.thread import Thread
from merpati.servers.jmap.vacation import VacationResponse
from merpati.servers.jmap.writing import set_
from merpati.services.finding.finder import Finder
from merpati.services.thread_counts import ThreadCounts

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


def methods(finder: Finder, each: Mapping[str, Mapping[str, Any]]) -> dict[str, Method]:
    """Every method but Core/echo; `each`: the capabilities of an own account."""
    emails = Email(EmailQuery(finder))
    sent = Submissions()
    return {
        **PushSubscriptions().methods(),
        **of(Mailbox(ThreadCounts(finder.store)), "get", "changes", "set", "query", "queryChanges"),
        **of(Thread(), "get", "changes"),
        **of(emails, *STANDARD),
        "Email/import": email_import.import_(),
        "Email/copy": email_import.copy(emails),
        "Email/parse": email_parse.parse(emails),
        **of(Identities(), "get", "changes", "set"),
        **of(sent, "get", "changes", "query", "queryChanges"),
        "EmailSubmission/set": submission.set_(sent, emails),
        **of(label.Labels(), "get", "changes", "set"),
        **of(VacationResponse(), "get", "set"),
        **of(Principals(each), "get", "changes", "set", "query"),
        **of(ShareNotifications(), *STANDARD),
        **of(Quotas(), "get", "changes", "query", "queryChanges"),
        **of(SieveScripts(), "get", "changes", "query", "queryChanges"),
        "SieveScript/set": sieve_script.set_(SieveScripts()),
        "SieveScript/validate": sieve_script.validate(),
        "SearchSnippet/get": snippet.get(emails),
        "MDN/send": mdn.send(emails),
        "MDN/parse": mdn.parse(),
        "Removed/get": removed.get(),
        "Removed/restore": removed.restore(),
        "SafeHtml/get": safe_html.get(),
        "Blob/copy": blob.copy(),
        "Blob/upload": blob.upload(),
        "Blob/get": blob.get(),
        "Blob/lookup": blob.lookup(),
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


CAPABILITIES: Final[Mapping[str, Mapping[str, Any]]] = {
    **{name: {} for name in (MAIL, SUBMISSION, VACATION, QUOTA, PRINCIPALS, BLOB, MDN)},
    SIEVE: {"implementation": "Merpati"},
    SAFE_HTML: {},
    reminders.CAPABILITY: {},
    label.CAPABILITY: {"colors": label.COLORS},
    smime.CAPABILITY: {},
    removed.CAPABILITY: {},
}
ALL: Final = frozenset({CORE, WEBSOCKET, VAPID, *CAPABILITIES})

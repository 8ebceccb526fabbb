"""What is legal when on an IMAP connection, what is offered, and how faults are answered: tables.

RFC 3501 3 and 6: a session is not authenticated, authenticated, or has selected a mailbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.wire.imap import acl, commands, finding, metadata, quota, responses, session, urlauth
from merpati.wire.imap.notify import Notify
from merpati.wire.imap.responses import Code, Condition


class State(IntEnum):
    """How far a session has come."""

    NOT_AUTHENTICATED = 0
    AUTHENTICATED = 1
    SELECTED = 2

    __hash__ = int.__hash__  # in C: every command is looked up by one


BEFORE_LOGIN: Final = frozenset({State.NOT_AUTHENTICATED})
AFTER_LOGIN: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
SELECTED: Final = frozenset({State.SELECTED})

# Commands that are not here are always legal.
LEGAL: Final[dict[type[commands.Command], frozenset[State]]] = {
    commands.StartTls: BEFORE_LOGIN,
    commands.Authenticate: BEFORE_LOGIN,
    commands.Login: BEFORE_LOGIN,
    commands.Enable: AFTER_LOGIN,
    commands.Namespace: AFTER_LOGIN,
    commands.Select: AFTER_LOGIN,
    commands.Create: AFTER_LOGIN,
    commands.Delete: AFTER_LOGIN,
    commands.Rename: AFTER_LOGIN,
    commands.Subscribe: AFTER_LOGIN,
    commands.Unsubscribe: AFTER_LOGIN,
    commands.List: AFTER_LOGIN,
    commands.Lsub: AFTER_LOGIN,
    commands.Status: AFTER_LOGIN,
    commands.Append: AFTER_LOGIN,
    commands.Replace: SELECTED,
    urlauth.GenUrlAuth: AFTER_LOGIN,
    urlauth.UrlFetch: AFTER_LOGIN,
    urlauth.ResetKey: AFTER_LOGIN,
    commands.Idle: AFTER_LOGIN,
    commands.Check: SELECTED,
    commands.Close: SELECTED,
    commands.Unselect: SELECTED,
    commands.Expunge: SELECTED,
    commands.Search: SELECTED,
    finding.Sort: SELECTED,
    finding.Thread: SELECTED,
    finding.MultiSearch: AFTER_LOGIN,
    finding.CancelUpdate: SELECTED,
    commands.Fetch: SELECTED,
    commands.Store: SELECTED,
    commands.Copy: SELECTED,
    commands.Move: SELECTED,
    Notify: AFTER_LOGIN,
    acl.SetAcl: AFTER_LOGIN,
    acl.DeleteAcl: AFTER_LOGIN,
    acl.GetAcl: AFTER_LOGIN,
    acl.ListRights: AFTER_LOGIN,
    acl.MyRights: AFTER_LOGIN,
    quota.GetQuota: AFTER_LOGIN,
    quota.GetQuotaRoot: AFTER_LOGIN,
    quota.SetQuota: AFTER_LOGIN,
    metadata.GetMetadata: AFTER_LOGIN,
    metadata.SetMetadata: AFTER_LOGIN,
    session.Compress: AFTER_LOGIN,
    session.Unauthenticate: AFTER_LOGIN,
    session.GetJmapAccess: AFTER_LOGIN,
    session.UidBatches: SELECTED,
}

NEEDED: Final = {
    BEFORE_LOGIN: "already signed in",
    AFTER_LOGIN: "sign in first",
    SELECTED: "select a mailbox first",
}

# During these no EXPUNGE may be sent, unless they name messages by UID alone (RFC 3501 7.4.1,
# RFC 7162 3.2.10.2).
HOLDS_EXPUNGE: Final = frozenset({
    commands.Fetch, commands.Store, commands.Search, finding.Sort, finding.Thread,
    finding.MultiSearch,
})  # fmt: skip

# What is offered, a line for each extension that has a table row of its own in docs/rfc.
BASE: Final = (
    b"IMAP4rev1",  # RFC 3501
    b"IMAP4rev2",  # RFC 9051
    b"LITERAL+",  # RFC 7888
    b"SASL-IR",  # RFC 4959
    b"ID",  # RFC 2971
    b"ENABLE",  # RFC 5161
    b"IDLE",  # RFC 2177
    b"LANGUAGE",  # RFC 5255
)
SIGNED_IN: Final = (
    b"NAMESPACE",  # RFC 2342
    b"CHILDREN",  # RFC 3348
    b"UNSELECT",  # RFC 3691
    b"UIDPLUS",  # RFC 4315
    b"MOVE",  # RFC 6851
    b"MULTIAPPEND",  # RFC 3502
    b"BINARY",  # RFC 3516
    b"CATENATE",  # RFC 4469
    b"URL-PARTIAL",  # RFC 5550
    b"URLAUTH",  # RFC 4467
    b"URLAUTH=BINARY",  # RFC 5524
    b"REPLACE",  # RFC 8508
    b"PREVIEW",  # RFC 8970
    b"SAVEDATE",  # RFC 8514
    b"OBJECTID",  # RFC 8474
    b"CONDSTORE",  # RFC 7162
    b"QRESYNC",  # RFC 7162
    b"ESEARCH",  # RFC 4731
    b"SEARCHRES",  # RFC 5182
    b"WITHIN",  # RFC 5032
    b"SEARCH=FUZZY",  # RFC 6203
    b"PARTIAL",  # RFC 9394
    b"CONTEXT=SEARCH",  # RFC 5267
    b"CONTEXT=SORT",  # RFC 5267
    b"ESORT",  # RFC 5267
    b"SORT",  # RFC 5256
    b"SORT=DISPLAY",  # RFC 5957
    b"THREAD=ORDEREDSUBJECT",  # RFC 5256
    b"THREAD=REFERENCES",  # RFC 5256
    b"THREAD=REFS",  # draft-ietf-morg-inthread
    b"MULTISEARCH",  # RFC 7377
    b"FILTERS",  # RFC 5466
    b"I18NLEVEL=1",  # RFC 5255
    b"LIST-EXTENDED",  # RFC 5258
    b"LIST-STATUS",  # RFC 5819
    b"STATUS=SIZE",  # RFC 8438
    b"SPECIAL-USE",  # RFC 6154
    b"CREATE-SPECIAL-USE",  # RFC 6154
    b"ACL",  # RFC 4314
    b"RIGHTS=texk",  # RFC 4314 5.1.1
    b"LIST-MYRIGHTS",  # RFC 8440
    b"QUOTA",  # RFC 9208
    b"QUOTA=RES-STORAGE",  # RFC 9208 5.1
    b"QUOTA=RES-MESSAGE",  # RFC 9208 5.2
    b"QUOTASET",  # RFC 9208 4.1.3
    b"METADATA",  # RFC 5464
    b"LIST-METADATA",  # RFC 9590
    b"UTF8=ACCEPT",  # RFC 6855
    b"NOTIFY",  # RFC 5465
    b"COMPRESS=DEFLATE",  # RFC 4978
    b"UIDONLY",  # RFC 9586
    b"UIDBATCHES",  # RFC 10022
    b"INPROGRESS",  # RFC 9585
)
# In the spelling of ENABLED.
ENABLES: Final = (b"CONDSTORE", b"QRESYNC", b"IMAP4rev2", b"UTF8=ACCEPT", b"UIDONLY")

# RFC 3501 7.1, RFC 5530 3.
FAULTS: Final[dict[Kind, tuple[Condition, Code | None]]] = {
    Kind.SYNTAX: (Condition.BAD, None),
    Kind.BAD_SEQUENCE: (Condition.BAD, None),
    Kind.UNSUPPORTED: (Condition.NO, responses.CANNOT),
    Kind.NOT_FOUND: (Condition.NO, responses.NONEXISTENT),
    Kind.EXISTS: (Condition.NO, responses.ALREADYEXISTS),
    Kind.DENIED: (Condition.NO, responses.NOPERM),
    Kind.AUTH_FAILED: (Condition.NO, responses.AUTHENTICATIONFAILED),
    Kind.TLS_REQUIRED: (Condition.NO, responses.PRIVACYREQUIRED),
    Kind.OVER_QUOTA: (Condition.NO, responses.OVERQUOTA),
    Kind.TOO_LARGE: (Condition.NO, responses.TOOBIG),
    Kind.TOO_MANY: (Condition.NO, responses.LIMIT),
    Kind.IN_USE: (Condition.NO, responses.INUSE),
    Kind.UNAVAILABLE: (Condition.NO, responses.UNAVAILABLE),
    Kind.NO_SPACE: (Condition.NO, responses.UNAVAILABLE),
    Kind.CORRUPT: (Condition.NO, responses.CONTACTADMIN),
}
OTHER_FAULT: Final = (Condition.NO, responses.SERVERBUG)
# Faults whose text is for the administrator's log.
INTERNAL: Final = {Kind.CORRUPT: "a stored message is damaged; tell your administrator"}

_ONE_LINE: Final = dict.fromkeys(range(32), " ")


class Refused(Fault):
    """A fault with a response code of its own."""

    def __init__(self, text: str, code: Code | None = None, *, bad: bool = False) -> None:
        super().__init__(Kind.SYNTAX if bad else Kind.UNSUPPORTED, text)
        self.code: Final = code


def check(state: State, command: commands.Command) -> None:
    """Raise Fault BAD_SEQUENCE when a command is not legal now."""
    legal = LEGAL.get(type(command))
    if legal is not None and state not in legal:
        raise Fault(Kind.BAD_SEQUENCE, NEEDED[legal])


def capabilities(
    state: State, *, starttls: bool, mechanisms: Iterable[str], more: Iterable[bytes] = ()
) -> tuple[bytes, ...]:
    """What is offered now.

    `starttls`: whether TLS can begin; `mechanisms`: by which a client can sign in now; `more`:
    what the settings add for clients that have signed in.
    """
    if state is not State.NOT_AUTHENTICATED:
        return (*BASE, *SIGNED_IN, *more)
    security = (b"STARTTLS",) if starttls else ()
    ways = [f"AUTH={name}".encode("ascii") for name in mechanisms]
    return (*BASE, *security, *(ways or (b"LOGINDISABLED",)))


def refusal(tag: bytes | None, fault: Fault, say: Callable[[str], str] = str) -> bytes:
    """The answer that a fault becomes; `say` puts its text into the client's language."""
    text = say(INTERNAL.get(fault.kind, fault.text))
    text = text.translate(_ONE_LINE).lstrip("[") or "refused"
    condition, code = FAULTS.get(fault.kind, OTHER_FAULT)
    if isinstance(fault, Refused):
        code = fault.code
    if tag is None:
        return responses.bad(None, text)
    return responses.tagged(tag, condition, text, code)

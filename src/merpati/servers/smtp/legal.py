"""What is legal when on an SMTP connection, what is offered, how faults are answered: tables.

The EHLO reply, the check of every command and of every parameter, and the page
`docs/reference/smtp.md` are all made from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from merpati.base.faults import Fault, Kind
from merpati.wire.smtp import commands, parameters, replies
from merpati.wire.smtp.parameters import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    MailParameters,
    RcptParameters,
)
from merpati.wire.smtp.xclient import ATTRIBUTES, Xclient


class Role(Enum):
    """What a listener is for."""

    MX = "smtp"  # mail from anyone for our mailboxes
    SUBMISSION = "submission"  # mail from our users for anyone; STARTTLS
    SUBMISSIONS = "submissions"  # the same, TLS from the first byte
    LMTP = "lmtp"  # mail from programs beside us for our mailboxes (RFC 2033)
    DEVICE = "device"  # mail from printers and the like, without a password

    __hash__ = object.__hash__  # in C: each connection asks for it


class State(IntEnum):
    """How far a session has come; powers of two, so that a set of them is a number."""

    CONNECTED = 1
    GREETED = 2  # EHLO, HELO or LHLO was accepted
    MAIL = 4  # a transaction has its sender
    RCPT = 8  # and at least one recipient
    CHUNKS = 16  # and a first part of the message by BDAT


DELIVER_BY_MIN: Final = 60  # seconds; the least that BY with mode R may leave (RFC 2852 3)

ANY: Final = frozenset(State)
GREETED: Final = frozenset({State.GREETED})
EVERYWHERE: Final = frozenset(Role)
NOT_LMTP: Final = EVERYWHERE - {Role.LMTP}
SIGNED: Final = frozenset({Role.SUBMISSION, Role.SUBMISSIONS})

# RFC 5321 4.1.4, RFC 3030 2; commands that are not here are always legal.
LEGAL: Final[dict[type, frozenset[State]]] = {
    commands.Mail: GREETED,
    commands.Rcpt: frozenset({State.MAIL, State.RCPT}),
    commands.Data: frozenset({State.RCPT}),
    commands.Bdat: frozenset({State.RCPT, State.CHUNKS}),
    commands.StartTls: GREETED,
    commands.Auth: GREETED,
    commands.Etrn: GREETED,
    Xclient: frozenset({State.CONNECTED, State.GREETED}),
}

NEEDED: Final[dict[type, str]] = {
    commands.Mail: "say EHLO first, and one sender at a time",
    commands.Rcpt: "say MAIL FROM first, and all recipients before the message",
    commands.Data: "name a recipient that is accepted first",
    commands.Bdat: "name a recipient that is accepted first",
    commands.StartTls: "say EHLO first, and not inside of a transaction",
    commands.Auth: "say EHLO first, and not inside of a transaction",
    commands.Etrn: "say EHLO first, and not inside of a transaction",
    Xclient: "not inside of a transaction",
}

# Where a command exists; those that are not here exist everywhere.
ROLES: Final[dict[type, frozenset[Role]]] = {
    commands.Ehlo: NOT_LMTP,  # RFC 2033 4.1
    commands.Helo: NOT_LMTP,
    commands.Lhlo: frozenset({Role.LMTP}),
}


class Standing(NamedTuple):
    """What a session's offers depend on beside its role."""

    tls: bool = False  # in use
    certificate: bool = False  # there is one, so TLS can begin
    may_sign_in: bool = False  # a password would be safe here
    signed_in: bool = False
    trusted: bool = False  # the peer may use XCLIENT


def _always(_standing: Standing) -> bool:
    return True


class Extension(NamedTuple):
    """One extension: where it is offered, when, and the parameters it brings."""

    keyword: str
    rfc: int  # 0: none
    text: str  # for people
    roles: frozenset[Role] = EVERYWHERE
    when: Callable[[Standing], bool] = _always
    mail: tuple[str, ...] = ()
    rcpt: tuple[str, ...] = ()


EXTENSIONS: Final = (
    Extension("PIPELINING", 2920, "Commands may be sent without waiting for replies."),
    Extension("SIZE", 1870, "A message that is too large is refused before it is sent.",
              mail=("SIZE",)),
    Extension("8BITMIME", 6152, "Bytes above 127 pass unchanged.", mail=("BODY",)),
    Extension("SMTPUTF8", 6531, "Addresses and header fields may be in any script.",
              mail=("SMTPUTF8",)),
    Extension("CHUNKING", 3030, "BDAT: the message in counted parts, without dots."),
    Extension("BINARYMIME", 3030, "Parts of a message that came by BDAT may be any bytes.",
              mail=("BODY",)),
    Extension("DSN", 3461, "The sender says which notifications are wanted.",
              mail=("RET", "ENVID"), rcpt=("NOTIFY", "ORCPT")),
    Extension("DELIVERBY", 2852, "Returned, or reported, when it takes longer than this.",
              mail=("BY",)),
    Extension("FUTURERELEASE", 4865, "Held back until a time that the sender names.",
              SIGNED, mail=("HOLDFOR", "HOLDUNTIL")),
    Extension("MT-PRIORITY", 6710, "Order in the queue; only who is known may ask for it.",
              SIGNED | {Role.LMTP}, mail=("MT-PRIORITY",)),
    Extension("REQUIRETLS", 8689, "TLS all the way, or the message comes back.",
              when=lambda standing: standing.tls, mail=("REQUIRETLS",)),
    Extension("LIMITS", 9422, "How many messages and recipients are taken."),
    Extension("ETRN", 1985, "Asks to send now what waits for a domain; for who is known.",
              frozenset({Role.MX, *SIGNED}),
              when=lambda standing: standing.signed_in or standing.trusted),
    Extension("XCLIENT", 0, "A proxy tells whose connection it carries on.",
              when=lambda standing: standing.trusted),
    Extension("ENHANCEDSTATUSCODES", 2034, "Every reply has its status code of RFC 3463."),
    Extension("STARTTLS", 3207, "Encryption on a connection that began without.",
              EVERYWHERE - {Role.SUBMISSIONS},
              when=lambda standing: standing.certificate and not standing.tls),
    Extension("AUTH", 4954, "Signing in.", SIGNED,
              when=lambda standing: standing.may_sign_in and not standing.signed_in,
              mail=("AUTH",)),
)  # fmt: skip

# Parameters that ask for nothing here, so nobody is refused for them: RFC 4954 5 lets every
# client pass AUTH on, and signed in or not its value is not believed.
HARMLESS: Final = frozenset({"AUTH"})

# RFC 5321 4.2.2, RFC 3463.
FAULTS: Final[dict[Kind, tuple[int, str]]] = {
    Kind.SYNTAX: (501, "5.5.4"),
    Kind.BAD_SEQUENCE: (503, "5.5.1"),
    Kind.UNSUPPORTED: (502, "5.5.1"),
    Kind.NOT_FOUND: (550, "5.1.1"),
    Kind.DENIED: (550, "5.7.1"),
    Kind.AUTH_FAILED: (535, "5.7.8"),
    Kind.AUTH_REQUIRED: (530, "5.7.0"),
    Kind.TLS_REQUIRED: (538, "5.7.11"),
    Kind.OVER_QUOTA: (452, "4.2.2"),
    Kind.TOO_LARGE: (552, "5.3.4"),
    Kind.TOO_MANY: (451, "4.7.0"),
    Kind.LOOP: (554, "5.4.6"),
    Kind.IN_USE: (451, "4.3.0"),
    Kind.UNAVAILABLE: (451, "4.3.0"),
    Kind.NO_SPACE: (452, "4.3.1"),
    Kind.CORRUPT: (451, "4.3.0"),
    Kind.TIMEOUT: (421, "4.4.2"),
}
OTHER_FAULT: Final = (451, "4.3.0")
# The code of a fault whose status is of another class than its kind's code.
CLASSES: Final = {"2": 250, "4": 451, "5": 550}

COMMANDS: Final[tuple[type, ...]] = (
    commands.Ehlo, commands.Helo, commands.Lhlo, commands.Mail, commands.Rcpt, commands.Data,
    commands.Bdat, commands.Rset, commands.Noop, commands.Quit, commands.Vrfy, commands.Expn,
    commands.Help, commands.StartTls, commands.Auth, commands.Etrn, Xclient,
)  # fmt: skip

_MASKS: Final[dict[Role, dict[type, int]]] = {
    role: {
        kind: sum(LEGAL.get(kind, ANY)) for kind in COMMANDS if role in ROLES.get(kind, EVERYWHERE)
    }
    for role in Role
}


class Refused(Fault):
    """A refusal that has a code of its own.

    Attributes:
        counts: whether it is an error of the client's, of which it may make only so many.
    """

    def __init__(self, code: int, status: str, text: str, *, counts: bool = True) -> None:
        super().__init__(Kind.DENIED, text, status)
        self.code: Final = code
        self.counts: Final = counts


def legal_commands(role: Role) -> dict[type, int]:
    """The commands that exist for a role, each with the states it is legal in, added up."""
    return _MASKS[role]


def check(known: dict[type, int], state: State, command: commands.Command) -> None:
    """Raise Fault BAD_SEQUENCE when a command is not legal now.

    Args:
        known: from `legal_commands`.
        state: how far the session has come.
        command: what the client said.

    Raises:
        UnknownCommand: it does not exist on this listener.
        Fault: BAD_SEQUENCE.
    """
    states = known.get(type(command))
    if states is None:
        raise commands.UnknownCommand("no such command here")
    if not states & state:
        raise Fault(Kind.BAD_SEQUENCE, NEEDED[type(command)])


class Unoffered(NamedTuple):
    """Parameters that are understood and not offered, each with its field."""

    mail: tuple[tuple[str, str], ...]
    rcpt: tuple[tuple[str, str], ...]


class Offer(NamedTuple):
    """What a session offers, and what it has to refuse meanwhile."""

    extensions: tuple[Extension, ...]
    unoffered: Unoffered


@lru_cache(maxsize=256)
def offered(role: Role, standing: Standing) -> Offer:
    """What a session offers now."""
    extensions = tuple(one for one in EXTENSIONS if role in one.roles and one.when(standing))
    return Offer(extensions, unoffered(extensions))


def capabilities(extensions: Iterable[Extension], arguments: Mapping[str, str]) -> list[str]:
    """The lines of the EHLO reply behind the host name; `arguments` by keyword."""
    return [
        f"{one.keyword} {arguments[one.keyword]}" if one.keyword in arguments else one.keyword
        for one in extensions
    ]


def unoffered(extensions: Collection[Extension]) -> Unoffered:
    """What has to be refused while these extensions are offered."""
    mail = {keyword for one in extensions for keyword in one.mail} | HARMLESS
    rcpt = {keyword for one in extensions for keyword in one.rcpt}
    return Unoffered(
        tuple(item for item in parameters.MAIL_FIELDS.items() if item[0] not in mail),
        tuple(item for item in parameters.RCPT_FIELDS.items() if item[0] not in rcpt),
    )


def check_parameters(params: MailParameters | RcptParameters, refused: Unoffered) -> None:
    """Raise Refused 555 (RFC 5321 4.1.1.11) for a parameter that nobody offered."""
    if params.others:
        raise Refused(555, "5.5.4", f"no parameter {params.others[0][0]}")
    absent: Any
    if isinstance(params, MailParameters):
        absent, fields = NO_MAIL_PARAMETERS, refused.mail
    else:
        absent, fields = NO_RCPT_PARAMETERS, refused.rcpt
    for keyword, field in fields:
        if getattr(params, field) != getattr(absent, field):
            raise Refused(555, "5.5.4", f"no parameter {keyword}")


def refusal(fault: Fault, *, utf8: bool = False) -> bytes:
    """The reply that a fault becomes; in UTF-8 when the client has asked for that."""
    if isinstance(fault, commands.UnknownCommand):
        return replies.render(500, "5.5.2", fault.text, utf8=utf8)
    if isinstance(fault, Refused):
        return replies.render(fault.code, fault.status, fault.text, utf8=utf8)
    code, status = FAULTS.get(fault.kind, OTHER_FAULT)
    if fault.status[:1] in CLASSES and fault.status:
        status = fault.status
        if status[0] != str(code)[0]:
            code = CLASSES[status[0]]
    return replies.render(code, status, fault.text, utf8=utf8)


def reference() -> str:
    """A Markdown page of what is offered where."""
    lines = [
        "| extension | RFC | " + " | ".join(role.value for role in Role) + " | parameters | |",
        "| --- | --- | " + "--- | " * len(Role) + "--- | --- |",
    ]
    for one in EXTENSIONS:
        rfc = f"[{one.rfc}](https://www.rfc-editor.org/rfc/rfc{one.rfc})" if one.rfc else ""
        cells = ["yes" if role in one.roles else "" for role in Role]
        words = ", ".join(f"`{word}`" for word in (*one.mail, *one.rcpt))
        lines.append(f"| `{one.keyword}` | {rfc} | {' | '.join(cells)} | {words} | {one.text} |")
    lines += ["", f"XCLIENT takes {', '.join(ATTRIBUTES)}."]
    return "\n".join(lines) + "\n"

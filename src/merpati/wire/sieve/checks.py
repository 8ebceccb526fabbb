"""What the strings of a script must look like, where they are constant.

Each check takes the string and tells what is wrong with it and what to do; an empty answer
means that all is well. What only turns up when a script runs is judged there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire.mime.addresses import Mailbox, parse_list
from merpati.wire.sieve import dates, mailto
from merpati.wire.smtp import paths

COMPARATORS: Final = ("i;ascii-casemap", "i;ascii-numeric", "i;octet", "i;unicode-casemap")
RELATIONS: Final = ("gt", "ge", "lt", "le", "eq", "ne")  # RFC 5231 3
ENVELOPE_PARTS: Final = {
    "from": "envelope",
    "to": "envelope",
    "notify": "envelope-dsn",  # RFC 6009 2
    "orcpt": "envelope-dsn",
    "ret": "envelope-dsn",
    "envid": "envelope-dsn",
    "bytimeabsolute": "envelope-deliverby",
    "bytimerelative": "envelope-deliverby",
    "bymode": "envelope-deliverby",
    "bytrace": "envelope-deliverby",
}
"""What `envelope` can look at, and the extension each needs."""

MAX_MAILBOX: Final = 1_000  # octets of a mailbox's name, as elsewhere in this product
MAX_ADDRESS: Final = 1_000  # characters, with a display name

# RFC 5228 5.1: `address` is for fields with addresses; whatever is not known here may be one
_NO_ADDRESSES: Final = frozenset(
    {
        *("subject", "comments", "keywords", "date", "resent-date", "message-id"),
        *("resent-message-id", "in-reply-to", "references", "received", "mime-version"),
        *("content-type", "content-transfer-encoding", "content-disposition", "content-id"),
        *("content-description", "content-language", "content-location", "content-md5"),
        *("list-id", "precedence", "importance", "priority", "auto-submitted", "user-agent"),
        *("authentication-results", "dkim-signature", "arc-seal", "arc-message-signature"),
    }
)
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,200}")
_IDENTIFIER: Final = re.compile(r"(?:global\.)?[A-Za-z_][A-Za-z0-9_]*")
_GLOBAL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# RFC 9051 9: flag-keyword is an atom; the system flags that can be set
_FLAG: Final = re.compile(
    r"\\(?:Seen|Answered|Flagged|Deleted|Draft)|[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]{1,200}",
    re.IGNORECASE,
)
_USE: Final = re.compile(r"\\[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]{1,100}")
_SCRIPT: Final = re.compile(r"[^\x00-\x1f\x7f\x80-\x9f\u2028\u2029]{1,128}")  # RFC 5804 1.6
_ZONE: Final = re.compile(r"[+-][0-9]{4}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    re.IGNORECASE,
)
_OPTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*=[^\x00\r\n]*")  # RFC 5435 3.5
# RFC 5228 2.4.2.3: neither routes nor groups; comments may stand around (RFC 5322 3.2.2).
_ADDR_SPEC: Final = (
    r'(?:[^\s"(),:;<>@\[\]\\]+|"(?:[^"\\]|\\.)*")@(?:[^\s"(),:;<>@\[\]\\]+|\[[^\s\[\]\\]*\])'
)
_COMMENTS: Final = r"(?:\s|\([^()\\]*\))*"
_SIEVE_ADDRESS: Final = re.compile(
    rf"{_COMMENTS}{_ADDR_SPEC}{_COMMENTS}"
    rf'|(?:[^"<>@,:;\\]|"(?:[^"\\]|\\.)*")*<\s*{_ADDR_SPEC}\s*>{_COMMENTS}'
)
_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


def address(text: str) -> Mailbox | None:
    """The mailbox that a string is, with or without a display name (RFC 5228 2.4.2.3); or None."""
    if not _SIEVE_ADDRESS.fullmatch(text[: MAX_ADDRESS + 1]):
        return None
    found = mailbox_list(text)
    return found[0] if found is not None and len(found) == 1 else None


def mailbox_list(text: str) -> list[Mailbox] | None:
    """The mailboxes a string holds, with commas between them; None when it holds anything else."""
    if len(text) > MAX_ADDRESS or _CONTROLS.search(text):
        return None
    entries = parse_list(text.encode("utf-8", "replace"))
    found = [one for one in entries if isinstance(one, Mailbox) and _whole(one)]
    return found if found and len(found) == len(entries) else None


def _whole(mailbox: Mailbox) -> bool:
    """Whether mail could be sent to it."""
    try:
        paths.parse_domain(mailbox.domain)
    except SyntaxFault:
        return False
    return bool(mailbox.local)


def plain(mailbox: Mailbox) -> str:
    """Its addr-spec, quoted where it must be."""
    return str(paths.Path(mailbox.local, mailbox.domain))


def flags(text: str) -> list[str]:
    """The valid flags of a string with spaces between them (RFC 5232 2)."""
    return [flag for flag in text.split() if _FLAG.fullmatch(flag)]


def is_field_name(text: str) -> bool:
    """Whether a field can have this name (RFC 5322 2.2)."""
    return _FIELD_NAME.fullmatch(text) is not None


def holds_addresses(name: str) -> bool:
    """Whether a field of this name may hold addresses."""
    return name.lower() not in _NO_ADDRESSES


def uri_scheme(text: str) -> str:
    """The scheme of a URI in lower case, or an empty string."""
    found = _URI.fullmatch(text)
    return found[1].lower() if found else ""


def _mailbox(text: str) -> str:
    if not text or len(text.encode()) > MAX_MAILBOX or _CONTROLS.search(text):
        return f'{text[:40]!r} is no name for a mailbox; write one such as "INBOX/Work"'
    return ""


def _address(text: str) -> str:
    return (
        "" if address(text) else f"{text[:80]!r} is no address; write one such as ani@example.org"
    )


def _mailbox_list(text: str) -> str:
    return "" if mailbox_list(text) else f"{text[:80]!r} is no address, nor several with commas"


def _header(text: str) -> str:
    return "" if is_field_name(text) else f"{text[:40]!r} is no name of a header field"


def _address_header(text: str) -> str:
    return "" if holds_addresses(text) else f'"{text}" holds no addresses; use the test header'


def _option(text: str) -> str:
    return "" if _OPTION.fullmatch(text) else f"{text[:40]!r} is no option; write name=value"


def _use(text: str) -> str:
    return "" if _USE.fullmatch(text) else f"{text[:40]!r} is no special use, such as \\\\Junk"


def _variable(text: str) -> str:
    if _IDENTIFIER.fullmatch(text):
        return ""
    return f"{text[:40]!r} is no name for a variable; use letters, digits and _"


def _global(text: str) -> str:
    if _GLOBAL.fullmatch(text):
        return ""
    return f"{text[:40]!r} is no name for a global variable; use letters, digits and _"


def _script(text: str) -> str:
    return (
        "" if _SCRIPT.fullmatch(text) else "no script can have this name; give 1 to 128 characters"
    )


def _zone(text: str) -> str:
    return (
        "" if _ZONE.fullmatch(text) else f'{text[:20]!r} is no time zone; write one such as "+0700"'
    )


def _date_part(text: str) -> str:
    if text.lower() in dates.PARTS:
        return ""
    return f"{text[:20]!r} is no part of a date; take one of {', '.join(dates.PARTS)}"


def _moment(text: str) -> str:
    if _MOMENT.fullmatch(text):
        return ""
    return f"{text[:40]!r} is no moment; write one such as 2026-12-31T20:00:00+07:00"


def _method(text: str) -> str:
    scheme = uri_scheme(text)
    if not scheme:
        return f"{text[:80]!r} is no URI; write one such as mailto:ani@example.org"
    if scheme == "mailto" and mailto.parse(text) is None:
        return f"{text[:80]!r} names nobody to write to; write mailto:ani@example.org"
    return ""


def _annotation(text: str) -> str:
    # RFC 5464 3.2: an entry begins with /private/ or /shared/
    if text.lower().startswith(("/private/", "/shared/")):
        return ""
    return f"{text[:60]!r} is no annotation; it begins with /private/ or /shared/"


def _dsn_notify(text: str) -> str:
    values = text.upper().split(",")
    known = {"SUCCESS", "FAILURE", "DELAY"}
    if values == ["NEVER"] or (set(values) <= known and len(set(values)) == len(values)):
        return ""
    return f'{text[:40]!r} should be "NEVER", or SUCCESS, FAILURE and DELAY with commas'


def one_of(*allowed: str) -> Callable[[str], str]:
    """A check for a few words in any case."""

    def check(text: str) -> str:
        if text.lower() in allowed:
            return ""
        return f"{text[:40]!r} should be one of {', '.join(allowed)}"

    return check


CHECKS: Final[dict[str, Callable[[str], str]]] = {
    "mailbox": _mailbox,
    "address": _address,
    "mailbox-list": _mailbox_list,
    "header": _header,
    "address-header": _address_header,
    "option": _option,
    "use": _use,
    "variable": _variable,
    "global": _global,
    "script": _script,
    "zone": _zone,
    "date-part": _date_part,
    "moment": _moment,
    "method": _method,
    "annotation": _annotation,
    "comparator": one_of(*COMPARATORS),
    "relation": one_of(*RELATIONS),
    "importance": one_of("1", "2", "3"),
    "envelope": one_of(*ENVELOPE_PARTS),
    "dsn-notify": _dsn_notify,
    "dsn-ret": one_of("full", "hdrs"),
    "by-mode": one_of("notify", "return"),
}
"""By the names that `vocabulary` uses."""

CONSTANT: Final = frozenset({"variable", "global", "script", "comparator", "relation"})
"""Checks of strings that may hold no variable (RFC 5229 3 and 4, RFC 6609 3.2, RFC 5228 2.7)."""

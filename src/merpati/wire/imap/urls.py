"""IMAP URLs (RFC 5092): what CATENATE (RFC 4469) and URLAUTH (RFC 4467) name messages by.

    imap://ana@example.org/Drafts;UIDVALIDITY=7/;UID=20/;SECTION=1.2/;PARTIAL=0.1024
    /Drafts/;UID=20                                     the same server, as the same user
    ;UID=20                                             in the selected mailbox
    imap://...;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=user+budi:internal:01ab...

Only URLs of messages and their parts are read here; searches and bare servers name nothing
that could be fetched.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import fetch
from merpati.wire.imap.fetch import Section

URL_MAX: Final = 8_000  # octets; RFC 2683 3.2.1.5 has that of a whole line
NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9, nz-number
OFFSET_MAX: Final = 2**63 - 1

# RFC 5092 11: achar and bchar. "@" stands in user names of this server's own accounts, and
# clients leave it as it is.
_ACHAR: Final = rb"(?:[A-Za-z0-9\-._~!$'()*+,&=]|%[0-9A-Fa-f]{2})"
_BCHAR: Final = rb"(?:[A-Za-z0-9\-._~!$'()*+,&=:@/ ]|%[0-9A-Fa-f]{2})"
_SERVER: Final = re.compile(
    rb"imap://(?:(%b{1,255})?(?:;AUTH=(?:\*|%b{1,64}))?@)?"
    rb"([A-Za-z0-9.\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?(?=/)" % (_ACHAR, _ACHAR),
    re.IGNORECASE,
)
_MAILBOX: Final = re.compile(
    rb"/(%b{1,3000}?)(?:;UIDVALIDITY=([1-9][0-9]{0,9}))?(?=/;)" % _BCHAR, re.IGNORECASE
)
_MESSAGE: Final = re.compile(
    rb"/?;UID=([1-9][0-9]{0,9})(?:/;SECTION=(%b{1,3000}?))?"
    rb"(?:/;PARTIAL=([0-9]{1,19})(?:\.([1-9][0-9]{0,18}))?)?(?=;|\Z)" % _BCHAR,
    re.IGNORECASE,
)
_RUMP: Final = re.compile(
    rb"(?:;EXPIRE=([0-9T:.Z+\-]{20,40}))?;URLAUTH="
    rb"(?:(submit|user)\+((?:%b|@){1,255})|(authuser|anonymous))(?=:|\Z)" % _ACHAR,
    re.IGNORECASE,
)
_VERIFIER: Final = re.compile(rb":([A-Za-z0-9.\-]{1,32}):([0-9A-Fa-f]{32,256})")


class Access(Enum):
    """Who may use a URL (RFC 4467 3)."""

    SUBMIT = "submit"  # a submission server, for the named user
    USER = "user"  # the named user
    AUTHUSER = "authuser"  # whoever has signed in
    ANONYMOUS = "anonymous"  # whoever


class Permit(msgspec.Struct, frozen=True):
    """What stands behind `;URLAUTH=`, and what stood before it in `;EXPIRE=` (RFC 4467 3).

    `expires`: Unix seconds, or None for never. `mechanism` (in capitals) and `token` are empty
    while the URL is still to be authorised.
    """

    access: Access
    user: str = ""
    expires: float | None = None
    mechanism: bytes = b""
    token: bytes = b""


class ImapUrl(msgspec.Struct, frozen=True):
    """A URL of a message or a part of it.

    `host` is empty in a relative one, and `mailbox` too when it leaves that to what is
    selected. `uidvalidity` is 0 when it does not say. `partial` is (offset, length), with
    length None for all that follows (RFC 5550 4.x, URL-PARTIAL). `rump` is the text that a
    token vouches for: all before it.
    """

    user: str
    host: str
    port: int
    mailbox: str
    uidvalidity: int
    uid: int
    section: Section
    partial: tuple[int, int | None] | None = None
    permit: Permit | None = None
    rump: bytes = b""


_WHOLE: Final = fetch.read_section(b"")


def parse(text: bytes) -> ImapUrl:
    """Read a URL, absolute or relative.

    Raises:
        SyntaxFault: it is none, or names no message.
    """
    if len(text) > URL_MAX:
        raise SyntaxFault(f"a URL may have at most {URL_MAX:,} octets")
    user = host = mailbox = ""
    port, uidvalidity, at = 143, 0, 0
    if server := _SERVER.match(text):
        user, host = _text(server[1] or b""), server[2].decode("ascii").lower()
        port, at = int(server[3] or 143), server.end()
    if found := _MAILBOX.match(text, at):
        mailbox, at = _text(found[1]), found.end()
        uidvalidity = _number(found[2] or b"0")
    elif host:
        raise SyntaxFault("the URL names no mailbox")
    message = _MESSAGE.match(text, at)
    if message is None:
        raise SyntaxFault("the URL names no message")
    section = fetch.read_section(unquote_to_bytes(message[2])) if message[2] else _WHOLE
    partial = None
    if message[3]:
        partial = int(message[3]), int(message[4]) if message[4] else None
        if max(partial[0], partial[1] or 0) > OFFSET_MAX:
            raise SyntaxFault("a range reaches beyond any message")
    permit, end = _permit(text, message.end())
    if permit is None and message.end() != len(text):
        raise SyntaxFault("there is more in the URL than names a message")
    return ImapUrl(user, host, port, mailbox, uidvalidity, _number(message[1]), section, partial,
                   permit, text[:end])  # fmt: skip


def authorised(rump: bytes, mechanism: bytes, token: str) -> bytes:
    """The URL with its token (RFC 4467 7)."""
    return b"%b:%b:%b" % (rump, mechanism.lower(), token.encode("ascii"))


def render(url: ImapUrl) -> bytes:
    """A URL as text; `parse` reads the same from it, but for `rump`."""
    out = []
    if url.host:
        user = _quoted(url.user) + b"@" if url.user else b""
        port = b"" if url.port == 143 else b":%d" % url.port
        out.append(b"imap://%b%b%b" % (user, url.host.encode("ascii"), port))
    if url.mailbox:
        out.append(b"/" + quote_from_bytes(url.mailbox.encode(), safe="/!$'()*+,&=:@").encode())
        if url.uidvalidity:
            out.append(b";UIDVALIDITY=%d" % url.uidvalidity)
    out.append(b"/;UID=%d" % url.uid)
    specifier = url.section.label[5:-1]
    if specifier:
        out.append(b"/;SECTION=" + quote_from_bytes(specifier, safe="/!$'()*+,&=:@").encode())
    if url.partial is not None:
        offset, length = url.partial
        out.append(b"/;PARTIAL=%d" % offset + (b"" if length is None else b".%d" % length))
    if url.permit is not None:
        out.append(_permit_text(url.permit))
    return b"".join(out)


def _permit_text(permit: Permit) -> bytes:
    text = b""
    if permit.expires is not None:
        moment = datetime.fromtimestamp(permit.expires, UTC)
        text = b";EXPIRE=" + moment.isoformat().replace("+00:00", "Z").encode()
    text += b";URLAUTH=" + permit.access.value.encode()
    if permit.user:
        text += b"+" + _quoted(permit.user)
    if permit.token:
        text += b":%b:%b" % (permit.mechanism.lower(), permit.token)
    return text


def _permit(text: bytes, at: int) -> tuple[Permit | None, int]:
    """What authorises the URL, and where its rump ends."""
    rump = _RUMP.match(text, at)
    if rump is None:
        return None, len(text)
    access = Access((rump[2] or rump[4]).decode("ascii").lower())
    permit = Permit(access, _text(rump[3] or b""), _moment(rump[1]) if rump[1] else None)
    if rump.end() == len(text):
        return permit, len(text)
    verifier = _VERIFIER.fullmatch(text, rump.end())
    if verifier is None:
        raise SyntaxFault("a URL's token is a mechanism and at least 32 digits")
    return msgspec.structs.replace(
        permit, mechanism=verifier[1].upper(), token=verifier[2].lower()
    ), rump.end()


def _moment(text: bytes) -> float:
    """A date-time of RFC 3339, which names its zone."""
    try:
        moment = datetime.fromisoformat(text.decode("ascii").upper())
    except ValueError:
        raise SyntaxFault("a URL expires at a time such as 2027-01-31T23:59:59Z") from None
    if moment.tzinfo is None:
        raise SyntaxFault("the time when a URL expires needs its zone")
    try:
        return moment.timestamp()
    except OverflowError:
        raise SyntaxFault("there is no such time") from None


def _number(text: bytes) -> int:
    number = int(text)
    if number > NUMBER_MAX:
        raise SyntaxFault("a message number is below 4294967296")
    return number


def _text(encoded: bytes) -> str:
    try:
        text = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise SyntaxFault("the names in a URL are UTF-8") from None
    if not text.isprintable():
        raise SyntaxFault("the names in a URL hold no control characters")
    return text


def _quoted(text: str) -> bytes:
    return quote_from_bytes(text.encode(), safe="!$'()*+,&=").encode()

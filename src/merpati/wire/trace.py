"""Trace fields: `Received` and `Return-Path` (RFC 5321 4.4), and counting hops.

Everything that comes from a peer has been through a grammar or is cleaned here,
so that no name can end a comment, a line or the field.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from merpati.wire.smtp.paths import Path

HOPS_SCAN_LIMIT: Final = 262144  # octets of header looked at for Received fields
LINE_WANTED: Final = 78  # characters, RFC 5322 2.1.1

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_UNSAFE: Final = re.compile(r'[\x00-\x20()<>\\";,\x7f-\x9f\u2028\u2029\ud800-\udfff]+')
_WORD_LIMIT: Final = 255  # characters of any one name


class Hop(Struct, frozen=True, kw_only=True):
    """How messages come in: the same for all of a session.

    Attributes:
        host: this server's name.
        protocol: from `protocol_name`.
        name: what the client called itself (EHLO); empty for mail made here,
            which has no `from` clause.
        address: the client's IP address as text, or empty.
        reverse: the name DNS has for it, empty when unknown or not confirmed.
        tls_version: `TLSv1.3`, or empty without TLS.
        cipher: `TLS_AES_256_GCM_SHA384`.
    """

    host: str
    protocol: str
    name: str = ""
    address: str = ""
    reverse: str = ""
    tls_version: str = ""
    cipher: str = ""


def protocol_name(
    *,
    extended: bool = True,
    tls: bool = False,
    auth: bool = False,
    smtputf8: bool = False,
    lmtp: bool = False,
) -> str:
    """The keyword of the `with` clause: `ESMTPSA`, `UTF8SMTP`, `LMTPS` (RFC 3848, RFC 6531 4.3)."""
    if smtputf8:
        name = "UTF8LMTP" if lmtp else "UTF8SMTP"
    elif lmtp:
        name = "LMTP"
    elif extended:
        name = "ESMTP"
    else:
        return "SMTP"
    return name + ("S" if tls else "") + ("A" if auth else "")


def received(hop: Hop, trace_id: str, date: float, recipient: Path | None = None) -> bytes:
    """The `Received` field, folded between its clauses, with CRLF.

    In UTF-8 only when the protocol is a `UTF8` one; else what is not ASCII in a
    name becomes `?`, and a recipient that is not ASCII is left out (RFC 6531 3.7.3).

    Args:
        hop: How the message came in.
        trace_id: It is also in the log.
        date: Unix seconds.
        recipient: The address when there is just one; naming more would tell each of
            them about the others (RFC 5321 7.6).
    """
    utf8 = hop.protocol.startswith("UTF8")
    named = _named(recipient, utf8) if recipient is not None else ""
    clauses = [f"id {_word(trace_id)}", named] if named else [f"id {_word(trace_id)};"]
    clauses.append(date_time(date))
    text = _fold(_begun(hop), clauses) + "\r\n"
    return text.encode() if utf8 else text.encode("ascii", "replace")


@lru_cache(maxsize=1024)  # many messages come in by one session
def _begun(hop: Hop) -> str:
    """The `Received` field up to what differs from message to message."""
    clauses: list[str] = []
    if hop.name:
        clauses.append(f"from {_word(hop.name)}")
        if hop.address:
            reverse = f"{_word(hop.reverse)} " if hop.reverse else ""
            clauses.append(f"({reverse}{_literal(hop.address)})")
    clauses.append(f"by {_word(hop.host)} with {_word(hop.protocol)}")
    if hop.tls_version:
        clauses.append(f"({_word(hop.tls_version)} {_word(hop.cipher)})")
    return _fold(f"Received: {clauses[0]}", clauses[1:])


@lru_cache(maxsize=1024)  # those who live here get many messages
def _named(recipient: Path, utf8: bool) -> str:
    """The `for` clause; empty when the address cannot be written."""
    return f"for <{recipient}>;" if utf8 or recipient.is_ascii else ""


def return_path(path: Path) -> bytes:
    """The `Return-Path` field that final delivery puts first, with CRLF."""
    return f"Return-Path: <{path}>\r\n".encode()


def count_received(message: bytes) -> int:
    """How many `Received` fields a message's header has, to notice loops (RFC 5321 6.3).

    `message` is a header or a whole message; its body is not looked at, nor
    what lies beyond `HOPS_SCAN_LIMIT`.
    """
    if message.startswith(b"\r\n"):
        return 0
    end = message.find(b"\r\n\r\n", 0, HOPS_SCAN_LIMIT)
    header = message[: end if end >= 0 else HOPS_SCAN_LIMIT]
    return (b"\n" + header.lower()).count(b"\nreceived:")


def date_time(seconds: float) -> str:
    """Unix seconds as RFC 5322 3.3 writes a date, in UTC: `Fri, 15 Jan 2027 08:00:00 +0000`."""
    return _date_time(int(seconds))


@lru_cache(maxsize=16)  # many messages come in one second
def _date_time(seconds: int) -> str:
    date = _EPOCH + timedelta(seconds=seconds)
    return (
        f"{_DAYS[date.weekday()]}, {date.day:02} {_MONTHS[date.month - 1]} {date.year:04}"
        f" {date.hour:02}:{date.minute:02}:{date.second:02} +0000"
    )


def _literal(address: str) -> str:
    """TCP-info: the client's address as a literal."""
    return f"[IPv6:{_word(address)}]" if ":" in address else f"[{_word(address)}]"


def _word(text: str) -> str:
    """One word that cannot end a comment, a line or the field."""
    if text.isalnum() and len(text) <= _WORD_LIMIT:
        return text
    return _UNSAFE.sub("?", text[:_WORD_LIMIT]) or "?"


def _fold(text: str, clauses: list[str]) -> str:
    """A field that has begun and more clauses, as many to a line as the wanted length allows."""
    width = len(text) - text.rfind("\n") - 1
    for clause in clauses:
        width += 1 + len(clause)
        if width > LINE_WANTED:
            text += f"\r\n\t{clause}"
            width = 1 + len(clause)
        else:
            text += f" {clause}"
    return text

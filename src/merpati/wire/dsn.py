"""Delivery status notifications (RFC 3464): a plain letter first, then the report for machines.

A notification is a `multipart/report` of three parts: the letter, in the
sender's language, that says what happened and what to do; the report; and the
original message, or its header when the message is large. When an address is
not ASCII the report takes the forms of RFC 6533, in UTF-8.

Texts of remote servers are untrusted. Each is cleaned of control characters
and cut before it is written, so none can begin a field, a line of the letter
that looks like ours, or a part.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Final

from msgspec import Struct

from merpati.wire import newlines
from merpati.wire.dsn_advice import Advice, classify, classify_status, sentences
from merpati.wire.smtp.paths import Path
from merpati.wire.trace import date_time

__all__ = ["Action", "Advice", "Recipient", "Report", "classify", "compose"]

RETURN_LIMIT: Final = 51200  # octets of a message returned whole; larger: its header
HEADER_LIMIT: Final = 65536  # octets of a header returned
DIAGNOSTIC_LIMIT: Final = 800  # octets quoted of a remote server's answer
LINE_LIMIT: Final = 998  # octets without the CRLF, RFC 5322 2.1.1
LINE_WANTED: Final = 76

_UNPRINTABLE: Final = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class Action(Enum):
    """What became of a recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"  # it is in the mailbox
    RELAYED = "relayed"  # to a server that tells nothing back
    EXPANDED = "expanded"  # sent on to those behind an alias


TROUBLE: Final = frozenset({Action.FAILED, Action.DELAYED})


class Recipient(Struct, frozen=True, kw_only=True):
    """What became of the message for one address.

    Attributes:
        address: as given in RCPT.
        action: failed for good, or delayed.
        status: enhanced status code, as `5.1.1`.
        diagnostic: the remote server's reply on one line, `550 5.1.1 ...`; or
            our own words when no server answered.
        remote: the host that answered, or empty when none did.
        last_attempt: Unix seconds, or `None`.
        retry_until: until when we try, Unix seconds; for `DELAYED`.
        original: what the sender's client called it with ORCPT, `rfc822;address`, or empty.
    """

    address: Path
    action: Action
    status: str
    diagnostic: str = ""
    remote: str = ""
    last_attempt: float | None = None
    retry_until: float | None = None
    original: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """A notification to be composed; recipients all have the same action.

    Attributes:
        reporting_mta: this host's name.
        postmaster: whom the letter is from.
        sender: whom it goes to: the sender of the original message.
        message_id: of the notification, without angle brackets.
        date: of the notification, Unix seconds.
        arrival: when the original came, Unix seconds.
        recipients: one at least.
        original: the original message, or only its header.
        complete: `original` is the whole message.
        envelope_id: what the client gave with ENVID, or empty.
        language: of the letter: `en` or `id`.
    """

    reporting_mta: str
    postmaster: Path
    sender: Path
    message_id: str
    date: float
    arrival: float
    recipients: tuple[Recipient, ...]
    original: bytes
    complete: bool = True
    envelope_id: str = ""
    language: str = "en"


class _Letter(Struct, frozen=True):
    """The fixed words of the letter in one language."""

    subjects: dict[Action, str]
    openings: dict[Action, str]
    trying: str
    nothing: str
    answer: str
    answer_of: str
    footer: str
    short_footer: str
    months: str


_LETTERS: Final = {
    "en": _Letter(
        {
            Action.FAILED: "Your message could not be delivered",
            Action.DELAYED: "Your message is delayed",
            Action.DELIVERED: "Your message was delivered",
            Action.RELAYED: "Your message was passed on",
            Action.EXPANDED: "Your message was sent on",
        },
        {
            Action.FAILED: "Your message of {arrival} could not be delivered to:",
            Action.DELAYED: "Your message of {arrival} has not been delivered yet to:",
            Action.DELIVERED: "Your message of {arrival} has been delivered to:",
            Action.RELAYED: "Your message of {arrival} has been passed on to the server of the\r\n"
            "recipient. That server does not confirm deliveries, so this is the last you\r\n"
            "will hear of it, unless it comes back:",
            Action.EXPANDED: "Your message of {arrival} has been sent on to the people behind:",
        },
        "We go on trying until {until}.",
        "You need not send it again.",
        "The reason given:",
        "The server {remote} answered:",
        "This letter was written by the mail system at {host}. The technical report\r\n"
        "and your message, or its beginning, are attached.",
        "This letter was written by the mail system at {host}, because you had asked to\r\n"
        "be told. The technical report is attached.",
        "January February March April May June July August September October November December",
    ),
    "id": _Letter(
        {
            Action.FAILED: "Pesan Anda tidak dapat dikirim",
            Action.DELAYED: "Pesan Anda tertunda",
            Action.DELIVERED: "Pesan Anda sudah sampai",
            Action.RELAYED: "Pesan Anda sudah diteruskan",
            Action.EXPANDED: "Pesan Anda sudah diteruskan",
        },
        {
            Action.FAILED: "Pesan Anda tertanggal {arrival} tidak dapat dikirim kepada:",
            Action.DELAYED: "Pesan Anda tertanggal {arrival} belum terkirim kepada:",
            Action.DELIVERED: "Pesan Anda tertanggal {arrival} sudah sampai kepada:",
            Action.RELAYED: "Pesan Anda tertanggal {arrival} sudah diteruskan ke server\r\n"
            "penerima. Server itu tidak mengonfirmasi pengiriman, jadi Anda tidak akan mendapat\r\n"
            "kabar lagi, kecuali bila pesan ini kembali:",
            Action.EXPANDED: "Pesan Anda tertanggal {arrival} sudah diteruskan ke orang di\r\n"
            "balik alamat:",
        },
        "Kami terus mencoba sampai {until}.",
        "Anda tidak perlu mengirim ulang.",
        "Alasan yang diberikan:",
        "Jawaban server {remote}:",
        "Surat ini ditulis oleh sistem surat di {host}. Laporan teknis dan pesan\r\n"
        "Anda, atau bagian awalnya, terlampir.",
        "Surat ini ditulis oleh sistem surat di {host}, karena Anda meminta kabar.\r\n"
        "Laporan teknis terlampir.",
        "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    ),
}


def compose(report: Report) -> bytes:
    """The notification as a message, to be sent with the null path as its sender (RFC 3464 2).

    It is in 7bit where it can be; else it needs 8BITMIME, and SMTPUTF8 too
    when `report.sender` is not ASCII.
    """
    assert report.recipients, "nothing to report"
    assert not report.sender.is_null, "a notification is never answered (RFC 5321 4.5.5)"
    utf8 = not all(one.address.is_ascii and one.original.isascii() for one in report.recipients)
    parts = [_letter_part(report), _status_part(report, utf8=utf8), _original_part(report, utf8)]
    body = b"".join(parts)
    # A peer would have to put a hash of the whole into the whole to break out.
    boundary = b"=_" + sha256(body + report.message_id.encode()).hexdigest()[:32].encode()
    head = _header(report, boundary.decode(), eight_bit=not body.isascii())
    marked = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return b"%s\r\n%s--%s--\r\n" % (head, marked, boundary)


def _header(report: Report, boundary: str, *, eight_bit: bool) -> bytes:
    """The notification's own header."""
    letter = _letter(report)
    original_id = _original_message_id(report.original)
    rows = [
        f"From: Mail Delivery System <{report.postmaster}>",
        f"To: <{report.sender}>",
        f"Subject: {letter.subjects[report.recipients[0].action]}",
        f"Date: {date_time(report.date)}",
        f"Message-ID: <{_word(report.message_id)}>",
        f"In-Reply-To: {original_id}" if original_id else "",
        f"References: {original_id}" if original_id else "",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f' boundary="{boundary}"',
        "Content-Transfer-Encoding: 8bit" if eight_bit else "",
    ]
    return "".join(f"{row}\r\n" for row in rows if row).encode()


def _letter_part(report: Report) -> bytes:
    """The first part: plain words."""
    words = _letter(report)
    action = report.recipients[0].action
    rows = [words.openings[action].format(arrival=_date(words, report.arrival)), ""]
    for recipient in report.recipients:
        if action in TROUBLE:
            rows += _letter_rows(words, report.language, recipient)
        else:
            rows += [f"  {recipient.address}", ""]
    footer = words.footer if action in TROUBLE else words.short_footer
    rows += [footer.format(host=_word(report.reporting_mta)), ""]
    text = "\r\n".join(rows).encode("utf-8", "replace")
    head = "Content-Type: text/plain; charset=utf-8\r\n"
    if not text.isascii() or _has_long_line(text):
        head += "Content-Transfer-Encoding: quoted-printable\r\n"
        text = b2a_qp(text, istext=True)
    return f"{head}\r\n".encode() + text


def _letter_rows(words: _Letter, language: str, recipient: Recipient) -> list[str]:
    """What happened to one recipient, why, and what to do."""
    diagnostic = _text(recipient.diagnostic)
    code = int(diagnostic[:3]) if re.match("[245][0-9]{2}(?: |$)", diagnostic, re.ASCII) else 0
    reason, action = sentences(classify_status(recipient.status, diagnostic, code), language)
    rows = [f"  {recipient.address}", "", f"    {reason}"]
    if recipient.action is Action.FAILED:
        rows.append(f"    {action}")
    elif recipient.retry_until is not None:
        rows.append(f"    {words.trying.format(until=_date(words, recipient.retry_until))}")
    if recipient.action is Action.DELAYED:
        rows.append(f"    {words.nothing}")
    if diagnostic:
        remote = _word(recipient.remote) if recipient.remote else ""
        rows += ["", f"    {words.answer_of.format(remote=remote) if remote else words.answer}"]
        rows += [f"    > {line}" for line in _wrap(diagnostic, LINE_WANTED - 6)]
    return [*rows, ""]


def _date(words: _Letter, seconds: float) -> str:
    """A date for people: `15 January 2027, 08:00 UTC`."""
    date = datetime.fromtimestamp(int(seconds), UTC)
    month = words.months.split(" ")[date.month - 1]
    return f"{date.day} {month} {date.year}, {date.hour:02}:{date.minute:02} UTC"


def _status_part(report: Report, *, utf8: bool) -> bytes:
    """The second part: RFC 3464 2, or RFC 6533 3 in UTF-8."""
    rows = [
        f"Reporting-MTA: dns; {_word(report.reporting_mta)}",
        f"Original-Envelope-Id: {_text(report.envelope_id)}" if report.envelope_id else "",
        f"Arrival-Date: {date_time(report.arrival)}",
    ]
    blocks = [rows, *(_status_rows(recipient) for recipient in report.recipients)]
    text = "\r\n".join("".join(f"{_fold(row)}\r\n" for row in rows if row) for rows in blocks)
    if utf8:
        head = "message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit"
        return f"Content-Type: {head}\r\n\r\n{text}".encode()
    return b"Content-Type: message/delivery-status\r\n\r\n" + text.encode("ascii", "replace")


def _status_rows(recipient: Recipient) -> list[str]:
    """The fields of one recipient (RFC 3464 2.3)."""
    kind = "rfc822" if recipient.address.is_ascii else "utf-8"
    status = recipient.status
    if not _STATUS.fullmatch(status):
        status = {Action.FAILED: "5.0.0", Action.DELAYED: "4.0.0"}.get(recipient.action, "2.0.0")
    rows = [
        f"Original-Recipient: {_text(recipient.original)}" if recipient.original else "",
        f"Final-Recipient: {kind}; {recipient.address}",
        f"Action: {recipient.action.value}",
        f"Status: {status}",
    ]
    if recipient.remote:
        rows.append(f"Remote-MTA: dns; {_word(recipient.remote)}")
    if recipient.diagnostic:
        kind = "smtp" if recipient.remote else "x-merpati"
        rows.append(f"Diagnostic-Code: {kind}; {_text(recipient.diagnostic)}")
    if recipient.last_attempt is not None:
        rows.append(f"Last-Attempt-Date: {date_time(recipient.last_attempt)}")
    if recipient.action is Action.DELAYED and recipient.retry_until is not None:
        rows.append(f"Will-Retry-Until: {date_time(recipient.retry_until)}")
    return rows


def _original_part(report: Report, utf8: bool) -> bytes:
    """The third part: the message, or its header (RFC 6522 4, RFC 6533 4 and 5)."""
    whole = report.complete and len(report.original) <= RETURN_LIMIT
    content = report.original
    if whole:
        content = newlines.normalise(content)
        whole = not _has_long_line(content)
    if whole:
        kind = "message/global" if utf8 else "message/rfc822"
    else:
        kind = "message/global-headers" if utf8 else "text/rfc822-headers"
        content = _header_of(report.original)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    encoding = b"" if content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"Content-Type: %s\r\n%s\r\n%s" % (kind.encode(), encoding, content)


def _header_of(original: bytes) -> bytes:
    """The header, cut to `HEADER_LIMIT` at a line's end, overlong lines left out."""
    header = newlines.normalise(original[:HEADER_LIMIT])
    end = header.find(b"\r\n\r\n")
    if end >= 0:
        header = header[: end + 2]
    elif len(original) > HEADER_LIMIT:
        header = header[: header.rfind(b"\r\n") + 2]
    if _has_long_line(header):
        header = b"".join(
            line for line in header.splitlines(keepends=True) if len(line) <= LINE_LIMIT + 2
        )
    return header


def _original_message_id(original: bytes) -> str:
    """The original's Message-ID for the thread, when it is plain."""
    header = b"\n" + original[:HEADER_LIMIT].partition(b"\r\n\r\n")[0]
    found = re.search(rb"(?i)\nmessage-id:[ \t]*(?:\r\n[ \t]+)?(<[!-;=?-~]{1,240}>)", header)
    return found[1].decode("ascii") if found else ""


def _has_long_line(content: bytes) -> bool:
    """True when a line is longer than mail may have."""
    return max(map(len, content.split(b"\r\n"))) > LINE_LIMIT


def _letter(report: Report) -> _Letter:
    return _LETTERS.get(report.language, _LETTERS["en"])


def _text(text: str) -> str:
    """Untrusted text on one line, cut to what is worth quoting."""
    octets = _UNPRINTABLE.sub(" ", text[:DIAGNOSTIC_LIMIT]).encode()
    return octets[:DIAGNOSTIC_LIMIT].decode("utf-8", "ignore").strip()


def _word(text: str) -> str:
    """Untrusted text as one word."""
    return _UNPRINTABLE.sub("?", text[:255])


def _wrap(text: str, width: int) -> list[str]:
    """The words of `text` on lines of `width` characters; a longer word stands alone."""
    lines = [""]
    for word in text.split(" "):
        if not lines[-1]:
            lines[-1] = word
        elif len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _fold(row: str) -> str:
    """A field, folded at spaces."""
    return "\r\n ".join(_wrap(row, LINE_WANTED))

"""The ids that people's programs see: of accounts, mailboxes, threads, emails and their bytes.

IMAP (RFC 8474) and JMAP (RFC 8620 1.2) show the same ones. They begin with a letter, so that
none looks like a number, and the letter says what they are of.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ACCOUNT: Final = re.compile(r"u([1-9][0-9]{0,17})")
_MAILBOX: Final = re.compile(r"F([1-9][0-9]{0,17})")
_EMAIL: Final = re.compile(r"M([1-9a-f][0-9a-f]{0,15})")
_CONTENT: Final = re.compile(r"C([1-9][0-9]{0,17})-(-?[0-9]{1,18})")
_THREAD: Final = re.compile(r"T([0-9a-f]{16})")
_BLOB: Final = re.compile(r"([EUV])([1-9a-f][0-9a-f]{0,15})(?:-([0-9]{1,6}))?(?:-([0-9]{1,6}))?")
_SIGN: Final = 1 << 63


class BlobName(NamedTuple):
    """What a blob id names.

    Attributes:
        upload: whether it was uploaded; else it is of an email.
        id: of the email or the upload.
        part: the number of a part of the email, decoded; None for the whole. Of a script a
            number that changes with its text.
        inner: the number of a part of the message that lies in that part, decoded or signed.
        script: whether it is the text of a Sieve script, whose id it bears.
    """

    upload: bool
    id: int
    part: int | None = None
    script: bool = False
    inner: int | None = None


def account(id_: int) -> str:
    """Of an account."""
    return f"u{id_}"


def mailbox(id_: int) -> str:
    """Of a mailbox in its account (MAILBOXID)."""
    return f"F{id_}"


def email(id_: int) -> str:
    """Of an email in its account (EMAILID)."""
    return f"M{id_:x}"


def content(blob_id: int, received_at: int) -> str:
    """Of what of an email never changes, so that its copies have the same (RFC 8474 5.1)."""
    return f"C{blob_id}-{received_at}"


def thread(id_: int) -> str:
    """Of a thread in its account (THREADID); stored ones are signed."""
    return f"T{id_ % (2 * _SIGN):016x}"


def blob(name: BlobName) -> str:
    """Of bytes that can be downloaded."""
    text = f"{'V' if name.script else 'U' if name.upload else 'E'}{name.id:x}"
    numbers = [f"-{one}" for one in (name.part, name.inner) if one is not None]
    return text + "".join(numbers)


def read_account(text: str) -> int | None:
    """The account of an id, or None when no account can have it."""
    match = _ACCOUNT.fullmatch(text)
    return None if match is None else int(match[1])


def read_mailbox(text: str) -> int | None:
    """The mailbox of an id, or None."""
    match = _MAILBOX.fullmatch(text)
    return None if match is None else int(match[1])


def read_email(text: str) -> int | None:
    """The email of an id, or None."""
    match = _EMAIL.fullmatch(text)
    return None if match is None or (found := int(match[1], 16)) >= _SIGN else found


def read_content(text: str) -> tuple[int, int] | None:
    """The blob and the time of receipt of an id, or None."""
    match = _CONTENT.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2]))


def read_thread(text: str) -> int | None:
    """The thread of an id, or None."""
    match = _THREAD.fullmatch(text)
    if match is None:
        return None
    found = int(match[1], 16)
    return found - 2 * _SIGN if found >= _SIGN else found


def read_blob(text: str) -> BlobName | None:
    """What a blob id names, or None."""
    match = _BLOB.fullmatch(text)
    if match is None or (found := int(match[2], 16)) >= _SIGN:
        return None
    if any(one is not None and str(int(one)) != one for one in match.group(3, 4)):
        return None
    part, inner = (None if one is None else int(one) for one in match.group(3, 4))
    if inner is not None and match[1] == "V":
        return None
    return BlobName(match[1] == "U", found, part, match[1] == "V", inner)

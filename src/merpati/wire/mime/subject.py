"""The base subject of a message, for SORT and THREAD (RFC 5256 2.1), and its ids."""

from __future__ import annotations

import re
from typing import Final

MAX_IDS: Final = 1_000  # of one References field; long threads quote some hundred

MAX_ID: Final = 996  # characters; a line has 998 (RFC 5322 2.1.1)

# subj-blob: one pair of brackets, no brackets in it, and spaces after it.
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\] ?)*")
_BLOB = re.compile(r"\[[^\[\]]*+\]")
_REFWD = re.compile(r"(?:re|fwd?) ?(?:\[[^\[\]]*+\] ?)?:", re.IGNORECASE)
_FWD_HEADER: Final = "[fwd:"
_FWD_TRAILER: Final = "(fwd)"
_ID = re.compile(rb"<([^<>]++)>")
_LONE_ID = re.compile(rb"<[^<>\s]{1,%d}+>" % MAX_ID)  # what nearly every Message-ID is
_PLAIN_IDS = re.compile(rb"(?:%b\s*+)+" % _LONE_ID.pattern)  # and nearly all References


def base_subject(subject: str) -> str:
    """The subject without reply and forward marks and list names, in its own case.

    `subject` is decoded (step 1 of RFC 5256 2.1). Linear in its length.
    """
    subject = " ".join(subject.split())
    if ":" not in subject and "[" not in subject and subject[-1:] != ")":
        return subject  # there are no marks
    if subject[:4].lower() == "re: ":
        rest = subject[4:]
        if ":" not in rest and "[" not in rest and rest[-1] != ")":
            return rest  # this is the only one
    start, end = 0, len(subject)
    while True:
        end = _without_trailer(subject, start, end)
        start = _without_leader(subject, start, end)
        wrapped = subject[start : start + len(_FWD_HEADER)].lower() == _FWD_HEADER
        if not (wrapped and end - start > len(_FWD_HEADER) and subject[end - 1] == "]"):
            return subject[start:end]
        start += len(_FWD_HEADER)
        end -= 1


def is_reply(subject: str, base: str) -> bool:
    """Whether a subject is that of a reply or forward (RFC 5256 2.1), given its base."""
    if len(subject) == len(base):
        return False
    if subject[:3].lower() == "re:":
        return True
    subject = " ".join(subject.split())
    start = subject.rfind(base) if base else len(subject)
    around = _BLOB.sub("", subject[:start]) + subject[start + len(base) :].lower()
    return ":" in around or _FWD_TRAILER in around


def _without_trailer(subject: str, start: int, end: int) -> int:
    """Where the subject ends before every "(fwd)" and space at its end (step 2)."""
    while end > start:
        if subject[end - 1] == " ":
            end -= 1
        elif subject[end - len(_FWD_TRAILER) : end].lower() == _FWD_TRAILER:
            end = max(start, end - len(_FWD_TRAILER))
        else:
            break
    return end


def _without_leader(subject: str, start: int, end: int) -> int:
    """Where the subject begins after every "Re:", "[list]" and space (steps 3 to 5)."""
    while True:
        if subject[start : start + 1] == " ":
            start += 1
        blobs = _BLOBS.match(subject, start, end)
        after = blobs.end() if blobs else start
        if refwd := _REFWD.match(subject, after, end):
            start = refwd.end()
        elif after == start:
            return min(start, end)
        elif after < end:
            start = after
        else:  # nothing but blobs: the last one is the subject
            return subject.rfind("[", start, end)


def message_ids(raw: bytes) -> list[bytes]:
    """The ids of a Message-ID, In-Reply-To or References field, with angle brackets.

    White space inside the brackets is dropped. A field without any brackets holds one
    id if it is one word, as some senders write it. Of more than `MAX_IDS`, the first
    and the last ones are given: the thread's root and the nearest ancestors.
    """
    if _LONE_ID.fullmatch(raw):
        return [raw]
    if _PLAIN_IDS.fullmatch(raw):
        return _first_and_last(_LONE_ID.findall(raw))
    ids = [b"".join(match.split()) for match in _ID.findall(raw)]
    if not ids and len(raw.split(None, 1)) == 1:
        ids = [raw.strip(b"<> \t\r\n")]
    return [b"<%b>" % found for found in _first_and_last(ids) if 0 < len(found) <= MAX_ID]


def _first_and_last(ids: list[bytes]) -> list[bytes]:
    return ids if len(ids) <= MAX_IDS else ids[:1] + ids[1 - MAX_IDS :]

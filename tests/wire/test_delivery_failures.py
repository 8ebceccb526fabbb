"""Every file of tests/corpora/delivery-failures, through the letter that a person gets."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path
from typing import Final

import pytest

from merpati.wire import dsn
from merpati.wire.dsn import Action
from merpati.wire.smtp.paths import parse_address
from merpati.wire.smtp.replies import ReplyParser

FOLDER: Final = Path(__file__).parent.parent / "corpora" / "delivery-failures"
CASES: Final = sorted(FOLDER.glob("*.txt"))
ORIGINAL: Final = b"From: ani@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n"


def read(case: Path) -> dict[str, list[str]]:
    """The fields of a case, each with its values."""
    fields: dict[str, list[str]] = {}
    for line in case.read_text("utf-8").splitlines():
        name, _, value = line.partition(": ")
        if name:
            fields.setdefault(name, []).append(value)
    return fields


def diagnosis(fields: dict[str, list[str]]) -> tuple[str, str]:
    """The status and the words as the queue keeps them."""
    if "reply" in fields:
        reply = ReplyParser().feed(fields["reply"][0].encode())
        assert reply is not None
        return reply.enhanced or f"{str(reply.code)[0]}.0.0", str(reply)
    return fields["status"][0], fields["said"][0]


def letter(fields: dict[str, list[str]], language: str, action: Action) -> str:
    """The first part of the notification, on one line."""
    status, words = diagnosis(fields)
    recipient = dsn.Recipient(
        address=parse_address("bob@there.test"),
        action=action,
        status=status,
        diagnostic=words,
        remote="mx.there.test" if "reply" in fields else "",
        retry_until=1_800_400_000.0,
    )
    report = dsn.Report(
        reporting_mta="mail.example.org",
        postmaster=parse_address("postmaster@example.org"),
        sender=parse_address("ani@example.org"),
        message_id="2@example.org",
        date=1_800_000_000.0,
        arrival=1_799_990_000.0,
        recipients=(recipient,),
        original=ORIGINAL,
        language=language,
    )
    message = email.message_from_bytes(dsn.compose(report), policy=email.policy.default)
    first = message.get_payload(0)
    assert isinstance(first, email.message.EmailMessage)
    return re.sub(r"\s+", " ", first.get_content().replace("> ", ""))


def test_there_are_thirty_at_least() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_letter_says_what_happened_and_what_to_do(case: Path) -> None:
    fields = read(case)
    _, words = diagnosis(fields)
    for language in ("en", "id"):
        what, then = fields[language]
        text = letter(fields, language, Action.FAILED)
        assert what in text
        assert then in text
        assert re.sub(r"\s+", " ", words) in text
        assert what in letter(fields, language, Action.DELAYED)


def test_the_languages_say_different_things() -> None:
    for case in CASES:
        fields = read(case)
        assert set(fields["en"]).isdisjoint(fields["id"])

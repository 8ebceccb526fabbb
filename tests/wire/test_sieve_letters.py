from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import sieve_letters
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.sieve_letters import REFERENCES_MAX, Answer, Notification

ANA = Mailbox("Ana", "ana", "example.org")


def _answer(**more: Any) -> EmailMessage:
    words: dict[str, Any] = {
        "author": ANA, "recipient": "dora@sender.test", "text": "Away.\n", "date": 1_800_000_000.0,
        "message_id": "1@mail.example.org", **more,
    }  # fmt: skip
    data = sieve_letters.answer(Answer(**words))
    return message_from_bytes(data, policy=policy.default)


def test_an_answer_names_what_it_answers() -> None:
    found = _answer(answered="Lunch", answers="<2@s.test>", references=b"<0@s.test>\r\n <1@s.test>")
    assert found["Subject"] == "Auto: Lunch"
    assert found["In-Reply-To"] == "<2@s.test>"
    assert found["References"].split() == ["<0@s.test>", "<1@s.test>", "<2@s.test>"]
    assert found["Auto-Submitted"] == "auto-replied (vacation)"
    assert found.get_content() == "Away.\r\n"


def test_an_answer_to_a_message_without_an_id_stays_in_its_thread() -> None:
    found = _answer(references=b"<0@s.test> <1@s.test>")
    assert found["In-Reply-To"] is None
    assert found["References"].split() == ["<0@s.test>", "<1@s.test>"]
    assert _answer()["References"] is None


def test_long_references_keep_the_first_and_the_last() -> None:
    ids = b" ".join(b"<%d@s.test>" % n for n in range(100))
    found = _answer(answers="<100@s.test>", references=ids)["References"].split()
    assert len(found) == REFERENCES_MAX
    assert (found[0], found[-1]) == ("<0@s.test>", "<100@s.test>")


def test_an_entity_brings_its_content_fields_and_no_others() -> None:
    text = "Content-Type: text/html\r\nSubject: mine\r\nBcc: x@y.test\r\n\r\n<p>Away."
    found = _answer(text=text, mime=True, subject="Away")
    assert found.get_content_type() == "text/html"
    assert (found["Subject"], found["Bcc"]) == ("Away", None)
    assert found.get_content() == "<p>Away.\r\n"


def test_an_entity_without_a_header_is_text() -> None:
    found = _answer(text="\r\nPergi.", mime=True)
    assert (found.get_content_type(), found.get_content()) == ("text/plain", "Pergi.\r\n")


@given(st.text(max_size=200), st.text(max_size=100), st.booleans())
def test_no_text_can_add_a_field_to_an_answer(text: str, subject: str, mime: bool) -> None:
    found = _answer(text=text, subject=subject, mime=mime)
    names = {name.lower() for name in found}
    assert {name for name in names if not name.startswith("content-")} == {
        "from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version",
    }  # fmt: skip


def test_html_comes_with_its_text() -> None:
    entity = sieve_letters.alternative("Pergi.", "<p>Pergi — sampai Senin.")
    found = _answer(text=entity, mime=True)
    assert found.get_content_type() == "multipart/alternative"
    plain, rich = found.iter_parts()
    assert (plain.get_content(), rich.get_content().strip()) == (
        "Pergi.", "<p>Pergi — sampai Senin.",
    )  # fmt: skip


def test_a_notification_says_how_important_it_is_and_for_whom() -> None:
    data = sieve_letters.notification(
        Notification(
            author=ANA,
            owner="ana@example.org",
            to=("x@y.test",),
            cc=("z@y.test",),
            subject="Hai",
            text="Surat baru",
            date=1_800_000_000.0,
            message_id="1@mail.example.org",
            importance=3,
            fields=(("X-Room", "7"),),
        )
    )
    found = message_from_bytes(data, policy=policy.default)
    assert found["Importance"] == "Low"
    assert found["Auto-Submitted"] == 'auto-notified; owner-email="ana@example.org"'
    assert (found["Cc"], found["X-Room"]) == ("z@y.test", "7")


def test_the_owner_of_a_broken_script_is_told_in_their_language() -> None:
    words: dict[str, str | int] = {
        "script": "main", "address": "ana@example.org", "subject": "Hi", "author": "d@s.test",
        "line": 3, "problem": "it takes too long",
    }  # fmt: skip
    for language, word in (("en", "failed"), ("id", "gagal"), ("xx", "failed")):
        letter = sieve_letters.trouble(language, **words)
        assert word in letter.subject
        assert "it takes too long" in letter.text

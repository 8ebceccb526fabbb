from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from merpati.wire import letter
from merpati.wire.letter import File, Letter
from merpati.wire.mime.addresses import Mailbox

ANI = Mailbox("Ani Wijaya", "ani", "example.org")


def compose(subject: str, text: str, *files: File, answers: str = "") -> EmailMessage:
    content = letter.compose(
        Letter(author=ANI, recipient="budi@there.test", subject=subject, text=text, date=0.0,
               message_id="1@x", answers=answers, files=files)
    )  # fmt: skip
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    return message_from_bytes(content, policy=policy.default)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=300))
def test_any_words_arrive(words: str) -> None:
    read = compose(words, words)
    assert read.get_content() == words + "\r\n"


def test_a_letter_says_that_a_machine_wrote_it() -> None:
    assert compose("x", "y")["Auto-Submitted"] == "auto-generated"
    answer = compose("x", "y", answers="<q@x>")
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["In-Reply-To"] == answer["References"] == "<q@x>"


def test_a_subject_cannot_begin_a_field() -> None:
    assert compose("a\r\nBcc: x@y.test", "y")["Bcc"] is None


def test_files_and_messages_go_with_it() -> None:
    original = b"Subject: held\n\n\xc3\xbc\n"
    read = compose(
        "x", "words", File('a".png', "image/png", bytes(range(256))),
        File("m.eml", "message/rfc822", original),
        File("long.eml", "message/rfc822", b"Subject: x\r\n\r\n" + b"y" * 2000),
    )  # fmt: skip
    text, image, held, long = read.iter_parts()
    assert text.get_content() == "words\r\n"
    assert image.get_content() == bytes(range(256))
    assert image.get_filename() == "a_.png"
    assert held.get_content()["Subject"] == "held"
    assert long.get_content_type() == "application/octet-stream"

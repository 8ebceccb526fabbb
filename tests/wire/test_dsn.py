from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire import dsn, dsn_advice
from merpati.wire.dsn import Action, Advice, Recipient, Report, classify, compose
from merpati.wire.smtp.paths import Path
from merpati.wire.smtp.replies import Reply

ORIGINAL = (
    b"From: me@example.com\r\nMessage-ID:\r\n <one@example.com>\r\nSubject: Hi\r\n\r\nBody\r\n.\r\n"
)
UNKNOWN = Recipient(
    address=Path("budi", "example.net"),
    action=Action.FAILED,
    status="5.1.1",
    diagnostic="550 5.1.1 <budi@example.net>: user unknown",
    remote="mx1.example.net",
    last_attempt=1_800_000_000.0,
)
LATE = Recipient(
    address=Path("ani", "example.net"),
    action=Action.DELAYED,
    status="4.4.1",
    diagnostic="connection timed out",
    retry_until=1_800_400_000.0,
)
REPORT = Report(
    reporting_mta="mx.example.com",
    postmaster=Path("MAILER-DAEMON", "example.com"),
    sender=Path("me", "example.com"),
    message_id="dsn1@mx.example.com",
    date=1_800_000_100.0,
    arrival=1_799_990_000.0,
    recipients=(UNKNOWN,),
    original=ORIGINAL,
    envelope_id="QQ314159",
)


def changed(report: Report = REPORT, **fields: object) -> Report:
    return msgspec.structs.replace(report, **fields)


def parts(notification: bytes) -> tuple[EmailMessage, list[Message]]:
    """The notification and its three parts, as the standard library reads it."""
    message = message_from_bytes(notification, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    three = children(message)
    assert len(three) == 3
    return message, three


def children(part: Message) -> list[Message]:
    """The parts of a multipart, or the blocks of a report."""
    payload = part.get_payload()
    assert isinstance(payload, list)
    return [child for child in payload if isinstance(child, Message)]


def letter(report: Report) -> str:
    _, (first, _, _) = parts(compose(report))
    assert isinstance(first, EmailMessage)
    content = first.get_content()
    assert isinstance(content, str)
    return content


def test_a_failure_is_reported_in_three_parts() -> None:
    message, (first, status, original) = parts(compose(REPORT))
    assert message["To"] == "me@example.com"
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@example.com>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Message-ID"] == "<dsn1@mx.example.com>"
    assert message["In-Reply-To"] == message["References"] == "<one@example.com>"
    assert message["Date"].datetime.timestamp() == REPORT.date
    assert first.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    blocks = children(status)
    assert [block.items() for block in blocks] == [
        [
            ("Reporting-MTA", "dns; mx.example.com"),
            ("Original-Envelope-Id", "QQ314159"),
            ("Arrival-Date", "Fri, 15 Jan 2027 05:13:20 +0000"),
        ],
        [
            ("Final-Recipient", "rfc822; budi@example.net"),
            ("Action", "failed"),
            ("Status", "5.1.1"),
            ("Remote-MTA", "dns; mx1.example.net"),
            ("Diagnostic-Code", "smtp; 550 5.1.1 <budi@example.net>: user unknown"),
            ("Last-Attempt-Date", "Fri, 15 Jan 2027 08:00:00 +0000"),
        ],
    ]
    assert original.get_content_type() == "message/rfc822"
    assert compose(REPORT).count(ORIGINAL) == 1
    assert compose(REPORT).isascii()


def test_the_letter_says_what_happened_and_what_to_do() -> None:
    text = letter(REPORT)
    assert "Your message of 15 January 2027, 05:13 UTC could not be delivered to:" in text
    assert "  budi@example.net" in text
    assert "knows no mailbox with this address" in text
    assert "Check the address for typing mistakes" in text
    assert "The server mx1.example.net answered:" in text
    assert "> 550 5.1.1 <budi@example.net>: user unknown" in text


def test_the_letter_is_in_the_senders_language() -> None:
    text = letter(changed(language="id"))
    assert "tidak dapat dikirim kepada:" in text
    assert "tidak mengenal kotak surat" in text
    assert "15 Januari 2027" in text
    assert "could not" not in text
    message, _ = parts(compose(changed(language="id")))
    assert message["Subject"] == "Pesan Anda tidak dapat dikirim"
    assert letter(changed(language="xx")) == letter(REPORT)


def test_a_delay_says_until_when_it_is_tried() -> None:
    report = changed(recipients=(LATE,))
    message, (_, status, _) = parts(compose(report))
    assert message["Subject"] == "Your message is delayed"
    block = children(status)[1]
    assert block["Action"] == "delayed"
    assert block["Will-Retry-Until"] == "Tue, 19 Jan 2027 23:06:40 +0000"
    assert block["Diagnostic-Code"] == "x-merpati; connection timed out"
    assert block["Remote-MTA"] is None
    text = letter(report)
    assert "until 19 January 2027, 23:06 UTC" in text
    assert "You need not send it again." in text


def test_every_recipient_is_reported() -> None:
    full = msgspec.structs.replace(UNKNOWN, address=Path("a b", "c"), status="5.2.2", diagnostic="")
    report = changed(recipients=(UNKNOWN, full))
    _, (_, status, _) = parts(compose(report))
    finals = [block["Final-Recipient"] for block in children(status)[1:]]
    assert finals == ["rfc822; budi@example.net", 'rfc822; "a b"@c']
    assert "mailbox is full" in letter(report)


def test_only_the_header_of_a_large_message_is_returned() -> None:
    large = ORIGINAL + b"x\r\n" * dsn.RETURN_LIMIT
    for report in (changed(original=large), changed(complete=False)):
        notification = compose(report)
        _, (_, _, original) = parts(notification)
        assert original.get_content_type() == "text/rfc822-headers"
        assert b"Subject: Hi\r\n" in notification
        assert b"Body" not in notification


def test_lines_that_mail_cannot_have_are_not_returned() -> None:
    notification = compose(changed(original=b"A: b\r\nL: " + b"x" * 1000 + b"\r\n\r\nbody\r\n"))
    assert max(map(len, notification.split(b"\r\n"))) <= 998
    assert b"A: b\r\n" in notification


def test_lone_line_ends_of_the_original_are_mended() -> None:
    notification = compose(changed(original=b"A: b\n\nc\rd"))
    assert b"A: b\r\n\r\nc\r\nd\r\n" in notification


def test_an_original_with_eight_bits_is_declared() -> None:
    message, (_, _, original) = parts(compose(changed(original="A: b\r\n\r\né".encode())))
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert original["Content-Transfer-Encoding"] == "8bit"


def test_an_address_in_utf8_makes_a_report_of_rfc_6533() -> None:
    recipient = msgspec.structs.replace(UNKNOWN, address=Path("用户", "例え.テスト"))
    notification = compose(changed(recipients=(recipient,)))
    _, (_, status, original) = parts(notification)
    assert status.get_content_type() == "message/global-delivery-status"
    assert original.get_content_type() == "message/global"
    assert "Final-Recipient: utf-8; 用户@例え.テスト\r\n".encode() in notification


def test_an_original_recipient_in_utf8_is_told_in_utf8() -> None:
    recipient = msgspec.structs.replace(UNKNOWN, original="utf-8;bücher@example.org")
    notification = compose(changed(recipients=(recipient,)))
    assert "Original-Recipient: utf-8;bücher@example.org\r\n".encode() in notification
    assert b"Content-Type: message/global-delivery-status\r\n" in notification


HOSTILE = "550 x\r\nStatus: 2.0.0\r\n\r\n--=_\0\x1b[0m\u2028é " + "w" * 2000


def test_a_remote_text_cannot_begin_a_field_or_a_part() -> None:
    recipient = msgspec.structs.replace(
        UNKNOWN, diagnostic=HOSTILE, remote=HOSTILE, status="9.9.9\r\nX: y"
    )
    report = changed(recipients=(recipient,), envelope_id=HOSTILE, message_id="a\r\nBcc: x@y")
    notification = compose(report)
    message, (_, status, _) = parts(notification)
    assert message["Bcc"] is None
    blocks = children(status)
    assert len(blocks) == 2
    assert blocks[1].get_all("Status") == ["5.0.0"]
    assert max(map(len, notification.split(b"\r\n"))) <= 998


def test_an_original_that_guesses_a_boundary_stays_inside_its_part() -> None:
    first = compose(REPORT)
    boundary = first.split(b'boundary="')[1].split(b'"')[0]
    original = b"A: b\r\n\r\n--" + boundary + b"--\r\n"
    _, (_, _, last) = parts(compose(changed(original=original)))
    assert boundary.decode() in last.as_string()


@settings(max_examples=50)
@given(st.text(max_size=300), st.binary(max_size=200), st.sampled_from(["a", "é"]))
def test_any_texts_give_a_notification_of_three_parts(
    text: str, original: bytes, local: str
) -> None:
    recipient = msgspec.structs.replace(
        UNKNOWN, address=Path(local, "b"), diagnostic=text, remote=text, status=text
    )
    notification = compose(changed(recipients=(recipient,), original=original, envelope_id=text))
    head, _, rest = notification.partition(b"\r\n\r\n")
    boundary = head.split(b'boundary="')[1].split(b'"')[0]
    assert rest.count(b"--" + boundary) == 4
    assert not [line for line in notification.split(b"\r\n") if b"\r" in line or b"\n" in line]


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        (Reply(550, "5.1.1"), Advice.NO_SUCH_USER),
        (Reply(550, "5.1.2"), Advice.NO_SUCH_DOMAIN),
        (Reply(556, "5.1.10"), Advice.NULL_MX),
        (Reply(552, "5.2.2"), Advice.MAILBOX_FULL),
        (Reply(452, "4.2.2"), Advice.MAILBOX_FULL),
        (Reply(552, "5.3.4"), Advice.TOO_LARGE),
        (Reply(450, "4.4.1"), Advice.NO_CONNECTION),
        (Reply(550, "5.4.4"), Advice.NO_SUCH_DOMAIN),
        (Reply(550, "5.4.6"), Advice.LOOP),
        (Reply(550, "4.4.7"), Advice.EXPIRED),
        (Reply(550, "5.7.26"), Advice.AUTHENTICATION),
        (Reply(550, "5.7.25"), Advice.REPUTATION),
        (Reply(550, "5.7.1", ("relaying denied",)), Advice.RELAY_DENIED),
        (Reply(550, "5.7.1", ("listed at zen.spamhaus.org",)), Advice.REPUTATION),
        (Reply(550, "5.7.1", ("SPF check failed",)), Advice.AUTHENTICATION),
        (Reply(451, "4.7.1", ("Greylisted, come back",)), Advice.BUSY),
        (Reply(550, "", ("No such user here",)), Advice.NO_SUCH_USER),
        (Reply(550, "", ("mailbox for budi is over quota",)), Advice.MAILBOX_FULL),
        (Reply(550, "", ("computer says no",)), Advice.OTHER),
        (Reply(552, ""), Advice.TOO_LARGE),
        (Reply(421, ""), Advice.BUSY),
        (Reply(554, ""), Advice.POLICY),
        (Reply(550, "5.7.999"), Advice.POLICY),
        (Reply(550, "5.6.7"), Advice.NO_UTF8),
        (Reply(500, "5.5.2"), Advice.PROTOCOL),
    ],
)
def test_a_reply_is_understood(reply: Reply, advice: Advice) -> None:
    assert classify(reply) is advice


def test_every_advice_has_its_own_sentences_in_every_language() -> None:
    for language in dsn_advice.LANGUAGES:
        reasons = {dsn_advice.sentences(advice, language)[0] for advice in Advice}
        assert len(reasons) == len(Advice)
    for advice in Advice:
        assert dsn_advice.sentences(advice, "en") != dsn_advice.sentences(advice, "id")
        assert dsn_advice.sentences(advice, "xx") == dsn_advice.sentences(advice, "en")
        for language in dsn_advice.LANGUAGES:
            assert all(each.endswith(".") for each in dsn_advice.sentences(advice, language))


@pytest.mark.parametrize(
    ("action", "words", "kata"),
    [
        (Action.DELIVERED, "has been delivered to", "sudah sampai kepada"),
        (Action.RELAYED, "does not confirm deliveries", "tidak mengonfirmasi pengiriman"),
        (Action.EXPANDED, "has been sent on to the people behind", "ke orang di balik alamat"),
    ],
)
def test_good_news_is_short_and_in_both_languages(action: Action, words: str, kata: str) -> None:
    one = Recipient(
        address=Path("budi", "example.net"), action=action, status="2.0.0",
        original="rfc822;Budi@example.net",
    )  # fmt: skip
    for language, wanted in (("en", words), ("id", kata)):
        report = changed(recipients=(one,), complete=False, language=language)
        _, (letter, status, original) = parts(compose(report))
        text = " ".join(letter.get_payload(decode=True).decode().split())  # type: ignore[union-attr]
        assert wanted in text
        assert "budi@example.net" in text
        fields = str(status)
        assert f"Action: {action.value}" in fields
        assert "Status: 2.0.0" in fields
        assert "Original-Recipient: rfc822;Budi@example.net" in fields
        assert original.get_content_type() == "text/rfc822-headers"

"""A JMAP client library of others on our server: mail found, read, written and sent."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.instance import PASSWORD, Installation

jmapc = pytest.importorskip("jmapc")
methods = pytest.importorskip("jmapc.methods")

pytestmark = pytest.mark.scenario

ANA: Final = "ana@a.id"
BENO: Final = "beno@a.id"
LETTER: Final = (
    b"From: x@example.org\r\nTo: ana@a.id\r\nSubject: rice\r\n\r\nThis is about rice.\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "a.id", ANA, BENO).serving() as one:
        yield one


def test_jmapc_finds_reads_writes_and_sends(
    server: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=10) as session:
        session.sendmail("x@example.org", [ANA], LETTER)
    ana, beno = client(server, ANA), client(server, BENO)
    boxes = {box.role: box.id for box in ana.request(methods.MailboxGet(ids=None)).data}
    assert {"inbox", "drafts", "sent", "trash"} <= boxes.keys()
    [letter] = found(ana, "rice")
    assert (letter.subject, letter.mailbox_ids) == ("rice", {boxes["inbox"]: True})
    assert [one.value for one in letter.body_values.values()] == ["This is about rice.\n"]

    send(ana, boxes["drafts"], boxes["sent"])
    [sent] = found(ana, "warung")
    assert sent.mailbox_ids == {boxes["sent"]: True}
    assert "$draft" not in sent.keywords
    [received] = found(beno, "warung")
    assert received.subject == "Makan siang"


def client(server: Installation, address: str) -> Any:
    host = f"localhost:{server.port('https')}"
    return jmapc.Client.create_with_password(host=host, user=address, password=PASSWORD)


def found(person: Any, text: str) -> list[Any]:
    """The messages that hold a text, found and fetched in one request."""
    asked = [
        methods.EmailQuery(filter=jmapc.EmailQueryFilterCondition(text=text), limit=5),
        methods.EmailGet(ids=jmapc.Ref("/ids"), fetch_all_body_values=True),
    ]
    emails: list[Any] = person.request(asked)[1].response.data
    return emails


def send(person: Any, drafts: str, sent: str) -> None:
    """A draft is made, sent, and is then no draft any more: one request."""
    [identity] = person.request(methods.IdentityGet()).data
    draft = jmapc.Email(
        mail_from=[jmapc.EmailAddress(name="Ana", email=ANA)],
        to=[jmapc.EmailAddress(email=BENO)],
        subject="Makan siang",
        keywords={"$draft": True},
        mailbox_ids={drafts: True},
        body_values={"body": jmapc.EmailBodyValue(value="Di warung biasa?")},
        text_body=[jmapc.EmailBodyPart(part_id="body", type="text/plain")],
    )
    submission = jmapc.EmailSubmission(
        email_id="#draft",
        identity_id=identity.id,
        envelope=jmapc.Envelope(
            mail_from=jmapc.Address(email=ANA), rcpt_to=[jmapc.Address(email=BENO)]
        ),
    )
    done = {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
    person.request(
        [
            methods.EmailSet(create={"draft": draft}),
            methods.EmailSubmissionSet(
                create={"s": submission}, on_success_update_email={"#s": done}
            ),
        ],
        raise_errors=True,
    )

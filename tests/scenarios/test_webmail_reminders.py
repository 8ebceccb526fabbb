"""Snoozed mail and follow-up reminders in a real browser, and as an IMAP program sees them."""

from __future__ import annotations

import imaplib
import json
import sqlite3
import ssl
from collections.abc import Iterator

import pytest

from tests.scenarios.webmail import (
    ANI,
    ROWS,
    SCREENSHOTS,
    Webmail,
    findings,
    keep,
    letter,
    need_pages,
    open_letter,
)
from tests.support.browser import Browser, Page
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    chromium = need("chromium")
    server = Installation.make(tmp_path_factory.mktemp("reminders"), "a.id")
    server.add_account(ANI)
    with server.serving(), Browser(chromium) as browser:
        keep(server, *(letter(f"Surat {n}", f"Isi surat {n}.") for n in range(1, 6)))
        offer = letter("Offer", "Well?", sender=f"Ani Wijaya <{ANI}>")
        offer = offer.replace(b"To: Ani Wijaya <ani@a.id>", b"To: Rina <rina@b.example>")
        keep(server, offer, flags="\\Seen", mailbox="Sent")
        yield Webmail(server, browser)


def pick(page: Page, text: str) -> None:
    """A time of the dialog."""
    all_ = "[...document.querySelectorAll('dialog li button')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes({text!r}))")


def go_to(page: Page, folder: str) -> None:
    all_ = "[...document.querySelectorAll('nav.tree a')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes({folder!r}))")
    page.wait(f"document.querySelector('main h1')?.innerText === {folder!r}")
    page.wait("document.querySelector('main .scroller[aria-busy=false]')")


def gone(page: Page, subject: str) -> None:
    page.wait(f"![...{ROWS}].some(one => one.ariaLabel.endsWith({json.dumps(subject)}))")


def time_has_come(page: Page, server: Installation) -> None:
    """Of the one reminder, once it is stored: the page shows it sooner."""

    def came() -> bool:
        with sqlite3.connect(server.folder / "data" / "merpati.sqlite", timeout=30) as store:
            count = store.execute("UPDATE reminder SET due_at = 1").rowcount
        store.close()
        assert count <= 1
        return count == 1

    page.until(came)


def flags(server: Installation, mailbox: str) -> str:
    """What an IMAP program sees of a mailbox with one message of ours."""
    context = ssl._create_unverified_context()
    with imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=context) as imap:
        imap.login(ANI, PASSWORD)
        assert b"\\Snoozed" in b" ".join(imap.list()[1])  # type: ignore[arg-type]
        imap.select(mailbox, readonly=True)
        _, found = imap.search(None, "OR", "KEYWORD", "$awakened", "KEYWORD", "$followup")
        _, told = imap.fetch(found[0].split()[0], "(FLAGS)")
        return str(told[0])


def test_snoozed_mail_sleeps_and_comes_back(webmail: Webmail) -> None:
    page = webmail.sign_in()
    open_letter(page, "Surat 2")
    page.press("b")
    pick(page, "Tomorrow morning")
    page.wait_text("Snoozed until")
    gone(page, "Surat 2")
    page.click(".toast .act")
    page.wait_text("Undone")
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 2'))")
    open_letter(page, "Surat 2")
    page.press("b")
    pick(page, "Tomorrow morning")
    gone(page, "Surat 2")
    go_to(page, "Snoozed")
    page.wait("document.querySelector('main time.until')")
    open_letter(page, "Surat 2")
    page.wait_text("Comes back on")
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "en-desk-light" / "snoozed.png")
    go_to(page, "Inbox")
    time_has_come(page, webmail.server)
    page.wait("document.querySelector('.returned')?.innerText.includes('Surat 2')")
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 2'))")
    seen = flags(webmail.server, "INBOX")
    assert "$awakened" in seen
    assert "\\Seen" not in seen
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "en-desk-light" / "returned.png")
    page.click(".returned button:not(.open)")
    page.wait("!document.querySelector('.returned section, section.returned')")
    assert page.log() == []


def test_a_letter_that_nobody_answers_comes_up(webmail: Webmail) -> None:
    page = webmail.sign_in(phone=True, language="id", dark=True, path="/mail/search?q=in:sent")
    open_letter(page, "Offer")
    page.click(".reader article .acts [aria-haspopup=menu]")
    all_ = "[...document.querySelectorAll('[role=menuitem]')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes('Ingatkan jika'))")
    page.wait("document.querySelector('dialog li button')")
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "id-phone-dark" / "follow-up.png")
    pick(page, "dalam seminggu")
    page.wait_text("Jika tidak dijawab")
    time_has_come(page, webmail.server)
    page.wait_text("Pesan ini belum dijawab")
    inbox = webmail.sign_in(phone=True, language="id", dark=True)
    inbox.wait("document.querySelector('.returned')?.innerText.includes('Offer')")
    assert "$followup" in flags(webmail.server, "INBOX")
    assert findings(inbox) == []
    inbox.screenshot(SCREENSHOTS / "id-phone-dark" / "returned.png")
    inbox.click(".returned button:not(.open)")
    inbox.wait("!document.querySelector('.returned')")
    inbox.wait(f"![...{ROWS}].some(one => one.ariaLabel.endsWith('Offer'))")


def test_a_reminder_is_asked_for_while_writing(webmail: Webmail) -> None:
    page = webmail.sign_in()
    page.press("c")
    page.wait("document.querySelector('.letter [contenteditable]')")
    page.click(".letter footer [aria-haspopup=menu]")
    all_ = "[...document.querySelectorAll('.letter [role^=menuitem]')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes('in 3 days'))")
    page.wait("document.querySelector('.letter .reminder')?.innerText.includes('in 3 days')")
    page.run("document.querySelector('.letter input[role=combobox]').focus()")
    page.type(ANI)
    page.press("Enter")
    page.wait("document.querySelector('.letter .head').innerText.includes('ani')")
    page.click(".letter input.subject")
    page.type("Tell me")
    page.click(".letter [contenteditable]")
    page.type("when?")
    page.click(".letter footer button")
    page.wait_text("Sent")
    go_to(page, "Sent")
    open_letter(page, "Tell me")
    page.wait_text("If nobody answers, it comes up in your inbox")

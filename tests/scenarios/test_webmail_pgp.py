"""OpenPGP in a real browser: keys, publishing, encrypting, reading; GnuPG is the judge."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from merpati.wire import openpgp
from tests.scenarios.webmail import (
    ANI,
    SCREENSHOTS,
    Webmail,
    by_imap,
    findings,
    keep,
    letter,
    need_pages,
    open_letter,
)
from tests.support.browser import Browser, Page
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(240)]

PASSPHRASE = "correct horse battery"
MENU = "[...document.querySelectorAll('[role^=menuitem]')]"
EFAIL = '<p>Rahasia</p><img src="http://leak.example/?'


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    chromium = need("chromium")
    server = Installation.make(tmp_path_factory.mktemp("pgp"), "a.id")
    server.add_account(ANI)
    with server.serving(), Browser(chromium) as browser:
        keep(server, letter("Hello", "Hello."))
        yield Webmail(server, browser)


def gpg(home: Path, *words: str, given: bytes = b"") -> bytes:
    command = [need("gpg"), "--homedir", str(home), "--batch", "--yes", "--trust-model", "always"]
    command += ["--pinentry-mode", "loopback", "--passphrase", "", *words]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def choose(page: Page, label: str) -> None:
    page.click_at_once(f"{MENU}.find(one => one.innerText.trim().startsWith({label!r}))")


def press_button(page: Page, label: str) -> None:
    all_ = "[...document.querySelectorAll('button')].filter(one => one.offsetParent)"
    page.wait(f"{all_}.some(one => one.innerText.trim() === {label!r})")
    page.click_at_once(f"{all_}.filter(one => one.innerText.trim() === {label!r}).pop()")


def unlock(page: Page) -> None:
    page.wait("document.querySelector('dialog input[type=password]')")
    page.click("dialog input[type=password]")
    page.type(PASSPHRASE)
    page.press("Enter")
    page.wait("!document.querySelector('dialog')")


@pytest.fixture(scope="module")
def page(webmail: Webmail) -> Page:
    """One browser with one key, through all that follows."""
    return webmail.sign_in()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of GnuPG, for Rina."""
    folder = tmp_path_factory.mktemp("gnupg")
    folder.chmod(0o700)
    gpg(folder, "--quick-gen-key", "Rina Hartono <rina@b.example>", "default", "default", "0")
    yield folder
    subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=True, timeout=10)


def test_a_key_is_made_and_published(webmail: Webmail, page: Page, home: Path) -> None:
    page.send("Page.navigate", url=f"{webmail.url}/mail/settings/encryption")
    press_button(page, "Make a key")
    page.wait("document.querySelectorAll('dialog input[type=password]').length === 2")
    for n in (0, 1):
        page.run(f"document.querySelectorAll('dialog input[type=password]')[{n}].focus()")
        page.type(PASSPHRASE)
    page.wait("document.querySelector('dialog button[type=submit]:not([disabled])')")
    page.press("Enter")
    page.wait("document.querySelector('main code')")
    press_button(page, "Publish my key")
    page.wait_text("Published for ani@a.id")
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "en-desk-light" / "encryption.png")
    place = f"/.well-known/openpgpkey/a.id/hu/{openpgp.directory_hash('ani')}?l=ani"
    with urllib.request.urlopen(webmail.url + place) as answer:
        key = answer.read()
    gpg(home, "--import", given=key)


def test_what_gnupg_sealed_is_read(webmail: Webmail, page: Page, home: Path) -> None:
    inner = (
        'Content-Type: multipart/mixed; boundary="yy"; hp="cipher"\r\nSubject: Gaji Rina\r\n\r\n'
        "--yy\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f'{EFAIL}"><p>tetap rahasia</p>\r\n'
        "--yy\r\nContent-Type: text/plain\r\n"
        'Content-Disposition: attachment; filename="gaji.txt"\r\n\r\nsepuluh juta\r\n--yy--\r\n'
    ).encode()
    sealed = gpg(
        home, "--armor", "--encrypt", "--sign", "-u", "rina@b.example", "-r", ANI, given=inner
    ).decode()
    theirs = gpg(home, "--armor", "--export", "rina@b.example").decode()
    data = "".join(theirs.split("\n\n", 1)[1].rsplit("\n=", 1)[0].split())
    folded = "\r\n ".join(data[at : at + 70] for at in range(0, len(data), 70))
    whole = (
        "From: Rina Hartono <rina@b.example>\r\nTo: ani@a.id\r\nSubject: Sealed\r\n"
        "Message-ID: <sealed@b.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
        f"Autocrypt: addr=rina@b.example; keydata=\r\n {folded}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/encrypted; boundary="xx"; protocol="application/pgp-encrypted"'
        "\r\n\r\n--xx\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--xx\r\n"
        f"Content-Type: application/octet-stream\r\n\r\n{sealed}\r\n--xx--\r\n"
    )
    keep(webmail.server, whole.encode())
    page.send("Page.navigate", url=f"{webmail.url}/mail/")
    open_letter(page, "Sealed")
    press_button(page, "Decrypt")
    unlock(page)
    page.wait("document.querySelector('.inner iframe')?.srcdoc.includes('tetap rahasia')")
    page.wait_text("Signed by rina@b.example, and unchanged since.")
    page.wait_text("Gaji Rina")  # the subject that was encrypted with it
    frame = page.run("document.querySelector('.inner iframe').srcdoc")
    assert "leak.example" not in frame
    assert not [one for one in page.requested() if "leak.example" in one]
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "en-desk-light" / "decrypted.png")
    # Its files are listed as those of other mail are, and those of its envelope are not.
    page.wait("document.querySelectorAll('.reader article section .open').length === 1")
    page.click(".reader article section .open")
    page.wait("document.querySelector('dialog pre')?.innerText.trim() === 'sepuluh juta'")
    page.press("Escape")
    page.wait("!document.querySelector('dialog')")


def test_an_answer_to_sealed_mail_is_sealed_and_leaves_this_browser_no_other_way(
    webmail: Webmail, page: Page
) -> None:
    press_button(page, "Reply")
    page.wait("document.querySelector('.letter input.subject')?.value === 'Re: Gaji Rina'")
    page.wait_text("Encrypted and signed")
    text = "document.querySelector('.letter [contenteditable=true]')"
    page.wait(f"{text}.innerText.includes('tetap rahasia')")
    page.run(f"{text}.focus()")
    page.type("Terima kasih.")
    page.click(".letter header > button:last-child")
    page.wait_text("Kept in this browser alone")
    page.wait("!document.querySelector('.letter')")
    with by_imap(webmail.server) as imap:
        imap.select("Drafts", readonly=True)
        assert imap.search(None, "TEXT", "Gaji") == ("OK", [b""])
    press_button(page, "Go on writing")
    page.wait(f"{text}.innerText.includes('Terima kasih.')")
    page.click(".letter footer [aria-label=Discard]")
    press_button(page, "Discard")
    page.wait("!document.querySelector('.letter')")


def test_gnupg_reads_what_is_sealed_here(page: Page, home: Path) -> None:
    page.press("c")
    page.wait("document.querySelector('.letter [contenteditable]')")
    page.run("document.querySelector('.letter input[role=combobox]').focus()")
    page.type("rina@b.example")
    page.press("Enter")
    page.click(".letter input.subject")
    page.type("Reply")
    page.click(".letter [contenteditable]")
    page.type("jawaban rahasia")
    page.click(".letter footer [aria-haspopup=menu]")
    choose(page, "Encrypt and sign")
    page.wait_text("Encrypted and signed")
    page.screenshot(SCREENSHOTS / "en-desk-light" / "encrypting.png")
    page.click_at_once("document.querySelector('.letter footer button')")
    page.wait("!document.querySelector('.letter') || document.querySelector('dialog')")
    if page.run("document.querySelector('dialog') !== null"):  # it goes outside: asked once more
        press_button(page, "Send anyway")
    page.wait_text("Sent")
    page.press("g")
    page.press("t")
    open_letter(page, "[...]")  # what it is about is encrypted, too
    # The key is unlocked still, so nobody has to ask for it.
    page.wait("document.querySelector('.inner iframe')?.srcdoc.includes('jawaban rahasia')")
    page.wait_text("Signed by ani@a.id")
    page.wait("document.querySelector('.inner .subject')?.innerText.endsWith('Reply')")
    page.click_at_once("document.querySelector('.reader article .acts [aria-haspopup=menu]')")
    choose(page, "Show source")
    page.wait("document.querySelector('dialog pre')?.innerText.includes('BEGIN PGP MESSAGE')")
    source = page.run("document.querySelector('dialog pre').innerText")
    assert "jawaban" not in source
    assert "Subject: Reply" not in source
    begin = source.index("-----BEGIN PGP MESSAGE-----")
    armoured = source[begin : source.index("-----END PGP MESSAGE-----")]
    clear = gpg(home, "--decrypt", given=f"{armoured}-----END PGP MESSAGE-----\n".encode())
    assert b"Content-Type: multipart/alternative" in clear
    assert b"Subject: Reply" in clear

"""Signatures by certificate in a real browser: OpenSSL signs, the webmail says what it is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.webmail import (
    SCREENSHOTS,
    WAYS,
    Person,
    Webmail,
    findings,
    keep,
    need_pages,
)
from tests.support.browser import Browser
from tests.support.instance import Installation
from tests.support.programs import need
from tests.support.smime import BODY, Authority, openssl, sign

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

SAID = {
    "en": {
        "Good": "Signed by ana@example.org with a certificate, and unchanged since.",
        "Changed": "The message was changed after it was signed.",
        "Stranger": "CN=stranger, which is not trusted here.",
        "Other": "It was signed by budi@example.org, and not by the sender.",
        "Sealed": "Encrypted with S/MIME",
    },
    "id": {
        "Good": "Ditandatangani oleh ana@example.org dengan sertifikat, dan tidak berubah",
        "Changed": "Pesan diubah setelah ditandatangani.",
        "Stranger": "CN=stranger, yang tidak dipercaya di sini.",
        "Other": "Pesan ditandatangani oleh budi@example.org, bukan oleh pengirimnya.",
        "Sealed": "Dienkripsi dengan S/MIME",
    },
}


BLOCK = (
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n"
    b"<h1>Kabar</h1><script>top.ran = 1</script>\r\n"
    b"--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n"
    b"\r\nABC\r\n--x--\r\n"
)


def letters(folder: Path, authority: Authority) -> dict[str, bytes]:
    """One of each kind, by subject; all say that they come from ana@example.org."""
    ana = authority.issue("ana@example.org")
    good = sign(ana)
    stranger = Authority.make(folder, "stranger")
    (folder / "elsewhere").mkdir()
    stranger.folder = folder / "elsewhere"
    sealed = openssl("cms", "-encrypt", "-aes256", ana.certificate, data=BODY)
    whole = sealed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return {
        "Good": good,
        "Changed": good.replace(b" noon", b" nine"),
        "Stranger": sign(stranger.issue("ana@example.org")),
        "Other": sign(authority.issue("budi@example.org")),
        "Sealed": b"From: Ana <ana@example.org>\r\n" + whole,
        "Block": sign(ana, "-nodetach", data=BLOCK),
    }


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    chromium, folder = need("chromium"), tmp_path_factory.mktemp("smime")
    authority = Authority.make(folder)
    server = Installation.make(folder / "one", "a.id", *WAYS.values())
    server.configure("smime", authorities=f'["{authority.certificate}"]')
    found = letters(folder, authority)
    assert b"noon" in BODY
    with server.serving(), Browser(chromium) as browser:
        for who in WAYS.values():
            for subject, raw in found.items():
                keep(server, f"Subject: {subject}\r\n".encode() + raw, who=who)
        yield Webmail(server, browser)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_signature_is_worth_is_told(webmail: Webmail, way: str) -> None:
    reader = Person.sign_in(webmail, way)
    size = "phone" if reader.phone else "desk"
    for subject, said in SAID[reader.language].items():
        reader.begin_again()
        reader.open(subject)
        reader.page.wait_text(said)
        assert "smime.p7s" not in reader.page.run("document.querySelector('article').innerText")
        assert findings(reader.page) == []
        name = f"smime-{subject.lower()}.png"
        reader.page.screenshot(SCREENSHOTS / f"{reader.language}-{size}-light" / name)
    assert reader.page.log() == []


@pytest.mark.parametrize("way", WAYS)
def test_what_is_signed_as_one_block_is_shown(webmail: Webmail, way: str) -> None:
    reader = Person.sign_in(webmail, way)
    page = reader.page
    reader.open("Block")
    page.wait_text(SAID[reader.language]["Good"])
    page.wait("document.querySelector('.reader iframe')?.srcdoc.includes('<h1>Kabar')")
    assert "script" not in page.run("document.querySelector('.reader iframe').srcdoc")
    page.wait_text("a.txt")
    assert "smime.p7m" not in page.run("document.querySelector('article').innerText")
    reader.press("=a.txt")
    page.wait("document.querySelector('dialog')?.innerText.includes('ABC')")
    assert findings(page) == []
    page.press("Escape")
    page.screenshot(
        SCREENSHOTS
        / f"{reader.language}-{'phone' if reader.phone else 'desk'}-light"
        / "smime-block.png"
    )
    assert page.log() == []

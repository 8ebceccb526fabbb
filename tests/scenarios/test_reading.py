"""Reading and keeping order in the webmail, on a desk and a phone, in both languages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.webmail import (
    ROWS,
    SCREENSHOTS,
    WAYS,
    Person,
    Webmail,
    by_imap,
    findings,
    keep,
    letter,
    need_pages,
    office,
)
from tests.support.browser import PHONE
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

SHARED: Final = "info@a.id"
PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF: Final = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F
5 0 R>>>>>>endobj
4 0 obj<</Length 35>>stream
BT /F 18 Tf 20 40 Td (Halo) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""
INVITATION: Final = """BEGIN:VCALENDAR
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:1@b.example
SUMMARY:Rapat tahunan
DTSTART:20261203T020000Z
DTEND:20261203T030000Z
LOCATION:Ruang Garuda
ORGANIZER;CN=Rina:mailto:rina@b.example
END:VEVENT
END:VCALENDAR
"""
CARD: Final = "BEGIN:VCARD\nVERSION:3.0\nFN:Rina Hartono\nTEL:+62 21 555 0101\nEND:VCARD\n"
HEBREW: Final = "שלום רב, זהו מכתב מימין לשמאל."


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    with office(tmp_path_factory.mktemp("reading"), need("chromium")) as made:
        run = made.server.run
        assert run("shared", "add", SHARED, "--name", "Informasi").returncode == 0
        for who in WAYS.values():
            assert run("account", "set", who, "--quota", "1GB").returncode == 0
            added = run("shared", "member", "add", SHARED, who, "--rights", "all", "--send", "as")
            assert added.returncode == 0, added.stderr
        yield made


@pytest.fixture(scope="module", params=WAYS)
def reader(webmail: Webmail, request: pytest.FixtureRequest) -> Iterator[Person]:
    who = WAYS[request.param]
    keep(webmail.server, *(letter(f"Surat {n}", f"Isi surat {n}.") for n in range(1, 16)), who=who)
    keep(webmail.server, with_files(), letter("Kanan", HEBREW), who=who)
    person = Person.sign_in(webmail, request.param)
    yield person
    assert person.page.log() == []


@pytest.fixture(autouse=True)
def in_the_inbox(reader: Person) -> None:
    reader.begin_again()


def with_files() -> bytes:
    """A letter with one of everything that can be looked at."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "Rina <rina@b.example>", "Ani <ani@a.id>", "Berkas"
    made.set_content("Terlampir.")
    made.add_attachment(PIXEL, "image", "png", filename="titik.png")
    made.add_attachment("Baris satu", filename="catatan.txt")
    made.add_attachment(PDF, "application", "pdf", filename="halo.pdf")
    made.add_attachment(INVITATION, subtype="calendar", filename="undangan.ics")
    made.add_attachment(CARD, subtype="vcard", filename="rina.vcf")
    inner = EmailMessage(policy=SMTP)
    inner["From"], inner["Subject"] = "dalam@b.example", "Yang di dalam"
    inner.set_content("Isi yang terlampir.")
    made.add_attachment(inner)
    return made.as_bytes()


def shot(reader: Person, name: str) -> None:
    way = f"{reader.language}-{'phone' if reader.phone else 'desk'}-light"
    reader.page.screenshot(SCREENSHOTS / way / f"{name}.png")


def kept(webmail: Webmail, reader: Person, mailbox: str, *criteria: str) -> None:
    """Until a mail program, too, sees one such letter: the page shows things sooner."""

    def one() -> bool:
        with by_imap(webmail.server, reader.address) as imap:
            kind, _ = imap.select(mailbox, readonly=True)
            return kind == "OK" and len(imap.search(None, *criteria)[1][0].split()) == 1

    reader.page.until(one)


def test_a_letter_is_read_and_marked_so(webmail: Webmail, reader: Person) -> None:
    reader.open("Surat 1")
    reader.page.wait_text("Isi surat 1.")
    reader.page.wait("!document.querySelector('.item.open .row.unread')")
    kept(webmail, reader, "INBOX", "SEEN", "SUBJECT", '"Surat 1"')


def test_a_stranger_with_the_name_of_a_colleague_is_told(webmail: Webmail, reader: Person) -> None:
    subject, stranger = f"Minta data {reader.language}", "informasi@palsu.example"
    keep(webmail.server, letter(subject, sender=f"informasi  <{stranger}>"), who=reader.address)
    reader.open(subject)
    reader.sees("nameLikeOurs", "informasi", stranger)
    assert findings(reader.page) == []
    shot(reader, "name-like-ours")


def test_deleted_is_undone(reader: Person) -> None:
    reader.open("Surat 2")
    reader.press("doDelete")
    reader.sees("deleted", 1)
    reader.press("undo")
    reader.folder("inbox")
    reader.row("Surat 2")


def test_archived(reader: Person) -> None:
    reader.open("Surat 3")
    reader.press("doArchive")
    reader.sees("archived", 1)
    reader.folder("archive")
    reader.row("Surat 3")


def test_junk_and_back_and_phishing_reported(webmail: Webmail, reader: Person) -> None:
    reader.open("Surat 4")
    reader.press("doJunk")
    reader.sees("junked", 1)
    reader.folder("junk")
    reader.open("Surat 4")
    reader.press("notJunk")
    reader.sees("unjunked", 1)
    reader.folder("inbox")
    reader.open("Surat 4")
    reader.menu("phishing")
    reader.folder("junk")
    reader.open("Surat 4")
    reader.sees("reported")
    kept(webmail, reader, "Junk", "KEYWORD", "$Phishing")


def test_starred(reader: Person) -> None:
    reader.open("Surat 5")
    reader.page.click(".reader article .acts [aria-pressed=false]")
    reader.page.wait("document.querySelector('.reader article .acts [aria-pressed=true]')")
    reader.folder("starred")
    reader.row("Surat 5")
    reader.page.wait(f"{ROWS}.length === 1")


def test_labelled_and_found_by_the_label(reader: Person) -> None:
    reader.open("Surat 6")
    reader.page.click(".reader .bar [aria-haspopup=menu]")
    reader.press("label")
    reader.page.wait("document.querySelector('dialog form input')")
    reader.page.click("dialog form input")
    reader.page.type("penting")
    reader.page.press("Enter")
    reader.sees("labelled", "penting")
    reader.begin_again()
    search(reader, "label:penting")
    reader.row("Surat 6")


def test_a_folder_is_made_filled_and_deleted(webmail: Webmail, reader: Person) -> None:
    if reader.phone:
        reader.page.click(".burger button")
        reader.page.wait("document.querySelector('.folders.shown')")
    reader.press("newFolder")
    reader.fill("folderName", "Proyek")
    reader.page.press("Enter")
    reader.page.wait("document.querySelector('nav.tree').innerText.includes('Proyek')")
    reader.begin_again()
    reader.open("Surat 7")
    reader.page.click(".reader .bar [aria-haspopup=menu]")
    reader.press("move")
    reader.page.wait("document.querySelector('dialog input')")
    reader.page.type("proyek")
    reader.page.press("Enter")
    reader.sees("moved", 1, "Proyek")
    reader.folder("=Proyek")
    reader.row("Surat 7")
    kept(webmail, reader, "Proyek", "ALL")
    if reader.phone:
        reader.page.click(".burger button")
        reader.page.wait("document.querySelector('.folders.shown')")
    reader.press(f"={reader.word('folderMenu', 'Proyek')}", "deleteFolder", "deleteFolder")
    reader.page.wait("!document.querySelector('nav.tree').innerText.includes('Proyek')")


def of_folder(reader: Person, name: str, *keys: str) -> None:
    """Choose of the menu of a folder, and undo what came of it."""
    if reader.phone:
        reader.page.click(".burger button")
        reader.page.wait("document.querySelector('.folders.shown')")
    reader.press(f"={reader.word('folderMenu', name)}", *keys, "undo")
    reader.sees("undone")
    if reader.phone:
        reader.page.click(".veil")


def test_what_is_done_to_a_whole_folder_is_undone(webmail: Webmail, reader: Person) -> None:
    with by_imap(webmail.server, reader.address) as imap:
        imap.create("Tumpukan")
    keep(webmail.server, letter("Dibaca"), mailbox="Tumpukan", flags=r"\Seen", who=reader.address)
    keep(webmail.server, letter("Belum"), mailbox="Tumpukan", who=reader.address)
    reader.begin_again()
    reader.folder("=Tumpukan")
    of_folder(reader, "Tumpukan", "markAllRead")
    kept(webmail, reader, "Tumpukan", "UNSEEN", "SUBJECT", "Belum")
    kept(webmail, reader, "Tumpukan", "SEEN", "SUBJECT", "Dibaca")
    of_folder(reader, "Tumpukan", "emptyFolder", "deleteForEver")
    for subject in ("Dibaca", "Belum"):
        reader.row(subject)
        kept(webmail, reader, "Tumpukan", "SUBJECT", subject)
    of_folder(reader, "Tumpukan", "deleteFolder", "deleteFolder")
    for subject in ("Dibaca", "Belum"):
        kept(webmail, reader, "Tumpukan", "SUBJECT", subject)
    reader.folder("=Tumpukan")
    reader.open("Belum")
    reader.press("doDelete")
    reader.sees("deleted", 1)
    reader.begin_again()
    reader.folder("trash")
    reader.open("Belum")
    reader.press("deleteForEver")
    reader.page.wait("document.querySelector('dialog')")
    reader.press("deleteForEver", "undo")
    reader.sees("undone")
    reader.row("Belum")


def test_what_was_deleted_for_ever_is_brought_back(webmail: Webmail, reader: Person) -> None:
    with by_imap(webmail.server, reader.address) as imap:
        imap.create("Lama")
    keep(webmail.server, letter("Berharga"), mailbox="Lama", who=reader.address)
    with by_imap(webmail.server, reader.address) as imap:
        assert imap.delete("Lama")[0] == "OK"
    reader.begin_again()
    reader.settings("removed")
    reader.page.wait_text("Lama")
    shot(reader, "removed")
    assert findings(reader.page) == []
    rows = "[...document.querySelectorAll('main.settings li')]"
    reader.page.wait(
        f"{rows}.find(one => one.innerText.includes('Lama') && one.querySelector('button'))"
    )
    reader.page.run(
        f"{rows}.find(one => one.innerText.includes('Lama')).querySelector('button').click()"
    )
    reader.sees("set:broughtBack", "Lama")
    kept(webmail, reader, "Lama", "SUBJECT", "Berharga")


def test_several_are_picked_and_read_at_once(webmail: Webmail, reader: Person) -> None:
    for name in ("Surat 8", "Surat 9"):
        reader.row(name)
        reader.page.click(f".pick[aria-label$={json.dumps(name)}]")
    reader.sees("selected", 2)
    reader.press("more", "markRead")
    reader.sees("markedRead", 2)
    kept(webmail, reader, "INBOX", "SEEN", "SUBJECT", '"Surat 8"')


def test_a_row_is_dragged_to_a_folder(webmail: Webmail, reader: Person) -> None:
    reader.row("Surat 10")
    page = reader.page
    if reader.phone:  # fingers scroll; they choose the folder instead
        reader.open("Surat 10")
        page.click(".reader [aria-haspopup=menu]")
        reader.press("move")
        page.wait("document.querySelector('dialog input')")
        page.type(reader.name("archive"))
        page.press("Enter")
    else:
        drag_to_archive(reader, "Surat 10")
    reader.sees("moved", 1, reader.name("archive"))
    reader.folder("inbox")
    reader.no_row("Surat 10")
    kept(webmail, reader, "Archive", "SUBJECT", '"Surat 10"')


def drag_to_archive(reader: Person, subject: str) -> None:
    name = json.dumps(reader.name("archive"))
    end = reader.page.middle(
        f"[...document.querySelectorAll('nav.tree a')].find(one => one.innerText.trim() === {name})"
    )
    begin = reader.page.middle(
        f"[...{ROWS}].find(one => one.ariaLabel.endsWith({json.dumps(subject)}))"
    )
    reader.page.drag(begin, end)


def search(reader: Person, text: str) -> None:
    reader.page.click("[role=combobox]")
    reader.page.type(text)
    reader.page.press("Enter")


def test_found_by_suggestions_chips_and_marks(reader: Person) -> None:
    reader.page.click("[role=combobox]")
    reader.page.type("fr")
    reader.page.wait("document.querySelector('[role=option]')")
    reader.sees("hintFrom")
    shot(reader, "suggestions")
    reader.page.run("document.querySelector('[role=combobox]').select()")
    reader.page.type("from:rina isi surat 11")
    reader.page.press("Enter")
    reader.row("Surat 11")
    reader.page.wait("document.querySelectorAll('.chips li').length >= 1")
    reader.page.wait("document.querySelector('main .row mark')")
    shot(reader, "found")
    assert findings(reader.page) == []


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("titik.png", "img"), ("catatan.txt", "Baris satu"), ("halo.pdf", "iframe.pdf"),
        ("undangan.ics", "Ruang Garuda"), ("rina.vcf", "+62 21 555 0101"),
        ("", "Isi yang terlampir."),
    ],
)  # fmt: skip
def test_attachments_are_looked_at(reader: Person, file: str, wanted: str) -> None:
    reader.open("Berkas")
    reader.press(f"={file}" if file else "nestedMessage")
    if wanted in ("img", "iframe.pdf"):
        reader.page.wait(f"document.querySelector('dialog {wanted}')?.src.startsWith('blob:')")
    else:
        reader.page.wait(f"document.querySelector('dialog').innerText.includes({wanted!r})")
    if wanted == "img":
        reader.page.wait("document.querySelector('dialog img').naturalWidth === 1")
    assert findings(reader.page) == []
    shot(reader, f"preview-{file or 'message'}")
    reader.press("close")
    reader.page.wait("!document.querySelector('dialog')")


def test_the_source_is_shown_saved_and_printed(reader: Person, tmp_path: Path) -> None:
    reader.open("Surat 12")
    reader.menu("source")
    reader.page.wait("document.querySelector('dialog pre')?.innerText.includes('Message-ID:')")
    reader.press("close")
    reader.page.downloads(tmp_path)
    reader.menu("saveFile")
    reader.page.until((tmp_path / "Surat 12.eml").is_file)
    assert b"Isi surat 12." in (tmp_path / "Surat 12.eml").read_bytes()
    reader.page.run("window.print = () => { window.isPrinted = true; }")
    reader.menu("print")
    reader.page.wait("window.isPrinted")
    reader.page.send("Emulation.setEmulatedMedia", media="print")
    assert not reader.page.run("document.querySelector('nav.tree').checkVisibility()")
    assert not reader.page.run("document.querySelector('.reader .bar').checkVisibility()")
    assert reader.page.run("document.querySelector('.reader article').checkVisibility()")
    shot(reader, "print")
    reader.page.send("Emulation.setEmulatedMedia", media="")


def test_text_runs_from_the_right_where_it_does(reader: Person) -> None:
    reader.open("Kanan")
    reader.page.wait_text(HEBREW)
    # Left of its middle there is nothing: the text begins at the right.
    box = reader.page.run(
        "(walker => { const range = document.createRange(); let node; while ((node ="
        f" walker.nextNode())) if (node.data.includes({HEBREW[:4]!r})) range.selectNode(node);"
        " const box = range.getBoundingClientRect(), all = document.querySelector("
        "'.reader article').getBoundingClientRect();"
        " return [box.left - all.left, all.right - box.right]; })("
        "document.createTreeWalker(document.querySelector('.reader article'), 4))"
    )
    assert box[1] < box[0]
    shot(reader, "right-to-left")


def test_a_shared_mailbox_is_read_and_answers_are_seen(webmail: Webmail, reader: Person) -> None:
    name = f"Tanya {reader.language}"
    sent = webmail.server.sendmail(
        "-f", "rina@b.example", SHARED, text=f"From: rina@b.example\nSubject: {name}\n\nHalo?\n"
    )
    assert sent.returncode == 0
    if reader.phone:
        reader.page.click(".burger button")
        reader.page.wait("document.querySelector('.folders.shown')")
    reader.page.wait("document.querySelector('nav.tree').innerText.includes('Informasi')")
    reader.page.run(
        "[...document.querySelectorAll('nav.tree h2')].find(one =>"
        " one.innerText.includes('Informasi')).nextElementSibling.querySelector('a').click()"
    )
    reader.row(name)
    reader.open(name)
    reader.page.wait_text("Halo?")
    reader.press("star")
    reader.page.wait("document.querySelector('.reader article .acts [aria-pressed=true]')")
    shot(reader, "shared")


def test_a_folder_is_shared_and_shared_no_more(webmail: Webmail, reader: Person) -> None:
    page, colleague = reader.page, next(one for one in WAYS.values() if one != reader.address)

    def rights() -> str:
        """What the colleague may do, as a mail program of the owner sees it."""
        with by_imap(webmail.server, reader.address) as imap:
            [told] = imap.getacl("Archive")[1]
        found = re.search(rf'"?{re.escape(colleague)}"? (\S+)', (told or b"").decode())
        return found[1] if found else ""

    if reader.phone:
        page.click(".burger button")
        page.wait("document.querySelector('.folders.shown')")
    menu = json.dumps(reader.name("folderMenu", reader.name("archive")))
    page.wait(
        "(one => { one?.click(); return !!one; })([...document.querySelectorAll('nav.tree button')]"
        f".find(one => one.ariaLabel === {menu}))"
    )
    reader.press("share")
    option = (
        "[...(document.querySelector('dialog form select')?.options ?? [])]"
        f".find(one => one.text.includes('{colleague}'))"
    )
    page.wait(option)
    page.run(
        f"(one => {{ one.value = {option}.value;"
        " one.dispatchEvent(new Event('change', { bubbles: true })); })"
        "(document.querySelector('dialog form select'))"
    )
    page.click("dialog form button")
    page.wait("document.querySelector('dialog li select')?.value === 'read'")
    assert findings(page) == []
    shot(reader, "share")
    page.until(lambda: "r" in rights() and "i" not in rights())
    page.run(
        "(one => { one.value = 'change';"
        " one.dispatchEvent(new Event('change', { bubbles: true })); })"
        "(document.querySelector('dialog li select'))"
    )
    page.until(lambda: "i" in rights())
    page.click("dialog li button")
    page.wait("!document.querySelector('dialog li')")
    page.until(lambda: not rights())


def test_how_much_room_is_left_is_told(reader: Person) -> None:
    if reader.phone:
        reader.page.click(".burger button")
        reader.page.wait("document.querySelector('.folders.shown')")
    said = reader.page.wait("document.querySelector('.quota p').innerText")
    assert "1 GB" in said
    assert said.endswith(reader.word("quota", "", "").split()[-1])


def test_new_mail_comes_by_itself(webmail: Webmail, reader: Person) -> None:
    keep(webmail.server, letter("Baru saja datang"), who=reader.address)
    reader.row("Baru saja datang")


def test_the_keys_are_told_on_a_sheet(reader: Person) -> None:
    reader.page.click(".top [aria-haspopup=menu]")
    reader.press("help")
    reader.page.wait("document.querySelectorAll('dialog kbd').length > 20")
    reader.sees("keySelectAll")


def test_dark_and_another_language_are_chosen(reader: Person) -> None:
    reader.page.click(".top [aria-haspopup=menu]")
    reader.press("themeDark")
    reader.page.wait("getComputedStyle(document.body).colorScheme.includes('dark')")
    other, name, inbox = {
        "en": ("id", "Bahasa Indonesia", "Kotak masuk"), "id": ("en", "English", "Inbox"),
    }[reader.language]  # fmt: skip
    reader.page.click(".top [aria-haspopup=menu]")
    reader.press(f"={name}")
    reader.page.wait(f"document.querySelector('main h1').innerText === {inbox!r}")
    reader.page.wait(f"document.documentElement.lang === {other!r}")
    reader.begin_again()
    reader.page.wait(f"document.querySelector('main h1').innerText === {inbox!r}")
    reader.page.run("localStorage.removeItem('merpati.language')")
    reader.page.run("localStorage.removeItem('merpati.theme')")


def test_nothing_is_wider_than_the_screen(reader: Person) -> None:
    reader.open("Berkas")
    wide = reader.page.run("document.documentElement.scrollWidth")
    assert wide <= (PHONE[0] if reader.phone else 1440)

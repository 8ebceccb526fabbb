"""Writing and sending in the webmail, on a desk and a phone, in both languages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.scenarios.webmail import (
    BUDI,
    WAYS,
    Person,
    Webmail,
    by_imap,
    keep,
    letter,
    need_pages,
    office,
)
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

WATI: Final = "wati@a.id"  # to whom nobody has written
SECONDS: Final = 60
KEYS: Final = 100
LONG: Final = 50  # ms of CPU for one thing, which people feel
PASTE: Final = """new Promise((done) => {
  const canvas = document.createElement("canvas");
  canvas.toBlob((blob) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], "p.png", { type: "image/png" }));
    const text = document.querySelector(".letter [contenteditable=true]");
    const event = { clipboardData, bubbles: true, cancelable: true };
    done(text.dispatchEvent(new ClipboardEvent("paste", event)));
  });
})"""
DROP: Final = """(() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["halo ".repeat(999)], "laporan.txt", { type: "text/plain" }));
  const event = { dataTransfer, bubbles: true, cancelable: true };
  document.querySelector(".letter").dispatchEvent(new DragEvent("drop", event));
})()"""
AT_ONCE: Final = "localStorage.setItem('merpati.compose', '{\"undoSeconds\": 0}')"


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    with office(tmp_path_factory.mktemp("compose"), need("chromium"), BUDI, WATI) as made:
        yield made


@pytest.fixture(scope="module", params=WAYS)
def writer(webmail: Webmail, request: pytest.FixtureRequest) -> Iterator[Person]:
    person = Person.sign_in(webmail, request.param)
    keep(webmail.server, letter("Makan siang", "Di mana?\n"), who=person.address)
    yield person
    assert person.page.faults() == []


@pytest.fixture
def at_once(writer: Person) -> Person:
    """Somebody whose letters go at once, as the settings allow."""
    writer.page.run(AT_ONCE)
    writer.begin_again()
    return writer


def subject(writer: Person, text: str) -> str:
    """One that no other way uses: all write to the same Budi."""
    return f"{text} {writer.language}"


def received(webmail: Webmail, wanted: str, who: str = BUDI) -> str:
    """The letter of a subject, once it is there."""
    until = time.monotonic() + SECONDS
    with by_imap(webmail.server, who) as imap:
        while time.monotonic() < until:
            imap.select("INBOX", readonly=True)
            found = imap.search(None, "SUBJECT", f'"{wanted}"')[1][0]
            if found:
                got = imap.fetch(found.split()[-1].decode(), "(BODY.PEEK[])")[1][0]
                assert isinstance(got, tuple)
                return got[1].decode()
            time.sleep(0.05)
    raise AssertionError(f"{wanted} never came")


def is_sent(writer: Person) -> None:
    writer.press("write:send")
    writer.sees("write:sent")


def test_a_letter_is_kept_sent_and_taken_back(webmail: Webmail, writer: Person) -> None:
    name = subject(writer, "Rapat")
    writer.write(BUDI, name, "Halo Budi, terlampir laporan.")
    writer.page.wait_text(writer.word("saved", "", part=1).strip())
    writer.press("write:send")
    writer.sees("write:warnAttachment")
    writer.press("write:sendAnyway")
    writer.sees("write:sentIn", 10)
    writer.press("undo")
    writer.sees("write:takenBack")
    text = "document.querySelector('.letter [contenteditable=true]').innerText"
    writer.page.wait(f"{text}.includes('Halo Budi')")
    with by_imap(webmail.server, BUDI) as imap:
        imap.select("INBOX", readonly=True)
        assert imap.search(None, "SUBJECT", f'"{name}"')[1] == [b""]
    writer.press("write:discard", "write:discard")
    writer.sees("write:discarded")


def test_colleagues_are_suggested_before_anybody_wrote_to_them(writer: Person) -> None:
    writer.begin_again()
    writer.press("write")
    writer.fill("write:to", "wat")
    option = "document.querySelector('.letter [role=option]')"
    writer.page.wait(f"{option}?.innerText.includes({json.dumps(WATI)})")
    writer.page.press("Enter")
    writer.page.wait("document.querySelector('.letter .chip')?.innerText.includes('wati')")
    writer.press("write:discard", "write:discard")
    writer.page.wait("!document.querySelector('.letter')")


def test_letters_go_at_once_when_the_settings_say_so(webmail: Webmail, writer: Person) -> None:
    writer.settings("general")
    writer.page.wait("document.querySelectorAll('fieldset').length > 3")
    writer.press("set:undoOff")
    writer.begin_again()
    name = subject(writer, "Langsung")
    writer.write(BUDI, name, "Sekarang.")
    is_sent(writer)
    assert "Sekarang." in received(webmail, name)


def test_what_was_not_finished_is_found_again(at_once: Person) -> None:
    name = subject(at_once, "Belum selesai")
    at_once.write(BUDI, name, "Baru")
    at_once.page.wait_text(at_once.word("saved", "", part=1).strip())
    at_once.begin_again()
    at_once.sees("write:recovered", 1)
    at_once.press("write:resume")
    at_once.page.wait(f"document.querySelector('.letter .subject')?.value === {json.dumps(name)}")
    at_once.press("write:close")
    at_once.page.wait("!document.querySelector('.letter')")
    at_once.folder("drafts")
    at_once.row(name)


@pytest.mark.parametrize("how", ["reply", "replyAll", "forward", "forwardAttached"])
def test_a_letter_is_answered_and_sent_on(webmail: Webmail, at_once: Person, how: str) -> None:
    asked = f"{how} {at_once.language}"
    keep(
        webmail.server,
        letter(asked, "Di mana kita makan?\n", sender=f"Budi <{BUDI}>", Cc="Eko <eko@a.id>"),
        who=at_once.address,
    )
    at_once.row(asked)
    at_once.open(asked)
    at_once.menu(how)
    at_once.page.wait("document.querySelector('.letter [contenteditable=true]')")
    shown = at_once.page.wait("document.querySelector('.letter .subject').value")
    chips = "[...document.querySelectorAll('.letter .chip')].map(one => one.innerText.trim())"
    if how.startswith("reply"):
        assert shown == f"Re: {asked}"
        for name in ("Budi", "Eko") if how == "replyAll" else ("Budi",):
            at_once.page.wait(f"{chips}.some(one => one.includes('{name}'))")
        assert how == "replyAll" or "Eko" not in at_once.page.run(f"{chips}.join()")
        at_once.page.run("document.querySelector('.letter [contenteditable=true]').focus()")
        at_once.page.type("Di warung.")
        if how == "replyAll":
            at_once.press(f"={at_once.word('removeRecipient', 'Eko', part=1)}")
    else:
        assert shown == f"Fwd: {asked}"
        assert at_once.page.run(chips) == []
        at_once.fill("write:to", BUDI)
        at_once.page.press("Enter")
    is_sent(at_once)
    came = received(webmail, shown)
    if how.startswith("reply"):
        assert "Di warung." in came
        assert "> Di mana kita makan?" in came
        assert f"In-Reply-To: <{asked.lower().replace(' ', '.')}@b.example>" in came
    elif how == "forward":
        assert "Di mana kita makan?" in came
        assert "message/rfc822" not in came
    else:
        assert "Content-Type: message/rfc822" in came


def test_a_letter_is_redirected_as_it_is(webmail: Webmail, at_once: Person) -> None:
    asked = subject(at_once, "Untuk Budi")
    keep(webmail.server, letter(asked, "Salah alamat."), who=at_once.address)
    at_once.row(asked)
    at_once.open(asked)
    at_once.menu("redirect")
    at_once.sees("write:redirectLead")
    at_once.fill("write:to", BUDI)
    at_once.page.press("Enter")
    at_once.press("write:send")
    at_once.sees("write:redirected")
    came = received(webmail, asked)
    assert "From: Rina Hartono <rina@b.example>" in came
    assert re.search(rf"^Resent-To: .*{BUDI}", came, re.MULTILINE)
    assert re.search(rf"^Resent-From: .*{at_once.address}", came, re.MULTILINE)


def test_a_letter_is_sent_later_unless_one_thinks_again(at_once: Person) -> None:
    name = subject(at_once, "Besok")
    at_once.write(BUDI, name, "Sampai besok.")
    at_once.page.click(".letter footer [aria-haspopup=menu]")
    at_once.press("write:sendLater", "write:tomorrowMorning")
    at_once.page.wait_text(at_once.word("sentLater", "", part=1).strip())
    at_once.folder("sent")
    at_once.row(name)
    at_once.open(name)
    at_once.page.wait_text(at_once.word("deliveryHeld", "", part=1).strip())
    at_once.press("write:cancelSend")
    at_once.sees("write:takenBack")
    at_once.page.wait(f"document.querySelector('.letter .subject')?.value === {json.dumps(name)}")


def test_how_delivery_goes_is_told_live(at_once: Person) -> None:
    name = subject(at_once, "Sampai?")
    at_once.write(BUDI, name, "Kabari saya.")
    is_sent(at_once)
    at_once.folder("sent")
    at_once.row(name)
    at_once.open(name)
    at_once.press("write:deliveryAll")
    at_once.sees("write:stepDelivered")
    at_once.page.wait_text(BUDI)
    at_once.press("write:showRoad")
    at_once.page.wait("document.querySelectorAll('.delivery ol li').length > 1")


def test_a_template_is_kept_and_used(at_once: Person) -> None:
    name = subject(at_once, "Penawaran")
    at_once.write(BUDI, name, "Bersama ini kami tawarkan")
    at_once.page.click(".letter footer [aria-haspopup=menu]")
    at_once.press("write:saveTemplate")
    at_once.sees("write:templateSaved")
    at_once.press("write:discard", "write:discard")
    at_once.sees("write:discarded")
    at_once.press("write")
    at_once.page.wait("document.querySelector('.letter [contenteditable=true]')")
    at_once.page.click(".letter footer [aria-haspopup=menu]")
    at_once.press(f"={name}")
    at_once.page.wait("document.querySelector('.letter').innerText.includes('kami tawarkan')")
    at_once.page.wait(f"document.querySelector('.letter .subject').value === {json.dumps(name)}")
    at_once.press("write:discard", "write:discard")


def test_one_writes_with_a_name_and_a_signature(webmail: Webmail, at_once: Person) -> None:
    at_once.settings("identities")
    at_once.press("set:edit")
    at_once.fill("set:identityName", "Wijaya & Rekan")
    at_once.page.run("document.querySelector('dialog [contenteditable=true]').focus()")
    at_once.page.type("Salam hangat dari toko")
    at_once.press("set:save")
    at_once.page.wait("!document.querySelector('dialog[open]')")
    at_once.begin_again()
    name = subject(at_once, "Bertanda")
    at_once.write(BUDI, name, "Isinya. ")
    is_sent(at_once)
    came = received(webmail, name)
    assert "Salam hangat dari toko" in came
    assert f"From: Wijaya & Rekan <{at_once.address}>" in came


def test_an_image_in_the_text_and_a_file_go_along(webmail: Webmail, at_once: Person) -> None:
    name = subject(at_once, "Gambar")
    at_once.write(BUDI, name, "Lihat: ")
    at_once.page.run(PASTE)
    at_once.page.wait("document.querySelector('.letter img[data-cid]')")
    at_once.page.run(DROP)
    at_once.page.wait_text("laporan.txt")
    at_once.page.wait("!document.querySelector('.letter progress')")
    is_sent(at_once)
    message = received(webmail, name)
    parts = ["image/png", "laporan.txt", "multipart/related", "multipart/alternative"]
    assert [part for part in parts if part not in message] == []
    assert "cid:" in message
    assert "blob:" not in message


def test_typing_never_stalls(at_once: Person) -> None:
    at_once.write(BUDI, "Panjang", "Kata ini panjang. " * 400)
    at_once.page.wait_text(at_once.word("saved", "", part=1).strip())

    def type_on() -> None:
        for _ in range(KEYS):
            at_once.page.send("Input.dispatchKeyEvent", type="keyDown", key="a", text="a")
            at_once.page.send("Input.dispatchKeyEvent", type="keyUp", key="a")

    tasks = at_once.page.tasks(type_on)
    # Work that is done for each key would show with each; a few may be the browser's own.
    assert sum(one > LONG for one in tasks) <= KEYS // 10
    assert "a" * KEYS in at_once.page.run("document.querySelector('.letter').innerText")
    at_once.press("write:discard", "write:discard")
    at_once.sees("write:discarded")


def test_without_a_connection_one_reads_and_what_is_sent_waits(
    webmail: Webmail, at_once: Person
) -> None:
    at_once.open("Makan siang")
    at_once.page.wait_text("Di mana?")
    at_once.begin_again()
    at_once.page.wait("!!navigator.serviceWorker.controller")
    name = subject(at_once, "Dari kereta")
    at_once.write(BUDI, name, "Tanpa jaringan.")
    online = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    at_once.page.send("Network.emulateNetworkConditions", offline=True, **online)
    at_once.press("write:send")
    at_once.sees("write:willSendOffline")
    at_once.sees("offline")
    at_once.open("Makan siang")
    at_once.page.wait_text("Di mana?")
    at_once.page.send("Network.emulateNetworkConditions", offline=False, **online)
    assert "Tanpa jaringan." in received(webmail, name)
    at_once.page.wait(f"!document.body.innerText.includes({json.dumps(at_once.word('offline'))})")

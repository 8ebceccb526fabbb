"""The webmail in a real browser: what people do with it, on a desk and a phone, both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from merpati.servers.web.pages import FOLDER
from tests.scenarios.webmail import (
    ANI,
    ROWS,
    SCREENSHOTS,
    WAYS,
    Person,
    Webmail,
    findings,
    keep,
    letter,
    need_pages,
    open_letter,
    subjects,
)
from tests.support.browser import DESKTOP, PHONE, Browser, Page
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

SIZES: Final = {"desk": DESKTOP, "phone": PHONE}
FIRST_LOAD: Final = 120_000  # bytes of script and style, compressed
DESIGNED: Final = (
    '<h1>Halo</h1><p>See <a href="https://elsewhere.example/x">www.bank.example</a></p>'
    '<img src="https://t.list-manage.com/open.gif" width="1" height="1">'
)
LANGUAGES: Final = {
    "en": ("Inbox", "Moved to Trash", "Undo"),
    "id": ("Kotak masuk", "Dipindahkan ke Sampah", "Urungkan"),
}


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    chromium = need("chromium")
    server = Installation.make(tmp_path_factory.mktemp("webmail"), "a.id")
    server.add_account("ani@a.id")
    with server.serving(), Browser(chromium) as browser:
        keep(server, *(letter(f"Surat {n}", f"Isi surat {n}.\n\n> kutipan") for n in range(1, 13)))
        keep(server, letter("Designed", html=DESIGNED))
        keep(server, letter("Look-alike", sender="Bank <info@rn.a-id.example>"))
        keep(server, letter("Talk", "one"))
        keep(
            server,
            letter(
                "Re: Talk", "two", In_Reply_To="<talk@b.example>", References="<talk@b.example>"
            ),
        )
        yield Webmail(server, browser)


@pytest.fixture(scope="module")
def page(webmail: Webmail) -> Page:
    """One that has signed in."""
    return webmail.sign_in()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """A desk in English, a phone in Bahasa Indonesia."""
    found: str = request.param
    return found


def arrive(webmail: Webmail, way: str) -> Person:
    """Ani, signed in that way."""
    size, _, language = way.partition("-")
    page = webmail.sign_in(phone=size == "phone", language=language)
    return Person(page, ANI, language, size == "phone")


@pytest.fixture(scope="module")
def people(webmail: Webmail) -> dict[str, Person]:
    """Those who have signed in already."""
    return {way: arrive(webmail, way) for way in WAYS}


@pytest.fixture
def person(people: dict[str, Person], way: str) -> Person:
    """In front of the inbox, with nothing open."""
    people[way].begin_again()
    return people[way]


@pytest.fixture(autouse=True)
def in_the_inbox(request: pytest.FixtureRequest) -> None:
    if "page" in request.fixturenames:
        page = request.getfixturevalue("page")
        page.press("Escape")
        page.press("Escape")
        go_by_keys(page, "i", "Inbox")
        page.wait("document.querySelector('main .scroller[aria-busy=false]')")


def go_by_keys(page: Page, key: str, title: str) -> None:
    """`g` and a key; again where the page was so busy that it took them for two."""

    def arrived() -> bool:
        page.press("g")
        page.press(key)
        found: bool = page.run(f"document.querySelector('main h1')?.innerText === {title!r}")
        return found

    page.until(arrived)


def focused(page: Page, but: str = "") -> str:
    """The name of the row that the keyboard is on, where mark and focus agree; of another one."""
    found: str = page.wait(
        "(one => one === document.querySelector('main .item.cursor a[data-id]')"
        f" && one.ariaLabel !== {json.dumps(but)} && one.ariaLabel)(document.activeElement)"
    )
    return found


def first_load() -> int:
    """Bytes that the list needs: the entry and what it loads at once, as Brotli."""
    waiting = re.findall(r'(?:src|href)="/(assets/[^"]+)"', (FOLDER / "index.html").read_text())
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.endswith(".js"):
            text = (FOLDER / name).read_text()
            static = re.findall(r'(?:from|import)\s*"\./([\w.-]+\.js)"', text)
            waiting += [f"assets/{one}" for one in static]
    return sum((FOLDER / f"{name}.br").stat().st_size for name in seen)


def test_the_first_load_is_light() -> None:
    need_pages()
    assert 10_000 < first_load() <= FIRST_LOAD


def test_a_wrong_password_is_told(webmail: Webmail, way: str) -> None:
    size, _, language = way.partition("-")
    page = webmail.browser.page(webmail.url, SIZES[size], language=language)
    page.click("input[type=email]")
    page.type("ani@a.id")
    page.click("input[type=password]")
    page.type("wrong")
    page.press("Enter")
    page.wait("document.querySelector('[role=alert]')")
    Person(page, ANI, language, size == "phone").sees("wrongPassword")


def test_a_reload_stays_signed_in_and_signing_out_does_not(webmail: Webmail, way: str) -> None:
    person = arrive(webmail, way)
    page = person.page
    page.leave("location.reload()")
    page.wait(f"{ROWS}.length > 3")
    page.click(".top [aria-haspopup=menu]")
    person.press("signOut")
    page.wait("document.querySelector('input[type=password]')")
    page.leave("location.reload()")
    page.wait("document.querySelector('input[type=password]')")


def test_the_keyboard_moves_and_opens(person: Person) -> None:
    page = person.page
    page.run(f"{ROWS}[0].focus()")
    page.press("j")
    first = focused(page)
    page.press("j")
    second = focused(page, but=first)
    page.press("k")
    assert focused(page, but=second) == first
    page.press("o")
    page.wait("document.querySelector('.reader article')")
    page.press("u")
    page.wait("!document.querySelector('.reader article')")


def test_the_focus_stays_with_its_letter_when_another_comes(
    webmail: Webmail, person: Person
) -> None:
    page = person.page
    page.run(f"{ROWS}[0].focus()")
    page.press("j")
    before = focused(page)
    above = f"Di atas yang lain {person.language}"
    keep(webmail.server, letter(above))
    person.row(above)
    assert focused(page) == before
    page.press("j")
    after = focused(page, but=before)
    page.press("k")
    assert focused(page, but=after) == before


def test_a_deleted_letter_comes_back_when_that_is_undone(page: Page) -> None:
    open_letter(page, "Surat 3")
    page.press("#")
    page.wait_text("Moved to Trash")
    page.wait(f"![...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 3'))")
    page.click(".toast .act")
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 3'))")


def test_archived_letters_are_in_the_archive(page: Page) -> None:
    open_letter(page, "Surat 5")
    page.press("e")
    page.wait_text("Archived")
    go_by_keys(page, "a", "Archive")
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 5'))")


def test_junk_and_back(page: Page) -> None:
    open_letter(page, "Surat 6")
    page.press("!")
    page.wait_text("Moved to Junk")
    go_to(page, "Junk")
    open_letter(page, "Surat 6")
    page.press("!")
    page.wait_text("Moved to the inbox")


def test_stars_are_seen_in_the_starred_view(page: Page) -> None:
    open_letter(page, "Surat 7")
    page.press("s")
    page.wait_text("Starred")
    go_by_keys(page, "s", "Starred")
    page.wait(f"{ROWS}.length === 1")
    assert subjects(page) == ["Surat 7"]


def test_several_are_selected_and_marked(page: Page) -> None:
    page.press("j")
    page.wait("document.activeElement.dataset.id")
    page.press("x")
    page.press("j")
    page.press("x")
    page.wait_text("2 selected")
    page.press("I")
    page.wait_text("2 marked as read")


def test_a_folder_is_made_used_and_deleted(page: Page) -> None:
    page.click("nav.tree .new")
    page.wait("document.querySelector('dialog input')")
    page.type("Proyek")
    page.press("Enter")
    page.wait("document.querySelector('nav.tree').innerText.includes('Proyek')")
    open_letter(page, "Surat 8")
    page.press("v")
    page.wait("document.querySelector('dialog input')")
    page.type("proyek")
    page.press("Enter")
    page.wait_text("Moved to Proyek")
    go_to(page, "Proyek")
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith('Surat 8'))")


def test_labels_are_set_and_searched(page: Page) -> None:
    open_letter(page, "Surat 9")
    page.press("l")
    page.wait("document.querySelector('dialog form input')")
    page.click("dialog form input")
    page.type("penting")
    page.press("Enter")
    page.wait_text("Labelled penting")
    search(page, "label:penting")
    page.wait(f"[...{ROWS}].map(one => one.ariaLabel).join().endsWith('Surat 9')")


def choose(page: Page, item: str) -> None:
    """Of the menu that is open."""
    all_ = "[...document.querySelectorAll('[role=menuitem]')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes({item!r}))")


def go_to(page: Page, folder: str) -> None:
    all_ = "[...document.querySelectorAll('nav.tree a')]"
    page.click_at_once(f"{all_}.find(one => one.innerText.includes({folder!r}))")


def search(page: Page, text: str) -> None:
    page.press("/")
    page.wait("document.activeElement.role === 'combobox'")
    page.type(text)
    page.press("Enter")


def test_a_conversation_is_one_row_and_opens_each(person: Person) -> None:
    page = person.page
    page.wait(f"[...{ROWS}].filter(one => one.ariaLabel.includes('Talk')).length === 1")
    person.open("Talk")
    for text in ("one", "two"):
        page.click_at_once("document.querySelector('.reader .closed')")  # what opens moves the rest
        page.wait(f"document.querySelector('.reader article')?.innerText.includes('{text}')")


def test_designed_mail_is_in_a_frame_that_can_do_nothing(person: Person) -> None:
    page = person.page
    person.open("Designed")
    page.wait("document.querySelector('.reader iframe')?.srcdoc.includes('<h1>Halo')")
    sandbox = page.run("document.querySelector('.reader iframe').getAttribute('sandbox')")
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert "→ elsewhere.example" in page.run("document.querySelector('.reader iframe').srcdoc")
    person.sees("trackersFound", "Mailchimp")
    assert not [one for one in page.requested() if "list-manage" in one]


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_screen_is_for_everybody(
    webmail: Webmail, language: str, phone: bool, dark: bool
) -> None:
    name = f"{language}-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    folder: Path = SCREENSHOTS / name
    first = webmail.browser.page(
        webmail.url, (390, 844) if phone else (1440, 900), language=language, dark=dark
    )
    first.wait("document.querySelector('input[type=password]')")
    found = {"sign-in": findings(first)}
    first.screenshot(folder / "sign-in.png")
    page = webmail.sign_in(phone=phone, language=language, dark=dark)
    page.wait(f"{ROWS}.length > 3")
    inbox, _, _ = LANGUAGES[language]
    assert page.run("document.querySelector('main h1').innerText") == inbox
    found["inbox"] = findings(page)
    page.screenshot(folder / "inbox.png")
    if phone:
        page.click(".burger button")
        page.wait("document.querySelector('.folders.shown')")
        found["folders"] = findings(page)
        page.screenshot(folder / "folders.png")
        page.click_at_once("document.querySelector('.veil')")
    page.press("?")
    page.wait("document.querySelector('dialog kbd')")
    found["keys"] = findings(page)
    page.screenshot(folder / "keys.png")
    page.press("Escape")
    for subject in ("Designed", "Surat 10"):
        open_letter(page, subject)
        page.wait("document.querySelector('.reader iframe, .reader .plain')")
        found[subject] = findings(page)
        page.screenshot(folder / f"{subject.lower().replace(' ', '-')}.png")
        if phone:
            page.press("u")
    assert {screen: one for screen, one in found.items() if one} == {}
    assert page.log() == []

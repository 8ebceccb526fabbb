"""Labels with names and colours in a real browser."""

from __future__ import annotations

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
from tests.support.browser import Browser
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

CHIPS = "[...document.querySelectorAll('main .row .chip')].map(one => one.innerText)"


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    chromium = need("chromium")
    server = Installation.make(tmp_path_factory.mktemp("labels"), "a.id")
    server.add_account(ANI)
    with server.serving(), Browser(chromium) as browser:
        keep(server, *(letter(f"Surat {n}", f"Isi surat {n}.") for n in range(1, 6)))
        yield Webmail(server, browser)


def test_a_label_is_given_renamed_coloured_and_searched(webmail: Webmail) -> None:
    page = webmail.sign_in()
    open_letter(page, "Surat 3")
    page.press("l")
    page.wait("document.querySelector('dialog form input')")
    page.click("dialog form input")
    page.type("Kantor Pusat")
    page.press("Enter")
    page.wait_text("Labelled Kantor Pusat")
    page.wait(f"{CHIPS}.join() === 'Kantor Pusat'")
    page.wait("document.querySelector('.reader .label .chip')")
    other = webmail.sign_in(phone=True, language="id", dark=True)
    other.wait(f"{CHIPS}.join() === 'Kantor Pusat'")

    page.send("Page.navigate", url=f"{webmail.url}/mail/settings/labels")
    page.wait("document.querySelector('main li .chip')")
    page.click("main li button")
    page.wait("document.querySelector('dialog input')")
    page.click_at_once("document.querySelector('dialog input[value=green]')")
    page.click("dialog input")
    page.run("document.querySelector('dialog input').select()")
    page.type("Proyek")
    page.wait("document.querySelector('dialog input').value === 'Proyek'")
    assert findings(page) == []
    page.screenshot(SCREENSHOTS / "en-desk-light" / "label.png")
    page.press("Enter")
    page.wait("document.querySelector('main li .chip[data-color=green]')?.innerText === 'Proyek'")

    other.wait(f"{CHIPS}.join() === 'Proyek'")  # another device hears of it
    assert findings(other) == []
    other.screenshot(SCREENSHOTS / "id-phone-dark" / "labels.png")
    other.click(".burger button")
    other.wait("document.querySelector('nav.tree .labels a')")
    other.click_at_once("document.querySelector('nav.tree .labels a')")
    other.wait(f"{ROWS}.length === 1")
    other.wait("document.querySelector('.chips li')")
    open_letter(other, "Surat 3")
    other.click_at_once("document.querySelector('.reader .label button:last-child')")
    other.wait("!document.querySelector('.reader .label')")
    assert page.log() == []
    assert other.log() == []

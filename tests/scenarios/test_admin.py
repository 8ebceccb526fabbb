"""The administration in a browser: every screen, the daily work, and the walk of first steps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import PHONE, Browser, Page
from tests.support.dns import DnsServer
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario

BOSS = "boss@a.id"
SCREENS = (
    "guide", "dashboard", "accounts", "accounts/budi%40a.id", "domains", "domains/a.id", "aliases",
    "lists", "shared", "queue", "guard", "trace", "reports", "doctor", "audit", "backup",
    "configuration", "programs", "settings",
)  # fmt: skip
GUIDE_SECONDS = 600  # what somebody who has never done it may take; a script has to be far below
# Types into the field of a label, as a person would: the page hears of it. False while it is away.
FILL = """((label, text) => {
  const named = [...document.querySelectorAll("label")];
  const found = named.findLast((one) => one.firstChild?.textContent.trim() === label);
  const field = found?.htmlFor
    ? document.getElementById(found.htmlFor) : found?.querySelector("input, textarea");
  if (!field) return false;
  const kind = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
})"""
# The last button with this text that can be pressed; dialogs come last. False while there is none.
PRESS = """((text) => {
  const found = [...document.querySelectorAll("button")].findLast((one) => !one.disabled
    && (one.textContent.trim() === text || one.getAttribute("aria-label") === text));
  found?.click();
  return found !== undefined;
})"""
MOVED = "new PopStateEvent('popstate')"
SHOWS = "document.body.innerText.includes"


class Admin:
    """The administration of an installation, in a browser."""

    def __init__(self, installation: Installation, page: Page, folder: Path) -> None:
        self.page = page
        self.base = f"https://127.0.0.1:{installation.port('https')}"
        kept = os.environ.get("MERPATI_SCREENSHOTS")  # where a person, or CI, wants them
        self.folder = Path(kept) if kept else folder / "screens"
        self.folder.mkdir(parents=True, exist_ok=True)

    def sign_in(self, address: str) -> None:
        self.page.open(f"{self.base}/admin")
        self.page.wait("document.querySelector('input[type=password]')")
        self.fill("Address", address)
        self.fill("Password", PASSWORD)
        self.page.run("document.querySelector('form button[type=submit]').click()")
        self.page.wait("document.querySelector('nav#nav')")

    def go(self, screen: str) -> None:
        to = json.dumps(f"/admin/{screen}")
        self.page.run(f"history.pushState(null, '', {to}), dispatchEvent({MOVED})")
        self.page.wait("document.querySelector('main h1')")

    def fill(self, label: str, text: str) -> None:
        self.page.wait(f"{FILL}({json.dumps(label)}, {json.dumps(text)})")

    def press(self, text: str) -> None:
        self.page.wait(f"{PRESS}({json.dumps(text)})")

    def shows(self, text: str) -> None:
        self.page.wait(f"{SHOWS}({json.dumps(text)})")

    def shot(self, name: str) -> None:
        self.page.screenshot(self.folder / f"admin-{name.replace('/', '-')}.png")


@pytest.fixture
def installation(tmp_path: Path, names: DnsServer) -> Iterator[Installation]:
    made = Installation.make(tmp_path / "one", "a.id", "ani@a.id", "budi@a.id")
    made.add_account(BOSS, "--admin", "--name", "Boss")
    made.configure("dns", nameservers=f'["127.0.0.1:{names.port}"]')
    made.configure("backup", target=f'"{tmp_path / "backup"}"')
    with made.serving(workers=1):
        yield made


@pytest.fixture
def admin(installation: Installation, tmp_path: Path) -> Iterator[Admin]:
    with Browser(need("chromium")) as browser:
        page = browser.page("about:blank", (1400, 1000))
        yield Admin(installation, page, tmp_path)
        assert not page.faults()


def test_every_screen_opens_wide_and_on_a_phone_in_both_languages(
    installation: Installation, admin: Admin
) -> None:
    installation.sendmail("-f", "ani@a.id", "budi@a.id", text="Subject: Rapat\n\nhalo\n")
    admin.sign_in(BOSS)
    for language, theme, size in (("en", "light", (1280, 900)), ("id", "dark", PHONE)):
        kept = {"merpati.language": language, "merpati.theme": theme}
        for name, value in kept.items():
            admin.page.run(f"localStorage.setItem('{name}', '{value}')")
        admin.page.resize(size)
        admin.page.open(f"{admin.base}/admin")
        admin.page.wait("document.querySelector('nav#nav')")
        for screen in SCREENS:
            admin.go(screen)
            admin.page.wait("!document.querySelector('main [role=status].wait')")
            fits = "document.documentElement.scrollWidth <= innerWidth"
            assert admin.page.run(fits), f"{screen} is wider than {size[0]} pixels"
            for fault in ("That did not work", "Tidak berhasil"):
                assert not admin.page.run(f"{SHOWS}('{fault}')"), screen
            admin.shot(f"{language}-{screen}")
    assert admin.page.run("document.documentElement.lang") == "id"


def test_the_first_steps_are_walked(
    installation: Installation, admin: Admin, names: DnsServer
) -> None:
    began = time.monotonic()
    admin.sign_in(BOSS)
    admin.go("guide")
    admin.shows("missing")
    told = installation.json("dns", "a.id")
    zone: dict[tuple[str, str], list[str]] = {}
    for record in told["records"]:
        value = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}.get(record["type"], record["value"])
        zone.setdefault((record["name"], record["type"]), []).append(value)
    for (name, kind), values in zone.items():
        names.set(name, kind, *values)
    admin.press("Look again")
    admin.page.wait("document.querySelectorAll('li.done').length >= 3")
    admin.shows("signed by this server itself")  # a step that is done makes room for the next
    admin.press("Next")
    admin.press("New account")
    admin.page.wait("document.querySelector('dialog form')")
    admin.fill("Address", "citra@a.id")
    admin.press("Add")
    admin.page.wait("document.querySelector('[data-secret]')")
    admin.press("Close")
    admin.press("Import")
    admin.page.wait("document.querySelector('dialog textarea')")
    admin.fill("Table", "address,name\ndedi@a.id,Dedi\nnobody@elsewhere.test,X\n")
    admin.press("Check")
    admin.shows("Make 1 account")
    admin.press("Make 1 account")
    admin.shows("1 account was made")
    admin.press("Close")
    admin.press("Next")
    admin.fill("To", "budi@a.id")
    admin.press("Send the test letter")
    admin.shows("It was delivered.")
    answer = "Subject: Re: A test letter\n\nIt came.\n"
    installation.sendmail("-f", "budi@a.id", BOSS, text=answer)
    admin.shows("mail works both ways")
    admin.press("Next")
    admin.press("Back up now")
    admin.shows("5 of 6 done")  # the certificate is the one of `merpati init`
    seconds = time.monotonic() - began
    print(f"first steps: {seconds:.1f} s")
    assert seconds < GUIDE_SECONDS / 5
    assert {one["address"] for one in installation.json("account", "list")} >= {
        "citra@a.id", "dedi@a.id",
    }  # fmt: skip


def test_a_message_is_held_released_and_followed(
    installation: Installation, admin: Admin, names: DnsServer
) -> None:
    names.set("far.test", "MX", "10 mx.far.test.")
    names.set("mx.far.test", "A", "127.9.9.9")
    admin.sign_in(BOSS)
    installation.sendmail("-f", "ani@a.id", "x@far.test", text="Subject: Pesanan 7\n\nhalo\n")
    admin.go("queue")
    admin.page.wait("document.querySelector('tbody input[type=checkbox]')")
    admin.page.run("document.querySelector('tbody input[type=checkbox]').click()")
    admin.press("Hold")
    admin.page.wait("document.querySelector('dialog')")
    admin.fill("Reason, shown in lists", "ask Ani first")
    admin.press("Hold")
    admin.shows("ask Ani first")
    assert installation.json("queue", "list")[0]["recipients"][0]["held"]
    admin.go("trace?what=pesanan")
    admin.shows("queued for x@far.test")
    admin.go("audit")
    admin.shows("held mail in the")


def test_a_delegate_sees_the_screens_of_their_rights(
    installation: Installation, admin: Admin
) -> None:
    admin.sign_in(BOSS)
    admin.go("settings")
    admin.page.wait("document.querySelector('main select')?.value === 'a.id'")
    admin.fill("Address", "ani@a.id")
    for right in ("lists", "reports"):
        admin.page.run(f"document.querySelector('input[value={right}]').click()")
    admin.press("Add")
    admin.shows("ani@a.id · a.id · accounts, mail's roads")
    admin.press("Account")
    admin.page.wait("document.querySelector('[role=menu]')")
    admin.page.run("[...document.querySelectorAll('[role=menuitem]')].at(-1).click()")
    admin.page.wait("document.querySelector('input[type=password]')")
    admin.page.run("localStorage.clear()")
    admin.sign_in("ani@a.id")
    shown = admin.page.run("[...document.querySelectorAll('#nav a')].map((one) => one.pathname)")
    assert [path.rpartition("/")[2] for path in shown] == [
        "accounts", "domains", "aliases", "shared", "trace", "audit",
    ]  # fmt: skip
    admin.go("queue")
    admin.shows("This account administers nothing.")

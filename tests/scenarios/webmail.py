"""A server with letters, and a browser that has signed in to its webmail."""

from __future__ import annotations

import functools
import imaplib
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from merpati.servers.web.pages import FOLDER
from tests.support.browser import DESKTOP, PHONE, Browser, Page
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import missing

ANI: Final = "ani@a.id"
ROOT: Final = Path(__file__).parents[2]
SCREENSHOTS: Final = ROOT / "var" / "screenshots"
AXE: Final = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WEB: Final = ROOT / "web"
BUDI: Final = "budi@a.id"
# Each journey is walked on a desk in English and on a phone in Bahasa Indonesia, by two people, so
# that neither finds what the other has left.
WAYS: Final = {"desk-en": ANI, "phone-id": "sari@a.id"}
DICTIONARIES: Final = (
    "en", "id", "compose-en", "compose-id", "settings-en", "settings-id", "admin-en", "admin-id",
)  # fmt: skip
ROWS: Final = "document.querySelectorAll('main a[data-id]')"


def letter(
    subject: str, text: str = "Halo.", *, html: str = "", sender: str = "", **more: str
) -> bytes:
    """A message as it is kept."""
    made = EmailMessage(policy=SMTP)
    made["From"] = sender or "Rina Hartono <rina@b.example>"
    made["To"] = f"Ani Wijaya <{ANI}>"
    made["Subject"] = subject
    made["Date"] = "Sun, 22 Nov 2026 10:00:00 +0700"
    made["Message-ID"] = f"<{re.sub(r'[^a-z0-9]+', '.', subject.lower())}@b.example>"
    for name, value in more.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


@contextmanager
def by_imap(server: Installation, who: str = ANI) -> Iterator[imaplib.IMAP4_SSL]:
    """What a mail program would see."""
    context = ssl._create_unverified_context()
    with imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=context) as imap:
        imap.login(who, PASSWORD)
        yield imap


def keep(
    server: Installation, *letters: bytes, flags: str = "", mailbox: str = "INBOX", who: str = ANI
) -> None:
    """Put letters into a mailbox, as a program that moves them would."""
    with by_imap(server, who) as imap:
        for one in letters:
            kind, told = imap.append(mailbox, flags, "", one)
            assert kind == "OK", told


@dataclass
class Webmail:
    """What a scenario uses."""

    server: Installation
    browser: Browser

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.port('http')}"  # passkeys belong to a name

    def sign_in(
        self,
        *,
        phone: bool = False,
        language: str = "en",
        dark: bool = False,
        path: str = "/",
        who: str = ANI,
    ) -> Page:
        """A page that shows the list."""
        size = PHONE if phone else DESKTOP
        page = self.browser.page(self.url + path, size, language=language, dark=dark)
        page.click("input[type=email]")
        page.type(who)
        page.click("input[type=password]")
        page.type(PASSWORD)
        page.press("Enter")
        page.wait("document.querySelector('main .scroller[aria-busy=false]')")
        return page


@contextmanager
def office(folder: Path, chromium: str, *others: str) -> Iterator[Webmail]:
    """A server with the people of `WAYS` and others, and a browser."""
    server = Installation.make(folder, "a.id", *WAYS.values(), *others)
    with server.serving(), Browser(chromium) as browser:
        yield Webmail(server, browser)


@functools.cache
def dictionaries() -> str:
    """A script that puts the texts of the front end into `words`: by language, all parts in one."""
    program = WEB / "node_modules" / ".bin" / "esbuild"
    if not program.is_file():
        missing("esbuild is missing; run `npm install` in web/")
    files = [(name, WEB / "src" / "i18n" / f"{name}.ts") for name in DICTIONARIES]
    text = "".join(
        f"import {{ {name[-2:]} as d{n} }} from {json.dumps(str(file))};\n"
        for n, (name, file) in enumerate(files)
    )
    text += "window.words = { en: [d0, d2, d4, d6], id: [d1, d3, d5, d7] };"
    command: list[str | Path] = [
        program,
        "--bundle",
        "--format=iife",
        "--loader=ts",
        f"--sourcefile={WEB}/x.ts",
    ]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, cwd=WEB, timeout=60
    )
    return str(done.stdout)


# What can be pressed and has this name, the last first, as dialogs and menus come last; the place
# of its middle, once nothing lies over it and it rests there.
PRESSABLE: Final = """(async name => {
  const named = [...document.querySelectorAll("button, a, summary, label, [role^=menuitem]")]
    .filter(one => one.checkVisibility() && !one.disabled
      && (one.innerText.trim() === name || one.ariaLabel === name
        || [...one.querySelectorAll("b, span")].some(part => part.innerText.trim() === name)));
  for (const one of named.reverse()) {
    one.scrollIntoView({ block: "nearest" });
    const box = one.getBoundingClientRect();
    const at = [box.x + box.width / 2, box.y + box.height / 2];
    await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const now = one.getBoundingClientRect();
    if (now.x === box.x && now.y === box.y && one.contains(document.elementFromPoint(...at)))
      return at;
  }
})"""


@dataclass
class Person:
    """Somebody in front of the webmail, who knows things by the names that their language has."""

    PARTS: ClassVar[dict[str, int]] = {"": 0, "write": 1, "set": 2}  # of the dictionary

    page: Page
    address: str
    language: str = "en"
    phone: bool = False

    @classmethod
    def sign_in(cls, webmail: Webmail, way: str) -> Self:
        """The person of one of `WAYS`, in front of the list."""
        size, _, language = way.partition("-")
        phone = size == "phone"
        page = webmail.sign_in(phone=phone, language=language, who=WAYS[way])
        return cls(page, WAYS[way], language, phone)

    def begin_again(self) -> None:
        """The inbox, with nothing open."""
        self.page.open(self.page.run("location.origin") + "/")
        self.page.wait("document.querySelector('main .scroller[aria-busy=false]')")

    def word(self, key: str, *given: object, part: int = 0) -> str:
        """A text of the dictionary; `part` is a number of `PARTS`, 3 is the administration."""
        if not self.page.run("'words' in window"):
            self.page.run(dictionaries())
        found = f"words.{self.language}[{part}].{key}"
        values = ", ".join(json.dumps(one) for one in given)
        text: str = self.page.run(f"{found}({values})" if given else found)
        assert text, f"no text {key}"
        return text

    def name(self, key: str, *given: object) -> str:
        """`write:send` is "Send" of the texts for writing, `=Budi` is just that."""
        if key.startswith("="):
            return key[1:]
        part, _, rest = key.rpartition(":")
        return self.word(rest, *given, part=self.PARTS[part])

    def press(self, *keys: str) -> None:
        """Click on what has these names, one after the other."""
        for key in keys:
            x, y = self.page.wait(f"{PRESSABLE}({json.dumps(self.name(key))})")
            for kind in ("mousePressed", "mouseReleased"):
                self.page.send(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
                )

    def fill(self, key: str, text: str) -> None:
        """Type into the last field with this label or name, in place of what is there."""
        wanted = json.dumps(self.name(key))
        self.page.wait(
            "(one => { one?.focus(); one?.select?.(); return one === document.activeElement; })("
            "[...document.querySelectorAll('input, textarea, [contenteditable]')].findLast(one =>"
            f" one.checkVisibility() && (one.ariaLabel === {wanted} || one.placeholder === {wanted}"
            f" || [...one.labels ?? []].some(label => label.innerText.trim() === {wanted}))))"
        )
        self.page.type(text)

    def sees(self, key: str, *given: object) -> None:
        """Until the page says so."""
        self.page.wait_text(self.name(key, *given))

    def folder(self, key: str) -> None:
        """Go to a folder; on a phone they come out of the side."""
        if self.phone:
            self.page.run("document.querySelector('.reader .narrow button')?.click()")
            self.page.click(".burger button")
            self.page.wait("document.querySelector('.folders.shown')")
        name = json.dumps(self.name(key))
        self.page.click_at_once(
            "[...document.querySelectorAll('nav.tree a')]"
            f".find(one => one.querySelector('.name').innerText === {name})"
        )
        self.page.wait(f"document.querySelector('main h1')?.innerText === {name}")
        self.page.wait("document.querySelector('main .scroller[aria-busy=false]')")

    def settings(self, page: str) -> None:
        """Go to a page of the settings."""
        to = json.dumps(f"/mail/settings/{page}")
        self.page.run(
            f"history.pushState(null, '', {to}); dispatchEvent(new PopStateEvent('popstate'))"
        )
        self.page.wait("document.querySelector('main.settings h2')")

    def row(self, subject: str) -> None:
        """Until the list has a row of this subject."""
        self.page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith({json.dumps(subject)}))")

    def no_row(self, subject: str) -> None:
        """Until the list has none."""
        self.page.wait(
            "document.querySelector('main .scroller[aria-busy=false]') &&"
            f" ![...{ROWS}].some(one => one.ariaLabel.endsWith({json.dumps(subject)}))"
        )

    def open(self, subject: str) -> None:
        """Open a letter of the list."""
        open_letter(self.page, subject)

    def menu(self, key: str) -> None:
        """Something of the menu of the letter that is read."""
        self.page.click(".reader article .acts [aria-haspopup=menu]")
        self.press(key)

    def write(self, to: str, subject: str, text: str) -> None:
        """A new letter, not sent yet."""
        self.press("write")
        self.page.wait("document.querySelector('.letter [contenteditable=true]')")
        self.fill("write:to", to)
        self.page.press("Enter")
        self.fill("write:subject", subject)
        self.page.run("document.querySelector('.letter [contenteditable=true]').focus()")
        self.page.type(text)


def open_letter(page: Page, subject: str) -> None:
    """Click on a row, and wait until the letter is shown."""
    wanted = json.dumps(subject)
    page.click_at_once(f"[...{ROWS}].find(one => one.ariaLabel.endsWith({wanted}))")
    page.wait(
        f"document.querySelector('.reader h2')?.innerText === {wanted} &&"
        " document.querySelector('.reader article')"
    )


def subjects(page: Page) -> list[str]:
    """Those of the rows that are drawn."""
    found: list[str] = page.run(f"[...{ROWS}].map(one => one.ariaLabel.replace(/^.*?: /, ''))")
    return found


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or worse."""
    if not AXE.is_file():
        missing("axe-core is missing; run `npm install` in web/")
    page.run(AXE.read_text("utf-8") + "; 0")
    told: list[dict[str, Any]] = page.run(
        "axe.run(document, {resultTypes: ['violations'], iframes: false})"
        ".then(told => told.violations"
        ".map(one => ({id: one.id, impact: one.impact, nodes: one.nodes.slice(0, 3).map(n => n.html"
        " + ' ' + n.failureSummary)})))"
    )
    return [
        f"{one['id']}: {one['nodes']}" for one in told if one["impact"] in ("serious", "critical")
    ]


def need_pages() -> None:
    """Skip the test where the front end has not been built."""
    if not (FOLDER / "index.html").is_file():
        missing("the web front end has not been built; make setup")

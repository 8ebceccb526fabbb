"""A server with letters, and a browser that has signed in to its webmail."""

from __future__ import annotations

import imaplib
import json
import re
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final

from merpati.servers.web.pages import FOLDER
from tests.support.browser import DESKTOP, PHONE, Browser, Page
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import missing

ANI: Final = "ani@a.id"
ROOT: Final = Path(__file__).parents[2]
SCREENSHOTS: Final = ROOT / "var" / "screenshots"
AXE: Final = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
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


def keep(server: Installation, *letters: bytes, flags: str = "", mailbox: str = "INBOX") -> None:
    """Put letters into the mailbox of Ani, as a program that moves them would."""
    context = ssl._create_unverified_context()
    with imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=context) as imap:
        imap.login(ANI, PASSWORD)
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
        return f"http://127.0.0.1:{self.server.port('http')}"

    def sign_in(
        self, *, phone: bool = False, language: str = "en", dark: bool = False, path: str = "/"
    ) -> Page:
        """A page that shows the list."""
        size = PHONE if phone else DESKTOP
        page = self.browser.page(self.url + path, size, language=language, dark=dark)
        page.click("input[type=email]")
        page.type(ANI)
        page.click("input[type=password]")
        page.type(PASSWORD)
        page.press("Enter")
        page.wait("document.querySelector('main .scroller[aria-busy=false]')")
        return page


def open_letter(page: Page, subject: str) -> None:
    """Click on a row, and wait until the letter is shown."""
    wanted = json.dumps(subject)
    page.wait(f"[...{ROWS}].some(one => one.ariaLabel.endsWith({wanted}))")
    page.run(f"[...{ROWS}].find(one => one.ariaLabel.endsWith({wanted})).click()")
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

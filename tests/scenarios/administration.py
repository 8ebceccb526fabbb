"""A server with administrators, and what they do in front of its administration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from tests.scenarios.webmail import SCREENSHOTS, Person
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.dns import DnsServer
from tests.support.instance import PASSWORD, Installation

# On a desk in English and on a phone in Bahasa Indonesia, by two administrators.
BOSSES: Final = {"desk-en": "boss@a.id", "phone-id": "bos@a.id"}
MOVED: Final = "new PopStateEvent('popstate')"
WAITS: Final = "document.querySelector('main [role=status].wait, main [aria-busy=true]')"


class Admin(Person):
    """Somebody in front of the administration."""

    PARTS: ClassVar[dict[str, int]] = {"mail": 0, "write": 1, "set": 2, "": 3}

    @classmethod
    def arrive(
        cls, browser: Browser, base: str, way: str, who: str = "", *, dark: bool = False
    ) -> Admin:
        """Signed in, in one of the ways of `BOSSES`."""
        size, _, language = way.partition("-")
        phone = size == "phone"
        page = browser.page(
            "about:blank", PHONE if phone else DESKTOP, language=language, dark=dark
        )
        made = cls(page, who or BOSSES[way], language, phone)
        page.open(f"{base}/admin")
        made.enter()
        return made

    def enter(self, password: str = PASSWORD) -> None:
        """Sign in where that is asked for."""
        self.page.click("input[type=email]")
        self.page.type(self.address)
        self.page.click("input[type=password]")
        self.page.type(password)
        self.page.press("Enter")
        self.page.wait("document.querySelector('nav#nav')")

    def go(self, screen: str) -> None:
        """To a screen, until it is drawn and waits for nothing."""
        to = json.dumps(f"/admin/{screen}")
        self.page.run(f"history.pushState(null, '', {to}), dispatchEvent({MOVED})")
        self.settle()

    def begin_again(self) -> None:
        """Nothing open, and nothing left of what was done before."""
        self.page.open(self.page.run("location.origin") + "/admin/trace")
        self.settle()

    def settle(self) -> None:
        """Until the screen waits for nothing."""
        self.page.wait(f"document.querySelector('main h1') && !{WAITS}")

    def fits(self) -> bool:
        """Whether nothing is wider than the window; a phone's would grow with what is in it."""
        width = PHONE[0] if self.phone else DESKTOP[0]
        found: bool = self.page.run(f"document.documentElement.scrollWidth <= {width}")
        return found

    def gone(self, text: str) -> None:
        """Until the screen says it no longer."""
        self.page.wait(f"!document.querySelector('main').innerText.includes({json.dumps(text)})")

    def select(self, value: str, at: str = "select") -> None:
        """Choose in a list."""
        self.page.wait(
            f"(one => {{ one.value = {json.dumps(value)}; if (one.value !== {json.dumps(value)})"
            " return false; one.dispatchEvent(new Event('change', { bubbles: true }));"
            f" return true; }})(document.querySelector({json.dumps(at)}))"
        )

    def quiet(self) -> None:
        """Until no notice lies over the lower end of the page."""
        self.page.wait("document.querySelector('.toasts').childElementCount === 0")

    def close(self) -> None:
        """The dialog, once it is the only one, until it is gone."""
        self.page.wait("document.querySelectorAll('dialog').length === 1")
        self.press("close")
        self.page.wait("!document.querySelector('dialog')")

    def shot(self, name: str) -> None:
        """Kept, for somebody to look at."""
        size = "phone" if self.phone else "desk"
        name = name.replace("/", "-")
        self.page.screenshot(SCREENSHOTS / f"admin-{name}-{size}-{self.language}.png")


@contextmanager
def headquarters(folder: Path, *others: str, **settings: dict[str, str]) -> Iterator[Installation]:
    """A server with the administrators of `BOSSES` and others; settings by their heading."""
    made = Installation.make(folder / "one", "a.id", *others)
    for address in BOSSES.values():
        made.add_account(address, "--admin", "--name", "Boss")
    for heading, values in settings.items():
        made.configure(heading, **values)
    with made.serving(workers=1):
        yield made


def published(server: Installation, names: DnsServer) -> None:
    """What `merpati dns` wants is in the DNS."""
    zone: dict[tuple[str, str], list[str]] = {}
    for record in server.json("dns", "a.id")["records"]:
        value = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}.get(record["type"], record["value"])
        zone.setdefault((record["name"], record["type"]), []).append(value)
    for (name, kind), values in zone.items():
        names.set(name, kind, *values)

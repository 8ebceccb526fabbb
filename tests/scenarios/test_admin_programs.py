"""Programs in the administration: tokens, webhooks that are tried and seen, alerts, charts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.scenarios.test_admin import BOSS, SHOWS, Admin
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario


# Every chart has a title and a description that a screen reader reads.
TOLD = """[...document.querySelectorAll("figure svg")].every((one) =>
  one.querySelector("desc") && one.getAttribute("aria-labelledby"))"""


class Receiver:
    """A program on this machine that is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.told.append({**dict(self.headers), "body": body.decode()})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    folder: Path = tmp_path_factory.mktemp("programs")
    made = Installation.make(folder / "one", "a.id", "ani@a.id", "budi@a.id")
    made.add_account(BOSS, "--admin", "--name", "Boss")
    made.configure("webhooks", loopback="true")
    made.configure("alerts", disk_free="90", doctor="false")  # so that one is certain
    with made.serving(workers=1), Browser(need("chromium")) as browser:
        page = browser.page("about:blank", DESKTOP)
        one = Admin(made, page, folder)
        one.sign_in(BOSS)
        yield one
        assert not page.faults()


def in_both(admin: Admin, screen: str) -> None:
    """Seen at desk and phone size: in Indonesian there."""
    for language, size in (("en", DESKTOP), ("id", PHONE)):
        admin.page.run(f"localStorage.setItem('merpati.language', '{language}')")
        admin.page.resize(size)
        admin.page.open(f"{admin.base}/admin/{screen}")
        admin.page.wait("document.querySelector('main h1')")
        admin.page.wait("!document.querySelector('main [role=status].wait')")
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert admin.page.run(fits), f"{screen} is wider than {size[0]} pixels"
        admin.shot(f"{screen}-{language}-{size[0]}")
    admin.page.run("localStorage.setItem('merpati.language', 'en')")
    admin.page.resize(DESKTOP)
    admin.page.open(f"{admin.base}/admin/{screen}")
    admin.page.wait("document.querySelector('main h1')")


def test_a_webhook_is_made_tried_and_seen_to_be_told(admin: Admin, receiver: Receiver) -> None:
    admin.go("programs")
    admin.shows("Nobody is told of anything yet.")
    admin.fill("Address (https)", receiver.url)
    for kind in ("message.accepted", "message.delivered"):
        admin.page.run(f"document.querySelector('input[value=\"{kind}\"]').click()")
    admin.press("New webhook")
    admin.shows("whsec_")
    admin.press("Close")
    admin.page.wait(f"!{SHOWS}('whsec_')")
    admin.press("Test")
    admin.shows("taken (204)")
    assert [json.loads(one["body"])["type"] for one in receiver.told] == ["webhook.test"]
    admin.shot("programs-told")
    admin.press("Close")
    admin.shows("last told")
    in_both(admin, "programs")


def test_a_token_that_sends_for_one_address_sends_and_the_webhook_hears_of_it(
    admin: Admin, receiver: Receiver
) -> None:
    admin.go("programs")
    admin.fill("Name", "Shop")
    admin.fill("Only for these addresses", BOSS)
    admin.press("New token")
    admin.page.wait("document.querySelector('[data-secret]')")
    secret = admin.page.run("document.querySelector('[data-secret]').textContent")
    admin.press("Close")
    admin.shows(f"({BOSS})")
    send = (
        "fetch('/api/v1/messages', {method: 'POST', headers: {authorization: 'Bearer %s',"
        " 'content-type': 'application/json'}, body: JSON.stringify(%s)}).then((r) => r.status)"
    )
    wanted = {"to": ["budi@a.id"], "subject": "Order 7", "text": "Thank you."}
    assert admin.page.run(send % (secret, json.dumps(wanted))) == 202
    forged = json.dumps({**wanted, "from": "ani@a.id"})
    assert admin.page.run(send % (secret, forged)) == 403
    admin.press("What it was told")
    admin.shows("mail that was delivered")
    admin.press("Close")


def test_what_is_wrong_stands_on_the_dashboard_with_the_next_step(admin: Admin) -> None:
    admin.go("dashboard")
    admin.page.wait(f"{SHOWS}('has ') && {SHOWS}('Make room')", 120)
    for n in range(6):
        admin.page.run(
            f"((one) => (one.value = '{n}', one.dispatchEvent(new Event('change'))))"
            "(document.querySelector('select#span'))"
        )
        admin.page.wait("!document.querySelector('main [role=status].wait')")
        titled = (
            "[...document.querySelectorAll('figure svg')].every((one) => one.querySelector('desc')"
        )
        assert admin.page.run(f"{titled} && one.getAttribute('aria-labelledby'))")
    in_both(admin, "dashboard")


def test_a_webhook_is_switched_off_and_removed(admin: Admin) -> None:
    admin.go("programs")
    admin.shows("last told")
    admin.press("Switch off")
    admin.shows("switched off")
    url = admin.page.run("document.querySelector('.hook strong').textContent")
    admin.press(f"Remove: {url}")
    admin.shows(f"Remove {url}?")
    admin.press("Remove")
    admin.shows("Nobody is told of anything yet.")

"""Programs in the administration: webhooks that are tried and seen, tokens that send."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.scenarios.administration import BOSSES, Admin, headquarters
from tests.scenarios.webmail import need_pages
from tests.support.browser import Browser
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario


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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    need_pages()
    folder: Path = tmp_path_factory.mktemp("programs")
    with headquarters(folder, "budi@a.id", webhooks={"loopback": "true"}) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(need("chromium")) as made:
        yield made


@pytest.fixture(scope="module", params=BOSSES)
def admin(
    server: Installation, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[Admin]:
    made = Admin.arrive(browser, f"https://127.0.0.1:{server.port('https')}", request.param)
    yield made
    assert not made.page.faults()


def test_a_webhook_is_told_of_a_message_that_a_token_sends(
    admin: Admin, receiver: Receiver
) -> None:
    receiver.told.clear()
    admin.go("programs")
    admin.sees("programs.noWebhooks")
    admin.fill("programs.url", receiver.url)
    for kind in ("message.accepted", "message.delivered"):
        admin.press("=" + admin.word(f"programs.kinds['{kind}']", part=3))
    admin.press("programs.newWebhook")
    admin.sees("=whsec_")
    admin.close()
    admin.press("programs.test")
    admin.sees("programs.taken", 204)
    assert [json.loads(one["body"])["type"] for one in receiver.told] == ["webhook.test"]
    admin.shot("programs-told")
    admin.close()

    admin.fill("name", "Shop")
    admin.fill("programs.senders", admin.address)
    admin.press("settings.newToken")
    secret = admin.page.wait("document.querySelector('[data-secret]')?.textContent")
    admin.close()
    admin.sees(f"=({admin.address})")
    send = (
        "fetch('/api/v1/messages', {method: 'POST', headers: {authorization: 'Bearer %s',"
        " 'content-type': 'application/json'}, body: JSON.stringify(%s)}).then((r) => r.status)"
    )
    wanted = {"to": ["budi@a.id"], "subject": "Order 7", "text": "Thank you."}
    assert admin.page.run(send % (secret, json.dumps(wanted))) == 202
    forged = json.dumps({**wanted, "from": "budi@a.id"})
    assert admin.page.run(send % (secret, forged)) == 403
    admin.page.until(lambda: len(receiver.told) == 3)
    admin.press("programs.log")
    admin.sees("=" + admin.word("programs.kinds['message.delivered']", part=3))
    admin.close()


def test_a_webhook_is_switched_off_and_removed(admin: Admin) -> None:
    admin.go("programs")
    admin.press("programs.switchOff")
    admin.sees("programs.off")
    url = admin.page.run("document.querySelector('.hook strong').textContent")
    admin.press(f"={admin.name('remove')}: {url}")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("remove")
    admin.sees("programs.noWebhooks")

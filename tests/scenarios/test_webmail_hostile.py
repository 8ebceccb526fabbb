"""Every case of hostile HTML shown in a browser: nothing runs, and nobody is asked for anything."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.webmail import Webmail, keep, letter, need_pages, open_letter
from tests.support.browser import Browser, Page
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

CORPUS: Final = Path(__file__).parents[1] / "corpora" / "hostile-html"


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what anybody says to it."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    heard.append(connection.recv(1000))
                except OSError:
                    heard.append(b"")

    threading.Thread(target=run, daemon=True).start()
    try:
        yield server.getsockname()[1], heard
    finally:
        server.close()


def test_nothing_runs_and_nothing_is_fetched(tmp_path: Path) -> None:
    need_pages()
    chromium = need("chromium")
    server = Installation.make(tmp_path, "a.id")
    server.add_account("ani@a.id")
    with listener() as (port, heard), server.serving(), Browser(chromium) as browser:
        host = f"127.0.0.1:{port}"
        run = f"(new Image().src=&quot;http://{host}/ran&quot;)"
        names = []
        letters = []
        for file in sorted(CORPUS.glob("*.txt")):
            for n, case in enumerate(file.read_text("utf-8").rstrip("\n").split("\n"), 1):
                name = f"{file.stem} {n}"
                armed = case.replace(
                    "RUN()", run if "=RUN()" in case else run.replace("&quot;", "'")
                )
                armed = armed.replace("PROBE", f"http://{host}").replace("HOST", host)
                letters.append(letter(name, "plain", html=f"<p>{name}</p>{armed}"))
                names.append(name)
        keep(server, *letters)
        page = Webmail(server, browser).sign_in()
        # A page that runs and fetches is heard: the listener works.
        browser.page(f"http://{host}/control")
        for name in reversed(names):
            show(page, name)
        frames = page.run("window.length")
        assert frames <= 1
        asked = [one for one in page.requested() if host in one]
        assert asked == []
        said = [one for one in heard if b"/control" not in one and b"favicon" not in one]
        assert said == []
        assert any(b"/control" in one for one in heard)


def show(page: Page, name: str) -> None:
    """Find a letter by its subject, wherever it is in the list, and open it."""
    found = page.run(
        "(async () => { const box = document.querySelector('.scroller');"
        "const rest = ms => new Promise(done => setTimeout(done, ms));"
        f"const wanted = {json.dumps(': ' + name)};"
        "for (let top = box.scrollTop; top <= box.scrollHeight; top += 600) { box.scrollTop = top;"
        "for (let n = 0; n < 100 && (n < 2 || box.querySelector('.ghost')); n++) await rest(20);"
        "if ([...box.querySelectorAll('a[data-id]')].some(one => one.ariaLabel.endsWith(wanted)))"
        " return true; } return false; })()"
    )
    assert found, name
    open_letter(page, name)

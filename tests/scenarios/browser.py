"""Headless Chromium, driven over its DevTools protocol on a pair of pipes.

    with browser(folder) as page:
        page.open("http://127.0.0.1:8000/")
        page.wait("document.querySelector('#list tr')")
        assert page.ask("document.title") == "Mail"

Protocol: https://chromedevtools.github.io/devtools-protocol/; with `--remote-debugging-pipe`
each message is JSON and ends with a zero byte.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.support.programs import need

SECONDS: Final = 20.0
PAUSE: Final = 0.1
OPTIONS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--no-default-browser-check", "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--ignore-certificate-errors", "--window-size=1400,1000", "--lang=en-US",
    "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One tab; its dialogs are answered with yes."""

    def __init__(self, read: int, write: int) -> None:
        self._read = read
        self._write = write
        self._heard = b""
        self._count = 0
        self._session = ""
        self.faults: list[str] = []  # what scripts of the page have thrown
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")

    def open(self, url: str) -> None:
        """Goes to a page, and waits until it is there."""
        self.leave(f"void (window.location = {json.dumps(url)})")

    def leave(self, script: str) -> None:
        """Does something upon which another page comes, and waits until it is there."""
        self.ask("window.isLeft = true")
        self.ask(script)
        self.wait("!window.isLeft && document.readyState == 'complete'")

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression in the page.

        Raises:
            AssertionError: it failed.
        """
        said = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in said, f"{script}: {said['exceptionDetails']}"
        return said["result"].get("value")

    def wait(self, script: str, seconds: float = SECONDS) -> None:
        """Returns once an expression is true; the page may change meanwhile.

        Raises:
            AssertionError: it does not become true; with what the page shows.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(AssertionError):
                if self.ask(f"!!({script})"):
                    return
            time.sleep(PAUSE)
        shown = self.ask("document.body.innerText")
        raise AssertionError(f"never: {script}; the page shows {shown!r}; {self.faults}")

    def call(self, method: str, **parameters: Any) -> Any:
        """A method of the protocol; its result."""
        self._count += 1
        request = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._count:
                assert "error" not in said, f"{method}: {said['error']}"
                return said["result"]
            self._notice(said)

    def _notice(self, said: dict[str, Any]) -> None:
        if said.get("method") == "Page.javascriptDialogOpening":
            self._count += 1
            answer = {
                "id": self._count, "method": "Page.handleJavaScriptDialog",
                "params": {"accept": True}, "sessionId": self._session,
            }  # fmt: skip
            os.write(self._write, json.dumps(answer).encode() + b"\0")
        elif said.get("method") == "Runtime.exceptionThrown":
            self.faults.append(str(said["params"]["exceptionDetails"])[:500])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            assert select.select([self._read], [], [], SECONDS)[0], "the browser does not answer"
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has ended"
            self._heard += piece
        message, _, self._heard = self._heard.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with a profile of its own, gone afterwards."""
    words = [need("chromium"), f"--user-data-dir={folder / 'chromium'}", *OPTIONS]
    # The browser reads from its file 3 and writes to its file 4.
    shell = ["/bin/sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2', *words]
    with (
        (folder / "chromium.log").open("wb") as log,
        subprocess.Popen(
            shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            env=os.environ | {"HOME": str(folder)},
        ) as child,
    ):  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield Page(child.stdout.fileno(), child.stdin.fileno())
        finally:
            child.stdin.close()  # upon which it ends by itself
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()

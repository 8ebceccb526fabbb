"""Headless Chromium over its DevTools pipe: pages that are looked at, clicked and asked.

with Browser(need("chromium")) as browser:
    page = browser.page("http://127.0.0.1:2080/")
    page.wait("document.querySelector('h1')")
    page.screenshot(folder / "first.png")
"""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

PATIENCE: Final = 30.0  # seconds; a busy machine takes ten times as long as an idle one
FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",  # of several pages, each is as quick as one
    "--no-first-run", "--remote-debugging-pipe", "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
KEYS: Final = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "Backspace": 8}

# Resolves with the middle of an element that has not moved for a tenth of a second, or after
# two seconds in any case: some never rest.
RESTING: Final = """(find => new Promise(done => {
  const begun = performance.now(); let since = begun, last = '';
  const look = now => {
    const one = find();
    if (one) {
      one.scrollIntoView({block: 'nearest'});
      const {x, y, width, height} = one.getBoundingClientRect();
      const place = [x + width / 2, y + height / 2];
      if (String(place) !== last) { last = String(place); since = now; }
      if (now - since > 100 || now - begun > 2000) { done(place); return; }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}))"""
# What takes text, and texts in frames.
TAKES_TEXT: Final = """(one => one.isContentEditable || one.matches('input, textarea, iframe'))(
  document.activeElement)"""


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._count = itertools.count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # The pipe is file descriptors 3 and 4; dash knows no source above 9.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", script, "bash", self._program, *FLAGS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={self._profile.name}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(Exception):
            self.send("Browser.close")
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def send(self, method: str, session: str = "", **params: Any) -> Any:
        """A command's result; what happens meanwhile is kept in `events`."""
        number = next(self._count)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE * 2
        while True:
            told = self._next(until)
            if told.get("id") == number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]
            if told.get("method") == "Page.javascriptDialogOpening":
                self._agree(told["sessionId"])
            self.events.append(told)

    def _agree(self, session: str) -> None:
        """A dialog of the browser's own halts its page: it is answered with yes, at once."""
        answer = {
            "id": next(self._count), "method": "Page.handleJavaScriptDialog",
            "params": {"accept": True}, "sessionId": session,
        }  # fmt: skip
        os.write(self._out, json.dumps(answer).encode() + b"\0")

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise AssertionError("the browser does not answer")
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        whole, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(whole)
        return found

    def page(
        self,
        url: str,
        size: tuple[int, int] = DESKTOP,
        *,
        language: str = "en",
        dark: bool = False,
    ) -> Page:
        """A page in a context of its own, without anything that others have kept."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.resize(size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        page.send("Emulation.setEmulatedMedia", features=[scheme, still])
        agent = self.send("Browser.getVersion")["userAgent"]
        page.send("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        page.send("Page.navigate", url=url)
        return page


class Page:
    """One page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def send(self, method: str, **params: Any) -> Any:
        """A command about this page."""
        return self._browser.send(method, self._session, **params)

    def resize(self, size: tuple[int, int]) -> None:
        """Another window; a narrow one is a phone's, with touch."""
        width, height = size
        phone = width < 600
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)

    def open(self, url: str) -> None:
        """Goes to a page, and waits until it is there."""
        self.leave(f"void (window.location = {json.dumps(url)})")

    def leave(self, script: str) -> None:
        """Does something upon which another page comes, and waits until it is there."""
        self.run("window.isLeft = true")
        self.run(script)
        self.wait("!window.isLeft && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        told = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def wait(self, script: str, within: float = PATIENCE) -> Any:
        """The value of an expression once it is true; the page may change meanwhile."""
        until = time.monotonic() + within
        why: object = ""
        while True:
            try:
                found = self.run(
                    f"(() => {{ const found = {script};"
                    " return found instanceof Node || found; })()"
                )
            except AssertionError as problem:  # what it speaks of is not there yet
                found, why = None, problem
            if found:
                return found
            if time.monotonic() > until:
                text = self.run("document.body.innerText.slice(0, 2000)")
                raise AssertionError(
                    f"never true: {script}\n{why}\nthe page says: {text}\n{self.log()}"
                )
            time.sleep(0.05)

    def wait_text(self, text: str, within: float = PATIENCE) -> None:
        """Until the page says something."""
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", within)

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element, once that stays where it is.

        What comes in above (a banner, a picture) moves the rest, and a click that was aimed before
        meets something else.
        """
        x, y = self.middle(f"document.querySelector({json.dumps(selector)})")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click_at_once(self, script: str) -> None:
        """A click of what an expression gives, as soon as it is there and wherever it is then."""
        self.wait(f"(one => {{ one?.click(); return !!one; }})({script})")

    def middle(self, script: str) -> tuple[float, float]:
        """Where the middle of the element is that an expression gives, once it stays there."""
        self.wait(script)
        x, y = self.run(f"{RESTING}(() => {script})")
        return x, y

    def type(self, text: str) -> None:
        """Into what has the focus, once that is something to type into."""
        self.wait(TAKES_TEXT)
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """One key, by its name or character; returns when the page has drawn what it did upon it.

        Lists move the focus when they draw: who presses the next key, or asks where the focus is,
        before that, meets the old one.
        """
        code = KEYS.get(key, 0)
        params: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code or ord(key.upper())}
        if len(key) == 1:
            params["text"] = key
        elif key == "Enter":
            params["text"] = "\r"
        self.send("Input.dispatchKeyEvent", type="keyDown", **params)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        with contextlib.suppress(AssertionError):  # upon some keys the page goes away
            self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """What lies at one place is dragged with the mouse to another, and dropped there."""
        self.send("Input.setInterceptDrags", enabled=True)
        (x, y), (to_x, to_y) = begin, end
        mouse = functools.partial(self.send, "Input.dispatchMouseEvent", button="left")
        mouse(type="mouseMoved", x=x, y=y)
        mouse(type="mousePressed", x=x, y=y, clickCount=1)
        for step in (5, 10, 20):
            mouse(type="mouseMoved", x=x + step, y=y + step, buttons=1)
        self.until(lambda: bool(self._events("Input.dragIntercepted")))
        data = self._events("Input.dragIntercepted")[-1]["data"]
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=to_x, y=to_y, data=data)
        mouse(type="mouseReleased", x=to_x, y=to_y, clickCount=1)
        self.send("Input.setInterceptDrags", enabled=False)

    def tasks(self, act: Callable[[], object]) -> list[float]:
        """CPU milliseconds of each task that the page's thread had while something was done.

        What the browser calls a long task counts the clock, so that a busy machine makes many.
        """
        kinds = "toplevel,disabled-by-default-devtools.timeline"
        done = len(self._events("Tracing.tracingComplete"))
        told = len(self._events("Tracing.dataCollected"))
        self.send("Tracing.start", transferMode="ReportEvents", categories=kinds)
        act()
        self.send("Tracing.end")
        self.until(lambda: len(self._events("Tracing.tracingComplete")) > done)
        events = [
            one for got in self._events("Tracing.dataCollected")[told:] for one in got["value"]
        ]
        pages = {
            (one["pid"], one["tid"])
            for one in events
            if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
        }
        return [
            one.get("tdur", 0) / 1000
            for one in events
            if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in pages
        ]

    def downloads(self, folder: Path) -> None:
        """Where files go that are saved from now on."""
        self.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def until(self, true: Callable[[], bool], within: float = PATIENCE) -> None:
        """Waits for something outside of the page."""
        end = time.monotonic() + within
        while not true():
            assert time.monotonic() < end, "it never became true"
            time.sleep(0.05)

    def screenshot(self, path: Path) -> None:
        """What is seen, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told = self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(told["data"]))

    def _events(self, method: str) -> list[dict[str, Any]]:
        self.run("0")  # whatever was on its way is here then
        return [
            one["params"]
            for one in self._browser.events
            if one.get("method") == method and one.get("sessionId") == self._session
        ]

    def requested(self) -> list[str]:
        """The address of every request that this page and its frames made."""
        return [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]

    def log(self) -> list[str]:
        """Errors: of scripts, of the policy, of the network."""
        errors = self.faults()
        entries = (one["entry"] for one in self._events("Log.entryAdded"))
        return errors + [
            f"{one['text']} {one.get('url', '')}" for one in entries if one["level"] == "error"
        ]

    def faults(self) -> list[str]:
        """What scripts of the page have thrown."""
        return [
            str(one["exceptionDetails"])[:500] for one in self._events("Runtime.exceptionThrown")
        ]

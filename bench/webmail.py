"""The webmail in a browser: how long people wait for it in a large account.

    python -m bench.webmail                       100,000 messages
    python -m bench.webmail --messages 10000 --runs 3

Headless Chromium on the same machine, over loopback. Each time begins with what a person does (a
click; for the first load the navigation) and ends with the frame that shows what was wanted. A
cold cache is one without scripts, service worker and kept lists; the session is kept. Foreign load
shows in these times: see the load average that is printed, and believe the best of several runs.
Tasks are counted by the CPU of the page's thread, on which foreign load has little effect.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from bench.jmap import HTTP, fill
from bench.ours import DOMAIN, Ours
from bench.target import PASSWORD
from tests.support.browser import Browser, Page
from tests.support.programs import need

ROWS: Final = "document.querySelectorAll('main a[data-id]')"
LISTED: Final = f"document.querySelector('main .scroller[aria-busy=false]') && {ROWS}.length > 5"
ARCHIVE: Final = 6  # its number in a new account
KEYS: Final = 100
SCROLLS: Final = 120  # frames, in each of which the list moves on
STEP: Final = 900  # px; more than a screen
# Notes in each page when the list could first be used.
NOTES: Final = f"""
const look = () => {{
  if ({LISTED}) window.listedAt = performance.now();
  else requestAnimationFrame(look);
}};
look();
"""
# Does something, and tells the milliseconds until the frame in which something else is so.
TIMED: Final = """new Promise((done, fail) => {
  const begun = performance.now();
  %s;
  const look = () => {
    if (%s) requestAnimationFrame(() => done(performance.now() - begun));
    else if (performance.now() - begun > 20_000) fail(new Error("never"));
    else requestAnimationFrame(look);
  };
  look();
})"""
GOALS: Final = {
    "first load, cold cache": 1000, "opening a message": 100, "switching folders": 150,
    "longest task while scrolling, CPU": 50, "longest task while typing, CPU": 50,
}  # fmt: skip


def main() -> None:
    """Measures ours, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/var/tmp"))
    ours = Ours(folder)
    try:
        asyncio.run(fill(ours, args.messages))
        asyncio.run(fill(ours, args.messages // 10, mailbox=ARCHIVE, first=args.messages))
        ours.start()
        with Browser(need("chromium")) as browser:
            report(measured(browser, f"http://127.0.0.1:{HTTP + ours.add}/", args.runs))
    finally:
        ours.close()
        shutil.rmtree(folder, ignore_errors=True)


def measured(browser: Browser, url: str, runs: int) -> dict[str, list[float]]:
    """Milliseconds by what was done."""
    page = signed_in(browser, url)
    found = {"first load, cold cache": [first_load(page) for _ in range(runs)]}
    found["script and style of it, KB"] = [float(loaded(page))]
    found["first load, warm cache"] = [reload(page) for _ in range(runs)]
    page.run("document.querySelector('main a[data-id]').click()")  # loads the reader's script
    page.wait("document.querySelector('.reader article')")
    found["opening a message"] = [opening(page, n) for n in range(1, runs + 1)]
    links = page.run("[...document.querySelectorAll('nav.tree a')].map(one => one.innerText)")
    boxes = [n for n, name in enumerate(links) if name.startswith(("Archive", "Inbox"))]
    found["switching folders"] = [switching(page, boxes[(n + 1) % 2]) for n in range(runs)]
    page.run("document.querySelectorAll('nav.tree a')[0].click()")
    page.wait(LISTED)
    found["longest task while scrolling, CPU"] = [max(page.tasks(lambda: scroll(page)), default=0)]
    begin_letter(page)
    found["longest task while typing, CPU"] = [max(page.tasks(lambda: type_keys(page)), default=0)]
    return found


def signed_in(browser: Browser, url: str) -> Page:
    page = browser.page(url)
    page.send("Page.addScriptToEvaluateOnNewDocument", source=NOTES)
    page.click("input[type=email]")
    page.type(f"u0@{DOMAIN}")
    page.click("input[type=password]")
    page.type(PASSWORD)
    page.press("Enter")
    page.wait(LISTED, 60)
    return page


def first_load(page: Page) -> float:
    page.send("Network.clearBrowserCache")
    kinds = "cache_storage,indexeddb,service_workers"
    origin = page.run("location.origin")
    page.send("Storage.clearDataForOrigin", origin=origin, storageTypes=kinds)
    return reload(page)


def reload(page: Page) -> float:
    page.run("delete window.listedAt")
    page.send("Page.reload")
    at: float = page.wait("document.readyState === 'complete' && window.listedAt", 60)
    return at


def loaded(page: Page) -> int:
    """Compressed kilobytes of script and style that came before the list."""
    sizes: int = page.run(
        "performance.getEntriesByType('resource').filter(one =>"
        " /\\.(js|css)$/.test(one.name) && one.startTime < window.listedAt)"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    return round(sizes / 1000)


def timed(page: Page, act: str, done: str) -> float:
    found: float = page.run(TIMED % (act, done))
    return found


def opening(page: Page, row: int) -> float:
    # The message of the row before is shown until then: that this one is, its subject tells.
    subject = f"{ROWS}[{row}].ariaLabel.replace(/^.*?: /, '')"
    return timed(
        page,
        f"{ROWS}[{row}].click(); const subject = {subject}",
        "document.querySelector('.reader h2')?.innerText === subject"
        " && document.querySelector('.reader article')?.innerText.includes('text of number')",
    )


def switching(page: Page, link: int) -> float:
    return timed(
        page,
        f"const link = document.querySelectorAll('nav.tree a')[{link}]; link.click();"
        " const name = link.querySelector('.name').innerText",
        f"document.querySelector('main h1').innerText === name && {LISTED}",
    )


def scroll(page: Page) -> None:
    """The list moves by a screen in each frame, and then shows what it came to."""
    page.run(
        "new Promise(done => { const box = document.querySelector('main .scroller'); let n = 0;"
        f" const step = () => {{ box.scrollTop += {STEP};"
        f" n++ < {SCROLLS} ? requestAnimationFrame(step) : done(); }};"
        " requestAnimationFrame(step); })"
    )
    page.wait(LISTED)


def begin_letter(page: Page) -> None:
    """A letter of some pages, which is saved as a draft while it is written."""
    page.press("c")
    page.wait("document.querySelector('.letter [contenteditable=true]')")
    page.run("document.querySelector('.letter [contenteditable=true]').focus()")
    page.type("This sentence is one of many. " * 300)
    page.wait("document.querySelector('.letter .state').innerText")


def type_keys(page: Page) -> None:
    for _ in range(KEYS):
        page.send("Input.dispatchKeyEvent", type="keyDown", key="a", text="a")
        page.send("Input.dispatchKeyEvent", type="keyUp", key="a")


def report(found: dict[str, list[float]]) -> None:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"load average {load} on {os.cpu_count()} cores; milliseconds\n")
    print("| | best | median | worst | goal |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, values in found.items():
        three: tuple[Any, ...] = (min(values), statistics.median(values), max(values))
        shown = " | ".join(f"{one:.0f}" for one in three)
        print(f"| {name} | {shown} | {GOALS.get(name, '')} |")


if __name__ == "__main__":
    main()

"""What the machine takes of a newcomer's time: two walks in a browser, timed step by step.

    python -m bench.walk

The first goes from `make run` (its last part, `merpati demo`) to a letter that was sent and
received in the webmail; the second from `merpati init` through the first-run guide to a test letter
out and its answer in. A script clicks and types, in no time: what is printed is what the machine
needs, not how long a person reads and thinks. No person was timed. Undo send waits ten seconds by
itself; the walk presses nothing meanwhile.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.scenarios.administration import Admin, published
from tests.scenarios.webmail import Person
from tests.support.browser import DESKTOP, Browser
from tests.support.dns import DnsServer, answering
from tests.support.instance import MERPATI, Installation, free_ports, run
from tests.support.programs import need

DEMO = "merpati"  # the password that `merpati demo` tells


@dataclass
class Walk:
    """Its steps, and the seconds of each."""

    title: str
    began: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, float]] = field(default_factory=list)

    def step(self, name: str) -> None:
        """What has just been reached."""
        self.steps.append((name, time.monotonic() - self.began))

    def tell(self) -> None:
        """As a table."""
        print(f"\n{self.title}")
        before = 0.0
        for name, at in self.steps:
            print(f"  {at - before:6.1f} s  {name}")
            before = at
        print(f"  {before:6.1f} s  in all")


@contextmanager
def demo(folder: Path, add: int) -> Iterator[None]:
    """What `make run` runs once everything is installed, until it is ready."""
    command: list[str | Path] = [MERPATI, "demo", folder, "--ports", f"high+{add}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("merpati ready"):
                    break
            yield
        finally:
            process.terminate()
            process.wait(15)


def first_letter(folder: Path, browser: Browser) -> Walk:
    """From the command to a letter that Ani writes and Beno reads."""
    add = free_ports()
    walk = Walk("From `make run` to a letter sent and received in the browser")
    with demo(folder, add):
        walk.step("the server is ready")
        url = f"http://localhost:{2080 + add}"
        people = []
        for name in ("ani", "beno"):
            page = browser.page(url, DESKTOP)
            page.click("input[type=email]")
            page.type(f"{name}@merpati.test")
            page.click("input[type=password]")
            page.type(DEMO)
            page.press("Enter")
            page.wait("document.querySelector('main .scroller[aria-busy=false]')")
            people.append(Person(page, f"{name}@merpati.test"))
            walk.step(f"{name} sees the inbox")
        ani, beno = people
        ani.write(beno.address, "Halo", "Surat pertama.")
        ani.press("write:send")
        walk.step("written, and sent")
        beno.page.wait("document.querySelector('main').innerText.includes('Halo')", 30)
        beno.open("Halo")
        beno.page.wait_text("Surat pertama.")
        walk.step("beno reads it, ten seconds of undo included")
    return walk


def first_steps(folder: Path, browser: Browser, names: DnsServer) -> Walk:
    """From `merpati init` to a test letter out and its answer in."""
    add = free_ports()
    walk = Walk("From `merpati init` through the first-run guide")
    made = run("init", folder, "--domain", "a.id", "--ports", f"high+{add}")
    found = re.search(r"password +(\S+)", made.stdout)
    assert found, made.stderr
    walk.step("installed")
    server = Installation(folder, "a.id", add)
    server.configure("dns", nameservers=f'["127.0.0.1:{names.port}"]')
    server.configure("backup", target=f'"{folder / "backup"}"')
    with server.serving():
        walk.step("the server is ready")
        page = browser.page("about:blank", DESKTOP)
        admin = Admin(page, "admin@a.id")
        page.open(f"https://127.0.0.1:{server.port('https')}/admin/guide")
        admin.enter(found[1])
        admin.sees("guide.dnsLead")
        walk.step("signed in; the guide asks for DNS records")
        published(server, names)
        admin.press("domains.check")
        admin.sees("guide.certificateBad")
        walk.step("the records are published and seen")
        admin.press("guide.next", "accounts.import")
        admin.fill("accounts.importText", "address,name\nani@a.id,Ani\nbudi@a.id,Budi\n")
        admin.press("accounts.importTry")
        admin.press("=" + admin.name("accounts.importDo", 2))
        admin.sees("accounts.importDone", 2)
        admin.close()
        walk.step("two accounts from a table")
        admin.press("guide.next")
        admin.fill("guide.letterTo", "budi@a.id")
        admin.press("guide.letterSend")
        admin.sees("guide.letterOut")
        walk.step("the test letter is delivered")
        server.sendmail("-f", "budi@a.id", "admin@a.id", text="Subject: Re: test\n\nIt came.\n")
        admin.sees("guide.letterIn")
        walk.step("its answer has come in")
        admin.press("guide.next", "backup.now")
        admin.sees("guide.progress", 5, 6)  # nobody but this machine trusts the certificate
        walk.step("the first backup is taken")
    return walk


def main() -> None:
    """Walks both, and tells."""
    with (
        tempfile.TemporaryDirectory(prefix="merpati-walk-") as folder,
        Browser(need("chromium")) as browser,
        answering(DnsServer()) as names,
    ):
        first_letter(Path(folder) / "demo", browser).tell()
        first_steps(Path(folder) / "new", browser, names).tell()
    print("\nThe machine's part only: a script clicked and typed, no person was timed.")


if __name__ == "__main__":
    main()

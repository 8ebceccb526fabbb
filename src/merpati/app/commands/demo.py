"""A demo installation in var/demo, made when there is none, and served until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path
from typing import Any, Final

from merpati.app import serve
from merpati.app.commands import init
from merpati.app.commands.serve import add_workers_option
from merpati.app.config import read_config
from merpati.app.installation import FILE_NAME, Config, open_store
from merpati.app.language import tell
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.model.mailbox import INBOX_ID
from merpati.services.digest import digest
from merpati.services.login import hash_password
from merpati.store import blobs, directory, emails
from merpati.wire.trace import date_time

DOMAIN: Final = "merpati.test"
# Known to everybody, so the demo listens on 127.0.0.1 only.
PASSWORD: Final = "merpati"  # noqa: S105 -- a demo's
PEOPLE: Final = (("ani", "Ani Wijaya", "id"), ("beno", "Beno Santoso", "en"))


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati demo [DIR] [--workers N]`."""
    parser.add_argument("folder", nargs="?", type=Path, default=Path("var/demo"), metavar="DIR")
    parser.add_argument("--ports", default="high", help="high, or high+N")
    add_workers_option(parser)


def run(args: argparse.Namespace) -> int:
    """Make what is missing, then serve."""
    file = args.folder / FILE_NAME
    if not file.exists():
        _say(f"Making a demo installation in {args.folder} ...")
        admin = f"admin@{DOMAIN}"
        init.make(args.folder, DOMAIN, f"mail.{DOMAIN}", admin, args.ports, _furnish)
    _greet(read_config(file))
    return serve.serve(file, args.workers)


def _greet(config: Config) -> None:
    ports = {one.service: one.port for one in config.listeners}
    _say(
        f"""
  Merpati, a demo. Everything listens on 127.0.0.1 only.

    accounts   ani@{DOMAIN}   beno@{DOMAIN}   admin@{DOMAIN}
    password   {PASSWORD}   (all three)

    SMTP       {ports["smtp"]}
    submission {ports["submission"]} (STARTTLS)   {ports["submissions"]} (TLS)
    IMAP       {ports["imap"]} (STARTTLS)   {ports["imaps"]} (TLS)
    POP3       {ports["pop3"]} (STARTTLS)   {ports["pop3s"]} (TLS)
    Sieve      {ports["managesieve"]} (ManageSieve, STARTTLS)
    LMTP       {ports["lmtp"]}
    web        http://127.0.0.1:{ports["http"]}   https://127.0.0.1:{ports["https"]}
    health     http://127.0.0.1:{ports["metrics"]}/healthz   /readyz   /metrics

  Try:  swaks --server 127.0.0.1:{ports["smtp"]} --to ani@{DOMAIN} --from you@example.org
        curl imap://127.0.0.1:{ports["imap"]}/INBOX?ALL -u ani@{DOMAIN}:{PASSWORD}

  Ctrl-C stops it.
"""
    )


async def _furnish(config: Config) -> None:
    """Accounts with known passwords, and a few letters to look at."""
    store = await open_store(config)
    clock = SystemClock()
    blob_store = blobs.BlobStore(config.blobs, SystemIds(clock))
    now = int(clock.now() * 1000)
    hashed = hash_password(PASSWORD)

    async def people(tx: Any) -> list[int]:
        admin = await directory.account(tx, f"admin@{DOMAIN}")
        await directory.set_account(tx, admin.id, password=hashed)
        ids = [admin.id]
        for local, name, language in PEOPLE:
            account = await directory.add_account(
                tx, f"{local}@{DOMAIN}", name=name, password=hashed, now=now, language=language
            )
            ids.append(account.id)
        return ids

    try:
        ids = await store.write(people)
        for letter in sorted(
            (resources.files("merpati.app") / "letters").iterdir(), key=lambda file: file.name
        ):
            text = letter.read_text("utf-8").replace("{date}", date_time(clock.now()))
            content = text.replace("\n", "\r\n").encode()
            body = blob_store.inline(content)
            found = digest(content, now)
            placements = [emails.Placement(account_id, INBOX_ID) for account_id in ids]
            await store.write(emails.add, body, found, placements, now)
    finally:
        await store.close()


def _say(text: str) -> None:
    sys.stdout.write("\n".join(map(tell, text.split("\n"))) + "\n")
    sys.stdout.flush()

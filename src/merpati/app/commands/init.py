"""Make a new installation: configuration, store, certificate and administrator."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import shutil
import socket
import tomllib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merpati.app import migrate
from merpati.app.commands import session
from merpati.app.commands.session import say
from merpati.app.config import check_document, render_config
from merpati.app.installation import FILE_NAME, Config, ServerSettings, open_store
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import write_key_file
from merpati.net.tls import make_self_signed
from merpati.services.diagnose.publish import Home, SigningRecord
from merpati.services.login import hash_password
from merpati.services.rotation import make_keys
from merpati.store import directory


@dataclass(frozen=True, slots=True)
class Made:
    """A fresh installation, and the password that is shown once."""

    config: Config
    admin: str
    password: str
    keys: tuple[SigningRecord, ...]  # to be published


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati init DIR --domain DOMAIN ...`."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="a new or empty folder")
    parser.add_argument("--domain", required=True, help="the first domain served")
    parser.add_argument("--hostname", help="this server's name; mail.DOMAIN when not given")
    parser.add_argument("--admin", metavar="ADDRESS", help="admin@DOMAIN when not given")
    parser.add_argument(
        "--ports", default="standard", metavar="standard|high|high+N", help="which ports to use"
    )


def run(args: argparse.Namespace) -> None:
    """Do it, and say what to do next."""
    domain = directory.new_name(args.domain)
    hostname = directory.as_kept(args.hostname) if args.hostname else f"mail.{domain}"
    admin = args.admin or f"admin@{domain}"
    made = make(args.folder, domain, hostname, admin, args.ports)
    say(f"Merpati is set up in {args.folder}.")
    say("")
    say(f"  administrator  {made.admin}")
    say(f"  password       {made.password}   (shown only now)")
    say("")
    say("Publish these records in the DNS:")
    say("")
    from merpati.app.commands import dns  # noqa: PLC0415 -- a command of its own

    for line in dns.table(Home(domain=domain, hostname=hostname, keys=made.keys)):
        say(f"  {line}")
    say("")
    say(f"Then start it:  merpati serve -c {shlex.quote(str(made.config.file))}")


def make(
    folder: Path,
    domain: str,
    hostname: str,
    admin: str,
    ports: str,
    furnish: Callable[[Config], Coroutine[Any, Any, None]] | None = None,
) -> Made:
    """A new installation in a folder: all of it, or nothing.

    The configuration file gets its name last. Until then it is `merpati.toml.new`, which tells
    the next run, should this one be killed, that what lies beside it is nobody's yet.

    Args:
        folder: New, empty, or where an earlier run was killed.
        domain: The first domain, as the directory keeps names.
        hostname: This server's name.
        admin: The administrator's address, in `domain`.
        ports: `standard`, `high` or `high+N`.
        furnish: What else belongs to it before it is whole.

    Raises:
        Fault: EXISTS when there is one already; CONFIG or SYNTAX for wrong names or ports.
    """
    file, unfinished = folder / FILE_NAME, folder / f"{FILE_NAME}.new"
    if file.exists():
        raise Fault(Kind.EXISTS, f"{file} exists already; choose another folder")
    _check_names(domain, hostname, admin)
    text = render_config(
        hostname,
        ports,
        {"tls": {"certificate": ["tls/certificate.pem"], "key": ["tls/key.pem"]}},
    )
    config = check_document(file, tomllib.loads(text))
    if unfinished.exists():
        _remove(folder)
    for taken in (folder / "tls", folder / "data"):
        if taken.exists():
            raise Fault(Kind.EXISTS, f"{taken} exists already; choose another folder")
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.write_text(text, "utf-8")
        password, _ = session.read_password(admin, from_stdin=False)
        keys = _fill(config, domain, hostname, admin, hash_password(password))
        if furnish is not None:
            asyncio.run(furnish(config))
        unfinished.replace(file)
    except BaseException:
        _remove(folder)
        if not was_there:
            folder.rmdir()
        raise
    return Made(config, admin, password, keys)


def _check_names(domain: str, hostname: str, admin: str) -> None:
    try:
        ServerSettings(hostname=hostname)
    except ValueError as problem:
        raise Fault(Kind.CONFIG, str(problem)) from None
    local, home = directory.split_address(admin)
    directory.check_local(local, admin)
    if home != domain:
        text = f"the administrator {admin} must have an address in {domain}; see --admin"
        raise Fault(Kind.CONFIG, text)


def _remove(folder: Path) -> None:
    """Take away what an unfinished run has made; the file that says so last."""
    for made in ("tls", "data"):
        shutil.rmtree(folder / made, ignore_errors=True)
    (folder / f"{FILE_NAME}.new").unlink(missing_ok=True)


def _fill(
    config: Config, domain: str, hostname: str, admin: str, hashed: str
) -> tuple[SigningRecord, ...]:
    folder = config.file.parent / "tls"
    folder.mkdir(mode=0o700)
    names = [hostname, domain, "localhost", socket.gethostname().lower()]
    usable = [name for name in dict.fromkeys(names) if name.isascii() and len(name) < 64]
    certificate, key = make_self_signed(usable, SystemClock().now())
    (folder / "certificate.pem").write_bytes(certificate)
    write_key_file(folder / "key.pem", key)
    return asyncio.run(_fill_store(config, domain, admin, hashed))


async def _fill_store(
    config: Config, domain: str, admin: str, hashed: str
) -> tuple[SigningRecord, ...]:
    from merpati.app import examining  # noqa: PLC0415 -- much to import for --help

    await migrate.migrate(config)
    store = await open_store(config)
    now = int(SystemClock().now() * 1000)

    async def unit(tx: Any) -> None:
        await directory.add_domain(tx, domain, now)
        account = await directory.add_account(
            tx, admin, name="Administrator", password=hashed, now=now, is_admin=True
        )
        if admin != f"postmaster@{domain}":  # RFC 5321 4.5.1: it must always be there
            await directory.add_address(tx, account.id, f"postmaster@{domain}")

    try:
        await store.write(unit)
        await make_keys(store, domain, now)
        return await store.read(examining.signing_records, domain)
    finally:
        await store.close()

"""Bring back what a backup holds: everything into an empty place, or one account or mailbox.

  merpati restore SRC --to DIR                  a whole installation into a new folder
  merpati restore SRC                           the store of the installation that -c names
  merpati restore SRC --account ADDRESS         one account back into the living server
  merpati restore SRC --account ADDRESS --mailbox NAME
  merpati restore SRC --account ADDRESS --list  what the backup has of it

An account or mailbox comes back without duplicates, while the server runs. After a restore of
everything, mail that waited for other servers is held: see merpati queue list.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final

import apsw

from merpati.app import backing
from merpati.app.cli import DONE, FAILED, WRONG_USAGE
from merpati.app.commands import session
from merpati.app.commands.check import Bar
from merpati.app.commands.session import Session, say
from merpati.app.config import read_config
from merpati.app.installation import (
    FILE_NAME,
    Config,
    ServerSettings,
    StoreSettings,
    TlsSettings,
    become_owner,
    open_store,
)
from merpati.app.language import tell
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.base.secrets import Secret, write_key_file
from merpati.net.tls import make_self_signed
from merpati.services.administration.accounts import note_restored
from merpati.services.backup import rebuild, routine, snapshot
from merpati.services.backup.bring import Bringing, Brought
from merpati.services.backup.snapshot import Snapshot
from merpati.store.backup.folder import fault_of
from merpati.store.backup.repository import Repository, open_repository
from merpati.store.backup.target import find_place
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store
from merpati.store.sqlite import SqliteStore, connect

PART: Final = ".restoring"  # the database until it is whole


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati restore SRC ...`."""
    parser.add_argument("source", metavar="SRC", help="the backup's folder, or URL of its bucket")
    parser.add_argument("--snapshot", default="", help="which one; the latest when not given")
    parser.add_argument("--to", metavar="DIR", type=Path, help="a new or empty folder")
    parser.add_argument("--account", metavar="ADDRESS", default="", help="this account only")
    parser.add_argument("--mailbox", metavar="NAME", default="", help="and this mailbox of it")
    parser.add_argument("--list", action="store_true", help="show what the backup has")
    parser.add_argument("--dry-run", action="store_true", help="count, change nothing")
    parser.add_argument("--ignore-quota", action="store_true", help="even beyond the quota")
    parser.add_argument("--passphrase-file", type=Path, help="that of an encrypted backup")
    parser.add_argument("--bucket-key-file", type=Path, help="the key of a bucket: ID and secret")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if (args.mailbox or args.list) and not args.account:
        wrong = tell("say of which account: --account ADDRESS")
        sys.stderr.write(f"merpati restore: {wrong}\n")
        return WRONG_USAGE
    if args.account:
        return session.with_session(args, lambda one: _account(one, args))
    return asyncio.run(_everything(args))


# One account


async def _account(one: Session, args: argparse.Namespace) -> int:
    place, secret = backing.opened(
        one.config, one.ids, args.source, args.passphrase_file, args.bucket_key_file
    )
    repository = open_repository(place, one.ids, secret)
    bar = Bar(shown=sys.stderr.isatty())
    done = 0

    def show(path: str, count: int) -> None:
        nonlocal done
        done += count
        bar.show(path, done, 0)

    try:
        found = snapshot.find(repository, args.snapshot)
        bringing = Bringing(repository, found, one.store, one.blobs, one.clock)
        if args.list:
            return _show(bringing, found, args)
        brought = await bringing.bring(
            args.account, mailbox=args.mailbox, dry_run=args.dry_run,
            ignore_quota=args.ignore_quota, progress=show,
        )  # fmt: skip
        if not args.dry_run:
            await one.store.write(
                note_restored, one.actor, one.now, args.account.lower(), brought.report.added,
                sorted(brought.report.mailboxes),
            )  # fmt: skip
    finally:
        bar.clear()
        repository.close()
    _tell(brought, found, args)
    return FAILED if brought.report.skipped_count else DONE


def _show(bringing: Bringing, found: Snapshot, args: argparse.Namespace) -> int:
    boxes = bringing.mailboxes(args.account)
    if args.json:
        session.print_json({"snapshot": found.name, "mailboxes": boxes})
    else:
        say(f"{args.account} in {found.name}:")
        rows = [(one.path, one.total) for one in boxes]
        session.print_table(("mailbox", "emails"), rows, "no mailboxes")
    return DONE


def _tell(brought: Brought, found: Snapshot, args: argparse.Namespace) -> None:
    report = brought.report
    if args.json:
        session.print_json({
            "snapshot": found.name, "restored": report.added, "there": brought.there,
            "accountMade": brought.made, "mailboxes": report.mailboxes,
            "skipped": [{"name": name, "reason": reason} for name, reason in report.skipped],
        })  # fmt: skip
        return
    if brought.made:
        say(f"{args.account} was gone and {'would be' if args.dry_run else 'is'} made anew.")
    verb = "would come" if args.dry_run else "came"
    say(f"{report.added} emails {verb} back from {found.name}; {brought.there} are here already.")
    for name, reason in report.skipped:
        say(f"  {name}: {reason}")


# Everything


async def _everything(args: argparse.Namespace) -> int:
    clock = SystemClock()
    ids = SystemIds(clock)
    secret = routine.passphrase(args.passphrase_file)
    repository = open_repository(find_place(args.source, ids, args.bucket_key_file), ids, secret)
    bar = Bar(shown=sys.stderr.isatty())
    try:
        found = snapshot.find(repository, args.snapshot)
        config = _place(args, found)
        result = await _fill(repository, found, config, ids, bar)
    finally:
        bar.clear()
        repository.close()
    if args.json:
        session.print_json({"snapshot": found.name, "config": str(config.file), **_plain(result)})
        return DONE
    say(f"{found.name} is back: {result.accounts} accounts, {result.messages} messages.")
    for line in _next(config, result, secret):
        say(line)
    return DONE


def _place(args: argparse.Namespace, found: Snapshot) -> Config:
    """The configuration to restore for; made from the snapshot's with `--to`."""
    if args.to is None:
        return session.load_config(args)
    folder = args.to.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise Fault(Kind.EXISTS, f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for one in found.manifest.files:
            path = folder / one.name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            data = one.data
            if one.name == FILE_NAME:  # all of it below the folder, wherever it was
                data = _relative(data.decode()).encode()
            path.write_bytes(data)
            path.chmod(one.mode)
    except OSError as error:
        raise fault_of(folder, error) from error
    return read_config(folder / FILE_NAME)


def _relative(text: str) -> str:
    """A configuration whose data lies below its folder: `[server] data`, `[store|blobs] path`."""
    parts = re.split(r"(?m)^(?=\[)", text)
    for n, part in enumerate(parts):
        if part.startswith("[server]"):
            parts[n] = re.sub(r"(?m)^data *=.*$", 'data = "data"', part)
        elif part.startswith(("[store]", "[blobs]")):
            parts[n] = re.sub(r"(?m)^path *=.*\n", "", part)
    return "".join(parts)


async def _fill(
    repository: Repository, found: Snapshot, config: Config, ids: SystemIds, bar: Bar
) -> rebuild.Rebuilt:
    sqlite = config[StoreSettings].engine == "sqlite"
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    become_owner(config.data)
    database = config.database
    if sqlite and database.exists():
        raise Fault(Kind.EXISTS, f"{database} exists; move it away, or restore elsewhere: --to DIR")
    store: Store
    part = database.with_name(database.name + PART)
    if sqlite:
        for left in database.parent.glob(f"{part.name}*"):  # of a restore that was broken off
            left.unlink()
        store = SqliteStore(part)
    else:
        store = await open_store(config)
    try:
        now = int(SystemClock().now() * 1000)
        result = await rebuild.rebuild(
            repository, found, store, BlobStore(config.blobs, ids), now, bar.show
        )
    finally:
        await store.close()
    if sqlite:
        _finish(part, database)
    return result


def _finish(part: Path, database: Path) -> None:
    """Give the whole database its name, its write-ahead log merged into it."""
    db = connect(part)
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    db.close()
    part.rename(database)
    for left in database.parent.glob(f"{part.name}*"):
        left.unlink()
    os.sync()


def _certify(config: Config) -> bool:
    """Make a certificate of our own where those that the configuration names are not there."""
    tls = config[TlsSettings]
    if not tls.certificate or any(path.exists() for path in (*tls.certificate, *tls.key)):
        return False
    hostname = config[ServerSettings].hostname
    certificate, key = make_self_signed([hostname, "localhost"], SystemClock().now())
    for path in (tls.certificate[0], tls.key[0]):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls.certificate[0].write_bytes(certificate)
    write_key_file(tls.key[0], key)
    return len(tls.certificate) == 1


def _plain(result: rebuild.Rebuilt) -> dict[str, int]:
    return {
        "accounts": result.accounts, "messages": result.messages, "held": result.held,
        "damaged": result.lost,
    }  # fmt: skip


def _next(config: Config, result: rebuild.Rebuilt, secret: Secret | None) -> list[str]:
    lines = []
    if result.held:
        lines.append(
            f"{result.held} recipients elsewhere are held, for they may have got their mail since:"
            " merpati queue list"
        )
    if result.lost:
        lines.append(f"{result.lost} messages were damaged before the backup; see merpati check.")
    if secret is None:
        lines.append(
            "The backup is not encrypted and has no keys: bring tls/ and data/sealing.key yourself."
        )
    if _certify(config):
        lines.append("Until then the server shows a certificate of its own, which was made now.")
    lines.append(f"Next: merpati check -c {config.file}, then merpati serve -c {config.file}")
    return lines

"""Back up everything to a folder or bucket, while the server runs; list, verify and prune backups.

  merpati backup [DEST]          take a snapshot; what is there already is not copied again
  merpati backup list [DEST]     the snapshots, and how the last backups went
  merpati backup verify [DEST]   read every file and compare its hash
  merpati backup prune [DEST]    forget the snapshots whose time is over

DEST is a folder, or https://HOST/BUCKET/PREFIX of an S3-compatible store. Without it, it is what
[backup] of merpati.toml names. `merpati restore` brings back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final

from merpati.app import backing
from merpati.app.cli import DONE, FAILED, WRONG_USAGE
from merpati.app.commands import session
from merpati.app.commands.check import Bar
from merpati.app.commands.session import Session, say, show_size
from merpati.app.language import tell
from merpati.base.faults import Fault
from merpati.base.secrets import Secret
from merpati.services.backup import keep, prove
from merpati.services.backup.keep import BackupSettings
from merpati.services.backup.snapshot import Manifest
from merpati.store.backup import runs
from merpati.store.backup.repository import Repository, open_repository

ACTIONS: Final = ("list", "verify", "prune")
RUNS: Final = 10  # shown


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati backup [list|verify|prune] [DEST]`."""
    parser.add_argument("words", nargs="*", metavar="[list|verify|prune] [DEST]")
    parser.add_argument(
        "--passphrase-file", type=Path, help="that of an encrypted backup; a new one is encrypted"
    )
    parser.add_argument("--bucket-key-file", type=Path, help="the key of a bucket: ID and secret")
    parser.add_argument("--regular", action="store_true", help=argparse.SUPPRESS)
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    words = list(args.words)
    args.action = words.pop(0) if words and words[0] in ACTIONS else "take"
    args.target = words.pop(0) if words else ""
    if words:
        wrong = tell(f"what is {words[0]}? see: merpati backup --help")
        sys.stderr.write(f"merpati backup: {wrong}\n")
        return WRONG_USAGE
    if args.regular:
        os.nice(backing.NICE)
    return session.with_session(args, lambda one: _run(one, args))


async def _run(one: Session, args: argparse.Namespace) -> int:
    args.place, secret = backing.opened(
        one.config, one.ids, args.target, args.passphrase_file, args.bucket_key_file
    )
    bar = Bar(shown=sys.stderr.isatty())
    try:
        match args.action:
            case "take":
                return await _take(one, args, secret, bar)
            case "list":
                return await _list(one, args, secret)
            case "verify":
                return await _verify(one, args, secret, bar)
            case _:
                return await _prune(one, args, secret)
    finally:
        bar.clear()


async def _take(one: Session, args: argparse.Namespace, secret: Secret | None, bar: Bar) -> int:
    work = backing.build(
        one.config, one.store, one.blobs, one.clock, one.ids, bar.show, encrypted=secret is not None
    )
    taken = await work.run(args.place, secret, regular=args.regular)
    bar.clear()
    if args.json:
        session.print_json({
            "snapshot": taken.name, "messages": taken.blobs, "bytes": taken.octets,
            "written": taken.written, "damaged": [list(each) for each in taken.lost],
        })  # fmt: skip
    else:
        say(
            f"{taken.name}: {taken.blobs} messages, {show_size(taken.octets)};"
            f" {show_size(taken.written)} were new."
        )
        if secret is None:
            say("Not encrypted, so without the keys beside the store: TLS and sealing.key.")
        for blob_id, reason in taken.lost:
            say(f"  message {blob_id} is damaged in the store: {reason}")
    return FAILED if taken.lost else DONE


async def _list(one: Session, args: argparse.Namespace, secret: Secret | None) -> int:
    last = await one.store.read(runs.listing, RUNS)
    found: list[dict[str, Any]] = []
    problem = ""
    try:
        repository = open_repository(args.place, one.ids, secret)
        found = [_plain(repository, name) for name in repository.snapshots()]
        repository.close()
    except Fault as fault:
        problem = fault.text
    if args.json:
        session.print_json({"snapshots": found, "runs": last, "problem": problem})
        return FAILED if problem else DONE
    rows = [
        (each["name"], session.show_time(each["createdAt"]), each["messages"],
         show_size(each["bytes"]))
        for each in found
    ]  # fmt: skip
    session.print_table(("snapshot", "taken", "messages", "size"), rows, "There is no snapshot.")
    if last:
        say("")
        session.print_table(
            ("began", "result", "new", "verified"), [_row(each) for each in last], ""
        )
    if problem:
        sys.stderr.write(f"merpati backup: {tell(problem)}\n")
    return FAILED if problem else DONE


def _plain(repository: Repository, name: str) -> dict[str, Any]:
    manifest: Manifest = repository.read_snapshot(name, Manifest)
    return {
        "name": name, "createdAt": manifest.created_at, "messages": manifest.blobs,
        "bytes": manifest.octets, "hostname": manifest.hostname, "version": manifest.version,
    }  # fmt: skip


def _row(one: runs.Run) -> tuple[str, str, str, str]:
    result = tell(one.problem or ("done" if one.snapshot else "runs, or was broken off"))
    verified = session.show_time(one.verified_at) if one.verified_at else tell("not yet")
    return session.show_time(one.started_at), result, show_size(one.written), verified


async def _verify(one: Session, args: argparse.Namespace, secret: Secret | None, bar: Bar) -> int:
    repository = open_repository(args.place, one.ids, secret)
    try:
        proof = await asyncio.to_thread(prove.prove, repository, bar.show)
    finally:
        repository.close()
    first = proof.problems[0] if proof.problems else ""
    await one.store.write(runs.verified, args.place.name, one.now, first)
    bar.clear()
    if args.json:
        session.print_json(proof)
    else:
        for problem in proof.problems:
            say(problem)
        end = f"{len(proof.problems)} problems." if proof.problems else "all is well."
        say(f"{proof.snapshots} snapshots, {proof.packs} files, {show_size(proof.octets)}: {end}")
        if proof.problems:
            say("The next backup writes what is missing anew, as far as the store still has it.")
    return FAILED if proof.problems else DONE


async def _prune(one: Session, args: argparse.Namespace, secret: Secret | None) -> int:
    repository = open_repository(args.place, one.ids, secret, write=True)
    try:
        gone, freed = await asyncio.to_thread(keep.prune, repository, one.config[BackupSettings])
    finally:
        repository.close()
    if args.json:
        session.print_json({"removed": gone, "bytes": freed})
    else:
        say(f"{len(gone)} snapshots removed, {show_size(freed)} freed.")
    return DONE

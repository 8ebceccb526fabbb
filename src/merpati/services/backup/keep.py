"""Which snapshots are kept: the last of each of so many days, weeks and months."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from merpati.base.settings import setting
from merpati.services.backup import snapshot
from merpati.services.backup.snapshot import Manifest
from merpati.store.backup import rows
from merpati.store.backup.repository import Repository

_HOUR: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """Regular backups of everything: accounts, mail, queue, settings."""

    target: Path | None = setting(
        None,
        "Folder to back up to, best on another disk or machine; no regular backups when not set.",
        example="/mnt/backup/merpati",
    )
    bucket: str = setting(
        "",
        "In place of a folder: a bucket of an S3-compatible store, https://HOST/BUCKET/PREFIX, with"
        " ?region=NAME where the host's name does not tell it. It wants a passphrase_file.",
        example="https://s3.eu-central-1.amazonaws.com/our-backups/merpati",
    )
    bucket_key_file: Path | None = setting(
        None,
        "File with the key of the bucket, readable by the owner alone: its ID in the first line,"
        " the secret in the second.",
        example="backup.key",
    )
    time: str = setting(
        "02:30", "When the daily backup begins, in the machine's own time.", example="02:30"
    )
    passphrase_file: Path | None = setting(
        None,
        "File with the passphrase that encrypts backups, readable by the owner alone; keep a copy"
        " of it elsewhere, for without it nothing can be restored.",
        example="backup.passphrase",
    )
    keep_daily: int = setting(
        7, "Of so many days the last snapshot is kept.", minimum=1, maximum=3650, unit="days"
    )
    keep_weekly: int = setting(
        4, "Of so many weeks the last snapshot is kept.", minimum=0, maximum=520, unit="weeks"
    )
    keep_monthly: int = setting(
        12, "Of so many months the last snapshot is kept.", minimum=0, maximum=240, unit="months"
    )
    verify_every: int = setting(
        7 * 24 * _HOUR,
        "How often the whole backup is read again and its hashes compared; 0: never.",
        unit="s",
        minimum=0,
    )

    def __post_init__(self) -> None:
        self.minute()
        if self.bucket and self.target is not None:
            raise ValueError("target and bucket are both set: keep one of them.")
        if self.bucket and (self.passphrase_file is None or self.bucket_key_file is None):
            raise ValueError("a bucket wants passphrase_file and bucket_key_file, too.")

    @property
    def place(self) -> str:
        """Where regular backups go, by its name; empty without them."""
        return self.bucket or str(self.target or "")

    def minute(self) -> int:
        """The minute of the day at which the backup begins."""
        hours, _, minutes = self.time.partition(":")
        if hours.isdecimal() and minutes.isdecimal() and len(self.time) == 5:
            found = int(hours) * 60 + int(minutes)
            if int(minutes) < 60 and found < 24 * 60:
                return found
        raise ValueError(f'time = "{self.time[:20]}" is no time of day: write one such as "02:30".')


def kept(names: Sequence[str], daily: int, weekly: int, monthly: int) -> set[str]:
    """Those of a repository's snapshots that stay; the last one always does."""
    stays = set(names[-1:])
    spans: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (daily, lambda at: at.date()),
        (weekly, lambda at: tuple(at.isocalendar())[:2]),
        (monthly, lambda at: (at.year, at.month)),
    )
    for count, span in spans:
        seen: set[object] = set()
        for name in reversed(names):
            of = span(snapshot.moment(name))
            if of not in seen and len(seen) < count:
                seen.add(of)
                stays.add(name)
    return stays


def prune(repository: Repository, settings: BackupSettings) -> tuple[list[str], int]:
    """Forget the snapshots whose time is over, and what only they needed.

    Returns:
        Their names, and how many bytes were freed.

    Raises:
        Fault: CORRUPT when a snapshot that stays cannot be read: then nothing goes.
    """
    names = repository.snapshots()
    stays = kept(names, settings.keep_daily, settings.keep_weekly, settings.keep_monthly)
    going = [name for name in names if name not in stays]
    if not going:
        return [], 0
    for name in going:
        repository.remove_snapshot(name)
    return going, repository.prune(needed(repository, sorted(stays)))


def needed(repository: Repository, names: Sequence[str]) -> Iterator[bytes]:
    """Every content that these snapshots need; chunks that they share are read once.

    Raises:
        Fault: CORRUPT, NOT_FOUND when it cannot be told.
    """
    seen: set[bytes] = set()
    for name in names:
        manifest: Manifest = repository.read_snapshot(name, Manifest)
        for stored in manifest.tables:
            for chunk in stored.chunks:
                if chunk.digest in seen:
                    continue
                seen.add(chunk.digest)
                yield chunk.digest
                if stored.table.name == "blob":
                    at = stored.table.columns.index("hash")
                    for row in rows.load(repository.get(chunk.digest)):
                        yield row[at]

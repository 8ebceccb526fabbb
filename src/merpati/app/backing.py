"""Regular backups: when one is due, a process of low priority takes it.

A process of its own, for packing costs time that the workers' event loops need, and memory that is
given back when it ends. Which worker begins it is settled by a lease.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from merpati.app.ground import Ground
from merpati.app.installation import Config, ServerSettings, TlsSettings
from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret
from merpati.base.tasks import Tasks
from merpati.services import sealing
from merpati.services.backup import routine
from merpati.services.backup.keep import BackupSettings
from merpati.services.backup.routine import Routine
from merpati.services.backup.snapshot import File
from merpati.services.backup.take import Source
from merpati.store import leases
from merpati.store.backup.bucket import is_url
from merpati.store.backup.place import Place
from merpati.store.backup.target import find_place
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Transaction

LOOK_EVERY: Final = 60.0  # seconds
TURN: Final = 300_000  # ms that a process has to note that it began
LEASE: Final = "backup turn"
NICE: Final = 10


class Backups:
    """Begins backups, from one worker."""

    def __init__(self, ground: Ground) -> None:
        self._name = ground.name
        self._config = ground.config
        self._store = ground.store
        self._clock = ground.clock
        self._log = ground.log

    def start(self, tasks: Tasks) -> None:
        """Begin to look; ends with the tasks."""
        if self._config[BackupSettings].place:
            tasks.every(LOOK_EVERY, self.look, "backup")

    async def look(self) -> None:
        """Take a backup when it is due and nobody else does."""
        if await self._store.write(self._claim):
            await self.run()

    async def run(self) -> None:
        """Take one now, in a process of its own; its result is noted in the store."""
        words = ("-m", "merpati.app.cli", "backup", "--regular", "-c", str(self._config.file))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            raise
        if process.returncode:
            reason = said.decode("utf-8", "replace").strip()[-500:]
            self._log.error("backup.failed", reason=reason)
        else:
            self._log.info("backup.taken")

    async def _claim(self, tx: Transaction) -> bool:
        now = int(self._clock.now() * 1000)
        if not await routine.is_due(tx, self._config[BackupSettings], now):
            return False
        return await leases.claim(tx, LEASE, self._name, now, now + TURN)


def opened(
    config: Config, ids: Ids, words: str, passphrase_file: Path | None, key_file: Path | None
) -> tuple[Place, Secret | None]:
    """A place by its name, and its passphrase; those of the settings for what is not given.

    Raises:
        Fault: CONFIG when the settings name no place either, or a file cannot be used.
    """
    settings = config[BackupSettings]
    if words and not is_url(words):
        words = str(Path(words).absolute())
    if not (words or settings.place):
        text = f"name a folder, or set target in [backup] of {config.file}"
        raise Fault(Kind.CONFIG, text)
    if words in ("", settings.place):
        words = settings.place
        passphrase_file = passphrase_file or settings.passphrase_file
    key_file = key_file or settings.bucket_key_file
    return find_place(words, ids, key_file), routine.passphrase(passphrase_file)


def build(
    config: Config, store: Store, blob_store: BlobStore, clock: Clock, ids: Ids,
    progress: Callable[[str, int, int], None], *, encrypted: bool,
) -> Routine:  # fmt: skip
    """What takes a backup of an installation."""
    source = Source(
        store, blob_store, config[ServerSettings].hostname, files(config, keys=encrypted)
    )
    return Routine(source, config[BackupSettings], clock, ids, progress)


def files(config: Config, *, keys: bool) -> list[File]:
    """The configuration, and the keys beside the store if they may be in the backup."""
    folder = config.file.absolute().parent
    wanted = [config.file.absolute()]
    if keys:
        tls = config[TlsSettings]
        wanted += [*tls.certificate, *tls.key, config.data / sealing.FILE]
    found = []
    for path in wanted:
        absolute = folder / path
        try:
            name = absolute.relative_to(folder)
            found.append(File(str(name), absolute.stat().st_mode & 0o777, absolute.read_bytes()))
        except (OSError, ValueError):  # not there, or at a place that is not ours to write to
            continue
    return found

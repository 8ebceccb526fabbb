"""Where the text index of an installation is, and how a worker asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merpati.app.installation import Config
from merpati.base.log import Log
from merpati.services.text_index import SearchSettings, TextIndex
from merpati.store.engine import Dialect, Store
from merpati.store.sqlite import SqliteStore

SUFFIX: Final = "-index"


def index_file(config: Config) -> Path:
    """The SQLite file of the index, beside that of the mail."""
    return config.database.with_name(f"{config.database.stem}{SUFFIX}{config.database.suffix}")


async def open_index(config: Config, store: Store) -> Store:
    """Where the index is: a file of its own on SQLite, else the database of the mail."""
    if store.dialect is Dialect.POSTGRESQL:
        return store
    return SqliteStore(index_file(config), durable=False)  # what is lost is entered again


def text_index(config: Config, store: Store, log: Log) -> TextIndex:
    """The index as a worker asks it; opened when it is first asked."""

    async def opened() -> Store:
        return await open_index(config, store)

    return TextIndex(opened if config[SearchSettings].index else None, log)

"""An installation: where its configuration file is, and what that says of machine and store.

Here stands what everything in `app` needs, without importing a single server, so that
`merpati-sendmail` starts in a fraction of a second. `app.config` knows the settings of
all parts and checks the whole file.
"""

from __future__ import annotations

import os
import pwd
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from merpati.app.listeners import Listener, endpoint
from merpati.base import settings
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.base.settings import REQUIRED, setting
from merpati.store.engine import Store
from merpati.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Mapping

G = TypeVar("G")

FILE_NAME: Final = "merpati.toml"
SYSTEM_FILE: Final = Path("/etc/merpati") / FILE_NAME
VARIABLE: Final = "MERPATI_CONFIG"
WORKERS_MAX: Final = 256
LISTENER: Final = "listener"  # the one heading that may stand several times

# Labels of letters, digits and hyphens (RFC 1123 2.1), at most 63 and 253 long (RFC 1035 2.3.4).
_HOSTNAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The machine and the processes on it."""

    hostname: str = setting(
        REQUIRED,
        "This server's full name in the DNS, with which it greets and signs what it adds.",
        reload=False,
        example="mail.example.org",
    )
    data: Path = setting(
        Path("data"), "Folder of everything that has no place of its own.", reload=False
    )
    workers: int = setting(
        0,
        "How many worker processes serve; 0 for one per processor.",
        reload=False,
        minimum=0,
        maximum=WORKERS_MAX,
    )
    user: str = setting(
        "", "User to become once the ports are open, when started as root.", reload=False
    )
    language: str = setting(
        "en", "Language of messages to people, such as bounces.", choices=("en", "id")
    )

    def __post_init__(self) -> None:
        if not _HOSTNAME.fullmatch(self.hostname):
            raise ValueError(
                f'hostname = "{self.hostname[:60]}" is not a host name: write letters, digits,'
                ' hyphens and dots, such as "mail.example.org".'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """The database of accounts, mail and queue."""

    engine: str = setting(
        "sqlite",
        "Which database: sqlite needs nothing else, postgresql serves several machines.",
        reload=False,
        choices=("sqlite", "postgresql"),
    )
    path: Path | None = setting(
        None,
        "The SQLite file; merpati.sqlite in the data folder when not set.",
        reload=False,
        example="data/merpati.sqlite",
    )
    dsn: Secret = setting(
        Secret(""),
        "How to reach PostgreSQL.",
        reload=False,
        example="postgresql://merpati@localhost/merpati",
    )

    def __post_init__(self) -> None:
        if self.engine == "postgresql" and not self.dsn:
            raise ValueError(
                'dsn is missing: engine = "postgresql" needs a line such as'
                ' dsn = "postgresql://merpati@localhost/merpati"'
            )
        if self.engine == "sqlite" and self.dsn:
            raise ValueError('dsn is set, but the engine is sqlite: set engine = "postgresql".')


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Where large messages are kept."""

    path: Path | None = setting(
        None,
        "Folder of large messages; blobs in the data folder when not set.",
        reload=False,
        example="data/blobs",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is written to standard error."""

    level: str = setting(
        "info", "The least level written.", choices=("debug", "info", "warning", "error")
    )
    format: str = setting(
        "auto",
        "How: json for machines, plain for people, auto for plain on a terminal only.",
        choices=("auto", "json", "plain"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The certificates shown to clients, chosen by the server name they ask for."""

    certificate: tuple[Path, ...] = setting(
        (),
        "Certificate chains, PEM; the first serves clients that name no known server.",
        example=["tls/certificate.pem"],
    )
    key: tuple[Path, ...] = setting(
        (),
        "Their private keys, PEM, in the same order, readable by the owner alone.",
        example=["tls/key.pem"],
    )
    client_ca: Path | None = setting(
        None,
        "Authorities, PEM, whose client certificates open the account of an address in them.",
        example="tls/client-ca.pem",
    )

    def __post_init__(self) -> None:
        if len(self.certificate) != len(self.key):
            raise ValueError(
                f"certificate lists {len(self.certificate)} and key {len(self.key)} files:"
                " name one key for each certificate, in the same order."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """How names are looked up."""

    nameservers: tuple[str, ...] = setting(
        (),
        "Resolvers to ask, as address or address:port; those of /etc/resolv.conf when empty.",
        reload=False,
        example=["127.0.0.1:53"],
    )

    def __post_init__(self) -> None:
        for text in self.nameservers:
            if endpoint(text, 53) is None:
                raise ValueError(
                    f'nameservers has "{text[:60]}", which is no address: write one such as'
                    ' "127.0.0.1", "127.0.0.1:53" or "[::1]:53".'
                )

    def endpoints(self) -> list[tuple[str, int]]:
        """The resolvers as address and port."""
        return [found for text in self.nameservers if (found := endpoint(text, 53))]


class Config:
    """What one configuration file says: `config[LogSettings].level`, `config.listeners`."""

    def __init__(
        self, file: Path, groups: Mapping[type, object], listeners: tuple[Listener, ...]
    ) -> None:
        self.file: Final = file
        self.listeners: Final = listeners
        self._groups: Final = dict(groups)

    def __getitem__(self, group: type[G]) -> G:
        return cast("G", self._groups[group])

    def listening(self, listeners: tuple[Listener, ...]) -> Config:
        """The same with other listeners."""
        return Config(self.file, self._groups, listeners)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self[ServerSettings].data

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self[StoreSettings].path or self.data / "merpati.sqlite"

    @property
    def blobs(self) -> Path:
        """The folder of large messages."""
        return self[BlobSettings].path or self.data / "blobs"


def find_config(option: Path | None, environ: Mapping[str, str], folder: Path) -> Path:
    """The configuration file: `option`, else $MERPATI_CONFIG, else in `folder`, else in /etc.

    Raises:
        Fault: CONFIG, naming every place that was looked at.
    """
    if option is not None:
        if _exists(option):
            return option
        raise Fault(
            Kind.CONFIG,
            f'There is no configuration file {option}: check -c, or make one with "merpati init".',
        )
    if named := environ.get(VARIABLE):
        if _exists(Path(named)):
            return Path(named)
        raise Fault(
            Kind.CONFIG,
            f"There is no configuration file {named}, which ${VARIABLE} names:"
            ' correct it, or make one with "merpati init".',
        )
    for place in (folder / FILE_NAME, SYSTEM_FILE):
        if _exists(place):
            return place
    raise Fault(
        Kind.CONFIG,
        f"There is no configuration file: not given with -c, not in ${VARIABLE},"
        f" and neither {folder / FILE_NAME} nor {SYSTEM_FILE} exists;"
        ' make one with "merpati init", or name yours with -c.',
    )


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a folder on the way is closed to us: reading the file will say so
        return True


def read_document(file: Path) -> dict[str, Any]:
    """What a configuration file says, unchecked but for its form as TOML.

    Raises:
        Fault: CONFIG, whose text names file, reason and next step.
    """
    try:
        document = tomllib.loads(file.read_bytes().decode())
    except OSError as problem:
        reason = problem.strerror
        raise Fault(Kind.CONFIG, f"{file} cannot be read: {reason}.") from problem
    except UnicodeDecodeError as problem:
        line = problem.object.count(b"\n", 0, problem.start) + 1
        raise Fault(
            Kind.CONFIG, f"{file}: line {line} is not UTF-8: save the file as UTF-8."
        ) from problem
    except ValueError as problem:  # a TOMLDecodeError, or a number of too many digits
        raise Fault(Kind.CONFIG, f"{file} is not TOML: {problem}.") from problem
    return document


def load_config(file: Path, document: Mapping[str, Any], groups: Mapping[str, type]) -> Config:
    """The settings of some groups and the listeners of a document.

    Args:
        file: Where it was read; relative paths are relative to its folder.
        document: From `read_document`.
        groups: The groups wanted, by heading.

    Raises:
        Fault: CONFIG, whose text names file, setting, reason and next step.
    """
    folder = file.absolute().parent
    loaded: dict[type, object] = {}
    for heading, group in groups.items():
        table = document.get(heading, {})
        if not isinstance(table, dict):
            raise Fault(
                Kind.CONFIG, f"{file}: {heading} is a table: begin it with a line [{heading}]"
            )
        loaded[group] = settings.load(
            group, table, source=str(file), table=f"[{heading}]", folder=folder
        )
    return Config(file, loaded, _listeners(file, document.get(LISTENER, []), folder))


def _listeners(file: Path, entries: object, folder: Path) -> tuple[Listener, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Fault(
            Kind.CONFIG, f"{file}: begin each listener with a line [[{LISTENER}]], in two brackets."
        )
    return tuple(
        settings.load(
            Listener,
            entry,
            source=str(file),
            table=f"[[{LISTENER}]] #{number}",
            folder=folder,
        )
        for number, entry in enumerate(entries, 1)
    )


async def open_store(config: Config) -> Store:
    """The store engine that the configuration names."""
    settings = config[StoreSettings]
    if settings.engine == "postgresql":
        from merpati.store.postgresql import PostgresqlStore  # noqa: PLC0415 -- optional dependency

        return await PostgresqlStore.open(settings.dsn.reveal())
    config.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteStore(config.database)


def become(user: str) -> None:
    """Give up root for good, when a user to become is named.

    Raises:
        Fault: CONFIG when there is no such user, or this process may not change.
    """
    if not user or os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except KeyError as error:
        text = f"there is no user {user}; make it with: adduser --system --group {user}"
        raise Fault(Kind.CONFIG, text) from error
    except OSError as error:
        raise Fault(Kind.CONFIG, f"cannot become {user}: {error.strerror}") from error


def become_owner(folder: Path) -> None:
    """Let root act as the owner of the data, or files made now would be closed to the server."""
    if os.geteuid() != 0 or not folder.exists():
        return
    found = folder.stat()
    if found.st_uid:
        os.setgroups([found.st_gid])
        os.setgid(found.st_gid)
        os.setuid(found.st_uid)

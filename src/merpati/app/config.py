"""The configuration file: what must be known before the store is open.

Domains, accounts and policies live in the store; here stand the machine's
name, its listeners, and where the store is. `GROUPS` gathers every settings
group by its heading. A group is declared beside the code it steers; to add
one, add it to `GROUPS` and read it as `config[QueueSettings]`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from merpati.app.listeners import Listener, endpoint, port_set
from merpati.base import settings, values
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.base.settings import REQUIRED, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

G = TypeVar("G")

FILE_NAME: Final = "merpati.toml"
SYSTEM_FILE: Final = Path("/etc/merpati") / FILE_NAME
VARIABLE: Final = "MERPATI_CONFIG"

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
        maximum=256,
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


# Every group by its heading, in the order of the sample file.
GROUPS: Final[dict[str, type]] = {
    "server": ServerSettings,
    "store": StoreSettings,
    "blobs": BlobSettings,
    "log": LogSettings,
    "tls": TlsSettings,
    "dns": DnsSettings,
}
LISTENER: Final = "listener"  # the one heading that may stand several times

HEADER: Final = """\
# Merpati's configuration: what must be known before the store is open.
# Relative paths are relative to this file. SIGHUP makes the server read it again;
# what takes a restart is then named in the log.
"""


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


def needs_restart(old: Config, new: Config) -> list[str]:
    """What differs between two files and waits for a restart, as `heading.setting`."""
    names = [
        f"{heading}.{name}"
        for heading, group in GROUPS.items()
        for name in settings.needs_restart(old[group], new[group])
    ]
    return names if old.listeners == new.listeners else [*names, LISTENER]


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


def read_config(file: Path) -> Config:
    """Reads and checks a configuration file.

    Raises:
        Fault: CONFIG, whose text names file, setting, reason and next step.
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

    headings = [*GROUPS, LISTENER]
    for heading in document:
        if heading not in headings:
            raise _unknown_heading(file, heading, document[heading])
    folder = file.absolute().parent
    groups: dict[type, object] = {}
    for heading, group in GROUPS.items():
        table = document.get(heading, {})
        if not isinstance(table, dict):
            raise Fault(
                Kind.CONFIG, f"{file}: {heading} is a table: begin it with a line [{heading}]"
            )
        groups[group] = settings.load(
            group, table, source=str(file), table=f"[{heading}]", folder=folder
        )
    config = Config(file, groups, _listeners(file, document.get(LISTENER, []), folder))
    _check(config)
    return config


def _unknown_heading(file: Path, heading: str, value: object) -> Fault:
    owners = [name for name, group in GROUPS.items() if heading in settings.declared(group)]
    if owners and not isinstance(value, dict):
        return Fault(
            Kind.CONFIG, f"{file}: {heading} stands outside a table: move it below [{owners[0]}]"
        )
    known = [*GROUPS, LISTENER]
    meant = settings.closest(heading, known)
    hint = f"did you mean [{meant}]?" if meant else f"there are {', '.join(known)}."
    return Fault(Kind.CONFIG, f"{file}: there is no table [{heading}]: {hint}")


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


def _check(config: Config) -> None:
    """What only several groups together tell."""
    seen: dict[str, str] = {}
    for one in config.listeners:
        if one.implicit_tls and not config[TlsSettings].certificate:
            raise Fault(
                Kind.CONFIG,
                f"{config.file}: {one.service} needs a certificate: set certificate and key"
                " in [tls].",
            )
        if one.port != 0 and one.place() in seen:
            raise Fault(
                Kind.CONFIG,
                f"{config.file}: {seen[one.place()]} and {one.service} both listen on"
                f" {one.place()}: move one of them.",
            )
        seen[one.place()] = one.service


def render_config(
    hostname: str, ports: str, filled: Mapping[str, Mapping[str, object]] | None = None
) -> str:
    """A fresh configuration file: what is given set, every other setting as a comment.

    Args:
        hostname: This server's name in the DNS.
        ports: `standard`, `high` or `high+N`.
        filled: More settings to write, by heading and name.

    Raises:
        Fault: CONFIG, when there is no such set of ports.
    """
    given = {heading: dict(table) for heading, table in (filled or {}).items()}
    given["server"] = {"hostname": hostname, **given.get("server", {})}
    about = [settings.comment(settings.summary(Listener))]
    about += [
        settings.comment(f"{one.name}: {settings.describe(one)}") for one in _listener_settings()
    ]
    parts = [HEADER, settings.sample(GROUPS, given), "\n".join(about) + "\n"]
    parts += [_listener_text(one) for one in port_set(ports)]
    return "\n".join(parts)


def reference() -> str:
    """Every setting of the file, as Markdown."""
    return settings.reference({**GROUPS, f"[{LISTENER}]": Listener})


def _listener_settings() -> list[settings.Setting]:
    return list(settings.declared(Listener).values())


def _listener_text(listener: Listener) -> str:
    lines = [f"[[{LISTENER}]]"]
    for one in _listener_settings():
        value = getattr(listener, one.name)
        if value != one.default:
            lines.append(f"{one.name} = {values.to_toml(value)}")
    return "\n".join(lines) + "\n"

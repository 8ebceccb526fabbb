"""The configuration file: what must be known before the store is open.

Domains, accounts and policies live in the store; here stand the machine's
name, its listeners, and where the store is. `GROUPS` gathers every settings
group by its heading. A group is declared beside the code it steers; to add
one, add it to `GROUPS` and read it as `config[QueueSettings]`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from merpati.app.installation import (
    LISTENER,
    BlobSettings,
    Config,
    DnsSettings,
    LogSettings,
    ServerSettings,
    StoreSettings,
    TlsSettings,
    load_config,
    read_document,
)
from merpati.app.language import tell
from merpati.app.listeners import Listener, port_set
from merpati.base import settings, values
from merpati.base.faults import Fault, Kind
from merpati.servers.imap.session import ImapSettings
from merpati.servers.jmap.call import JmapSettings
from merpati.servers.managesieve.session import ManageSieveSettings
from merpati.servers.pop3.session import Pop3Settings
from merpati.servers.smtp.policy import SmtpSettings
from merpati.services.accept import QueueSettings
from merpati.services.alerts import AlertSettings
from merpati.services.backup.keep import BackupSettings
from merpati.services.certificates import AcmeSettings
from merpati.services.complaints import ComplaintSettings
from merpati.services.diagnose.gather import DoctorSettings
from merpati.services.dmarc_reports import DmarcReportSettings
from merpati.services.dns_push import DnsUpdateSettings
from merpati.services.guard import GuardSettings
from merpati.services.info import InfoSettings
from merpati.services.judge_policy import JudgeSettings
from merpati.services.list_delivery import ListSettings
from merpati.services.login import LoginSettings
from merpati.services.outbound import OutboundSettings
from merpati.services.restore import RestoreSettings
from merpati.services.route import AddressSettings
from merpati.services.scripts import SieveSettings
from merpati.services.sessions import SignInSettings
from merpati.services.sign import DkimSettings
from merpati.services.smime import SmimeSettings
from merpati.services.text_index import SearchSettings
from merpati.services.tls_reports import TlsReportSettings
from merpati.services.web_push import WebPushSettings
from merpati.services.webhooks import WebhookSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

# Every group by its heading, in the order of the sample file.
GROUPS: Final[dict[str, type]] = {
    "server": ServerSettings,
    "store": StoreSettings,
    "blobs": BlobSettings,
    "log": LogSettings,
    "tls": TlsSettings,
    "acme": AcmeSettings,
    "dns": DnsSettings,
    "dns_update": DnsUpdateSettings,
    "smtp": SmtpSettings,
    "judge": JudgeSettings,
    "dmarc_reports": DmarcReportSettings,
    "queue": QueueSettings,
    "outbound": OutboundSettings,
    "guard": GuardSettings,
    "tls_reports": TlsReportSettings,
    "imap": ImapSettings,
    "search": SearchSettings,
    "jmap": JmapSettings,
    "web_push": WebPushSettings,
    "webhooks": WebhookSettings,
    "pop3": Pop3Settings,
    "managesieve": ManageSieveSettings,
    "sieve": SieveSettings,
    "smime": SmimeSettings,
    "restore": RestoreSettings,
    "backup": BackupSettings,
    "complaints": ComplaintSettings,
    "login": LoginSettings,
    "sign_in": SignInSettings,
    "addresses": AddressSettings,
    "lists": ListSettings,
    "info": InfoSettings,
    "dkim": DkimSettings,
    "doctor": DoctorSettings,
    "alerts": AlertSettings,
}

HEADER: Final = (
    "Merpati's configuration: what must be known before the store is open.",
    "Relative paths are relative to this file. SIGHUP makes the server read it again;",
    "what takes a restart is then named in the log.",
)


def needs_restart(old: Config, new: Config) -> list[str]:
    """What differs between two files and waits for a restart, as `heading.setting`."""
    names = [
        f"{heading}.{name}"
        for heading, group in GROUPS.items()
        for name in settings.needs_restart(old[group], new[group])
    ]
    return names if old.listeners == new.listeners else [*names, LISTENER]


def applied(old: Config, new: Config) -> Config:
    """What a reload of `new` makes of `old`: all but what takes a restart."""
    groups: dict[type, object] = {}
    for group in GROUPS.values():
        kept = settings.needs_restart(old[group], new[group])
        groups[group] = dataclasses.replace(
            new[group], **{name: getattr(old[group], name) for name in kept}
        )
    return Config(new.file, groups, old.listeners)


def differ(one: Config, other: Config) -> bool:
    """Whether any setting differs, certificates aside: those are read anew anyway."""
    return any(one[group] != other[group] for group in GROUPS.values() if group is not TlsSettings)


def read_config(file: Path) -> Config:
    """Reads and checks a configuration file.

    Raises:
        Fault: CONFIG, whose text names file, setting, reason and next step.
    """
    return check_document(file, read_document(file))


def check_document(file: Path, document: Mapping[str, Any]) -> Config:
    """As `read_config`, for what stands in a file, or is to be written there."""
    headings = [*GROUPS, LISTENER]
    for heading in document:
        if heading not in headings:
            raise _unknown_heading(file, heading, document[heading])
    config = load_config(file, document, GROUPS)
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


def _check(config: Config) -> None:
    """What only several groups together tell."""
    if config[AcmeSettings].challenge == "dns-01" and not config[DnsUpdateSettings].server:
        raise Fault(
            Kind.CONFIG,
            f'{config.file}: challenge = "dns-01" in [acme] needs a name server that takes'
            " updates: set server in [dns_update].",
        )
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
    about = [settings.comment(tell(settings.summary(Listener)))]
    about += [
        settings.comment(f"{one.name}: {settings.describe(one, tell)}")
        for one in _listener_settings()
    ]
    header = "".join(f"# {tell(line)}\n" for line in HEADER)
    parts = [header, settings.sample(GROUPS, given, tell), "\n".join(about) + "\n"]
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

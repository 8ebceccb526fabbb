"""Which certificates a server shows: those ordered by ACME, then those of the configuration."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from merpati.app.installation import Config, ServerSettings, TlsSettings
from merpati.net.tls import CertificateFiles, CertificateStore
from merpati.services.certificates import AcmeSettings, installed


def acme_folder(config: Config) -> Path:
    """Where certificates that were ordered are kept for the processes of this machine."""
    return config.data / "acme"


def files(config: Config) -> list[CertificateFiles]:
    """Those to show, the first to whoever names no host."""
    tls = config[TlsSettings]
    found = []
    if config[AcmeSettings].enabled:
        found = installed(acme_folder(config), config[ServerSettings].hostname)
    found += [
        CertificateFiles(certificate, key)
        for certificate, key in zip(tls.certificate, tls.key, strict=True)
    ]
    return [structs.replace(one, client_ca=tls.client_ca) for one in found]


def load(config: Config) -> CertificateStore | None:
    """The same, read; None without any."""
    found = files(config)
    return CertificateStore(found) if found else None

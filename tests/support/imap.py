"""IMAP sessions over a `TestInstance`."""

from __future__ import annotations

from merpati.net.stream import Connection
from merpati.servers.imap.session import ImapSettings, Services, Session, refuse
from tests.support.server import HOSTNAME, TestInstance


def services(instance: TestInstance, settings: ImapSettings | None = None) -> Services:
    return Services(
        HOSTNAME, settings or ImapSettings(), instance.store, instance.blobs, instance.notify,
        instance.login, instance.certificates, instance.clock, instance.tasks, instance.log,
    )  # fmt: skip


def serve(
    instance: TestInstance,
    *,
    tls: bool = False,
    plain: bool = True,
    settings: ImapSettings | None = None,
) -> int:
    """Listens; gives the port."""
    shared = services(instance, settings)

    def make(connection: Connection) -> Session:
        return Session(connection, shared, plain)

    return instance.listen(make, tls=tls, name="imap", refusal=refuse)

"""Builds JMAP: its methods, and the HTTP side of it."""

from __future__ import annotations

from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.servers.jmap import methods
from merpati.servers.jmap.accounts import Accounts
from merpati.servers.jmap.api import Api
from merpati.servers.jmap.call import MAIL, JmapSettings, Services
from merpati.servers.jmap.http import Jmap
from merpati.services.finding.finder import Finder
from merpati.services.http_sign_in import HttpSignIn
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store


def build(
    settings: JmapSettings,
    store: Store,
    blob_store: BlobStore,
    sign_in: HttpSignIn,
    clock: Clock,
    ids: Ids,
    log: Log,
    message_size: int,
) -> Jmap:
    """The JMAP of one worker."""
    services = Services(settings, store, blob_store, clock, ids, log)
    api = Api(services, methods.methods(Finder(store, blob_store)), methods.ALL)
    each = {**methods.CAPABILITIES, MAIL: methods.mail(settings, message_size)}
    return Jmap(services, sign_in, api, Accounts(store), methods.CAPABILITIES, each)

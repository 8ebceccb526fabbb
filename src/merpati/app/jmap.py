"""Builds JMAP: its methods, and the HTTP side of it."""

from __future__ import annotations

from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.net.https import Https
from merpati.servers.jmap import blob, methods, safe_html, sieve_script, submission
from merpati.servers.jmap import smime as smime_email
from merpati.servers.jmap.accounts import Accounts
from merpati.servers.jmap.api import Api
from merpati.servers.jmap.blob import BLOB
from merpati.servers.jmap.call import MAIL, SUBMISSION, JmapSettings, Sending, Services
from merpati.servers.jmap.http import Jmap
from merpati.servers.jmap.sieve_script import SIEVE
from merpati.servers.jmap.streams import Streams
from merpati.services.digest import Digester
from merpati.services.finding.finder import Finder
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.notify import Notify
from merpati.services.scripts import SieveSettings
from merpati.services.smime import Smime, SmimeSettings
from merpati.services.web_push import Vapid
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
    *,
    finder: Finder | None = None,
    sending: Sending | None = None,
    sieve: SieveSettings | None = None,
    smime: SmimeSettings | None = None,
) -> Jmap:
    """The JMAP of one worker; `finder` is shared with other protocols."""
    digester = sending.accept.digester if sending else Digester()
    services = Services(
        settings, store, blob_store, clock, ids, log, message_size, digester, sending,
        Smime(smime or SmimeSettings()),
    )  # fmt: skip
    each = {
        **methods.CAPABILITIES,
        MAIL: methods.mail(settings, message_size),
        SUBMISSION: submission.capability(sending.hold if sending else 0, message_size),
        SIEVE: sieve_script.capability(sieve or SieveSettings()),
        BLOB: blob.capability(settings.upload_size),
    }
    finder = finder or Finder(store, blob_store)
    assert services.smime is not None
    finder.contents.judge = smime_email.judge(services.smime, clock)
    found = methods.methods(finder, each)
    api = Api(services, found, methods.ALL)
    return Jmap(services, sign_in, api, Accounts(store), methods.CAPABILITIES, each)


def push(jmap: Jmap, notify: Notify, vapid: Vapid) -> None:
    """Let it tell of changes, to those who are connected and by web push."""
    jmap.more += Streams(jmap, notify).routes()
    jmap.vapid = vapid.public


def images(jmap: Jmap, https: Https) -> None:
    """Let it fetch the images of messages; `https` goes to public addresses alone."""
    jmap.more += safe_html.Images(jmap, https).routes()

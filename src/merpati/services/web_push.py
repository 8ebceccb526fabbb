"""Web push (RFC 8620 7.2, RFC 8030): tells programs that are not connected what has changed.

One worker does it, which holds a lease. It listens to the accounts that have a subscription
(and to those that their users may see), and on a change looks at the log as every other
channel does (services/state_changes.py): all that happened since a subscription was last told
is one push, and after each it has to wait a little. What a push service did not take stays
untold, so a later try tells it with what came meanwhile. A worker that takes the lease over
looks at every subscription once, for what happened while nobody did.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from merpati.base.faults import Fault, SyntaxFault
from merpati.base.settings import setting
from merpati.services import state_changes
from merpati.store import leases, push
from merpati.store.engine import Topic
from merpati.wire import web_push
from merpati.wire.web_push import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from merpati.base.clock import Clock
    from merpati.base.ids import Ids
    from merpati.base.log import Log
    from merpati.net.https import Https
    from merpati.services.notify import Notify
    from merpati.services.sealing import Sealing
    from merpati.services.state_changes import News
    from merpati.store.engine import Store, Transaction
    from merpati.store.push import Subscription

LEASE: Final = "web-push"
LEASE_SECONDS: Final = 30.0
TURN: Final = 10.0  # seconds between two looks at the lease and at what waits
GATHER: Final = 0.5  # seconds that changes gather before the first is told
PAUSE: Final = 3.0  # seconds between two pushes to an account's programs
AT_ONCE: Final = 16  # pushes on their way
WITHIN: Final = 20.0  # seconds for one push
ANSWER_MAX: Final = 16_384  # octets of a push service's answer
TTL: Final = 86_400  # seconds that a push service keeps what it cannot deliver (RFC 8030 5.2)
TOKEN_SECONDS: Final = 12 * 3600  # RFC 8292 2: at most 24 hours
RETRY_FIRST: Final = 60  # seconds; twice as long each time
RETRY_MOST: Final = 3600
RETRY_AFTER_MOST: Final = 86_400  # seconds of a Retry-After that is honoured
REFUSALS_MAX: Final = 8  # answers of 4xx in a row, after which a subscription is dropped
GONE: Final = frozenset({404, 410})  # RFC 8030 7.3
PASSING: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushSettings:
    """Telling programs of changes through push services."""

    enabled: bool = setting(True, "Send to the push services that people's programs name.")
    private_addresses: bool = setting(
        False, "Send also to push services at private addresses, as in a network of its own."
    )


class Vapid:
    """By which push services know this installation (RFC 8292, RFC 9749)."""

    def __init__(self, sealing: Sealing, hostname: str, clock: Clock) -> None:
        self._sealing = sealing
        self._subject = f"mailto:postmaster@{hostname}"
        self._clock = clock
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._public = ""
        self._tokens: dict[str, tuple[float, str]] = {}

    def public(self) -> str:
        """The public key, in base64url. Raises Fault CONFIG when the key cannot be read."""
        if not self._public:
            self._public = web_push.base64url(web_push.public_bytes(self._private()))
        return self._public

    def authorization(self, origin: str) -> str:
        """The value of the field for a push service; the same for some hours."""
        now = self._clock.now()
        ends, token = self._tokens.get(origin, (0.0, ""))
        if ends - now < TOKEN_SECONDS / 2:
            ends = now + TOKEN_SECONDS
            token = web_push.authorization(self._private(), origin, self._subject, int(ends))
            if len(self._tokens) >= 1000:
                self._tokens.clear()
            self._tokens[origin] = (ends, token)
        return token

    def _private(self) -> ec.EllipticCurvePrivateKey:
        if self._key is None:
            self._key = web_push.private_key(self._sealing.derived("web push"))
        return self._key


def is_public(address: str) -> bool:
    """Whether an address is one of the Internet's, so that no push reaches our own network."""
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo or (None, None))[1]
        if inner is not None and not inner.is_global:
            return False
        if one in _NAT64 and not ipaddress.IPv4Address(int(one) & 0xFFFFFFFF).is_global:
            return False
    return one.is_global and not one.is_multicast


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


async def _with_credentials(
    tx: Transaction, account_id: int, now: int
) -> tuple[list[Subscription], frozenset[str]]:
    """The subscriptions of an account, and which credentials are good."""
    there = await push.of_account(tx, account_id)
    return there, await push.good(tx, account_id, now) if there else frozenset()


class WebPush:
    """The sender of one worker, which works while it holds the lease."""

    def __init__(
        self, name: str, store: Store, notify: Notify, https: Https, vapid: Vapid,
        settings: WebPushSettings, clock: Clock, ids: Ids, log: Log,
    ) -> None:  # fmt: skip
        """`name` is the worker's."""
        self._name = name
        self._store = store
        self._notify = notify
        self._https = https
        self._vapid = vapid
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._wake = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._fresh = False  # whether there may be other subscriptions than those known
        self._dirty: set[int] = set()  # users that may have news
        self._busy: set[int] = set()
        self._later: dict[int, float] = {}  # when to look at a user again
        self._listening: dict[int, Callable[[], None]] = {}
        self._seen_by: dict[int, set[int]] = {}  # the users that may see an account
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work for ever."""
        if not self._settings.enabled:
            return
        stop = self._notify.listen(Topic.PUSH, 0, self._changed)
        try:
            while True:
                if await self._claim():
                    await self._work()
                await asyncio.sleep(TURN)
        finally:
            stop()
            self._let_go()
            for task in self._sending:
                task.cancel()

    async def _claim(self) -> bool:
        now = self._now()
        ends = now + int(LEASE_SECONDS * 1000)
        if await self._store.write(leases.extend, LEASE, self._name, ends):
            return True
        return await self._store.write(leases.claim, LEASE, self._name, now, ends)

    async def _work(self) -> None:
        """Send until the lease is lost."""
        self._fresh = True
        held_until = self._clock.monotonic() + TURN
        while True:
            if self._clock.monotonic() >= held_until:
                if not await self._claim():
                    self._let_go()
                    return
                held_until = self._clock.monotonic() + TURN
            if self._fresh:
                self._fresh = False
                await self._load()
            self._start_those_due()
            try:
                async with asyncio.timeout(self._rest(held_until)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()
            await asyncio.sleep(GATHER)

    def _rest(self, held_until: float) -> float:
        """Seconds until there is something to do without being woken."""
        next_at = min(self._later.values(), default=held_until)
        return max(0.05, min(next_at, held_until) - self._clock.monotonic())

    async def _load(self) -> None:
        """Find out who has subscriptions; look at each."""
        after = 0
        while True:
            found = await self._store.read(push.accounts, after)
            self._dirty.update(found)
            for user_id in found:
                self._see(user_id, user_id)
            if len(found) < push.PAGE:
                return
            after = found[-1]

    def _start_those_due(self) -> None:
        now = self._clock.monotonic()
        for user_id in [one for one, at in self._later.items() if at <= now]:
            del self._later[user_id]
            self._dirty.add(user_id)
        for user_id in list(self._dirty):
            if user_id in self._busy or user_id in self._later:
                continue  # it is looked at again afterwards
            self._dirty.discard(user_id)
            self._busy.add(user_id)
            task = asyncio.get_running_loop().create_task(self._serve(user_id))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _serve(self, user_id: int) -> None:
        """Tell all programs of a user what is new to them."""
        rest = 0.0
        try:
            async with self._places:
                there, good = await self._store.read(_with_credentials, user_id, self._now())
                waits = [await self._tell(one) for one in there if one.credential in good]
                for one in there:
                    if one.credential not in good:
                        self._log.info("push.ended", account=user_id, subscription=one.id)
                        await self._store.write(push.remove, user_id, one.id)
                rest = min((one for one in waits if one > 0), default=0.0)
                if not waits:
                    self._forget(user_id)
        except Fault as fault:
            self._log.warning("push.failed", account=user_id, reason=fault.text)
            rest = RETRY_FIRST
        except Exception as problem:  # noqa: BLE001 -- one account's defect is its own
            self._log.defect("push.failed", problem, account=user_id)
            rest = RETRY_MOST
        finally:
            self._busy.discard(user_id)
            if rest:
                self._later[user_id] = self._clock.monotonic() + rest
            if rest or user_id in self._dirty:
                self._wake.set()

    async def _tell(self, one: Subscription) -> float:
        """Tell one program; seconds after which to look at it again, 0 for not before a change."""
        now = self._now()
        if one.expires_at <= now:
            await self._store.write(push.remove, one.account_id, one.id)
            return 0.0
        if one.next_at > now:
            return (one.next_at - now) / 1000
        if not one.verified:
            if one.asked:
                return 0.0
            said = {
                "@type": "PushVerification",
                "pushSubscriptionId": subscription_id(one.id),
                "verificationCode": one.code,
            }
            return await self._push(one, said, "")
        types = state_changes.types_of(one.wanted)
        known = state_changes.read(one.known)
        news = await self._store.read(state_changes.news, one.account_id, types, known)
        if news is None:
            return 0.0
        for account_id in news.known:
            self._see(one.account_id, account_id)
        if news.changed:
            return await self._push(one, *_fitting(news, known))
        if not one.known:
            known_now = state_changes.written(news.known)
            await self._store.write(push.told, one.account_id, one.id, known_now)
        return 0.0

    async def _push(self, one: Subscription, said: Mapping[str, Any], known: str) -> float:
        """Post an object; what `_tell` gives."""
        status, after, reason = await self._post(one, said)
        if 200 <= status < 300:
            await self._store.write(push.told, one.account_id, one.id, known)
            return PAUSE
        is_refusal = 400 <= status < 500 and status not in PASSING
        if status in GONE or (is_refusal and one.failures + 1 >= REFUSALS_MAX):
            self._log.info("push.dropped", account=one.account_id, reason=reason)
            await self._store.write(push.remove, one.account_id, one.id)
            return 0.0
        wait = max(after, min(RETRY_FIRST << min(one.failures, 10), RETRY_MOST))
        next_at = self._now() + wait * 1000
        self._log.info("push.delayed", account=one.account_id, reason=reason, seconds=wait)
        await self._store.write(push.failed, one.account_id, one.id, next_at)
        return float(wait)

    async def _post(self, one: Subscription, said: Mapping[str, Any]) -> tuple[int, int, str]:
        """The status of the answer, seconds of its Retry-After, and what is said of it."""
        body = msgspec.json.encode(said)
        fields = {"TTL": str(TTL), "Urgency": "normal"}
        media_type = "application/json"
        try:
            place: Endpoint = web_push.endpoint(one.url)
            fields["Authorization"] = self._vapid.authorization(place.origin)
            if one.public_key:
                own = ec.generate_private_key(ec.SECP256R1())
                salt = self._ids.bytes(web_push.SALT_SIZE)
                body = web_push.encrypt(body, one.public_key, one.secret, own, salt)
                fields["Content-Encoding"] = "aes128gcm"
                media_type = "application/octet-stream"
            answer = await self._https.request(
                "POST", place.host, place.path, port=place.port, body=body,
                media_type=media_type, fields=fields, limit=ANSWER_MAX, within=WITHIN,
            )  # fmt: skip
        except SyntaxFault as fault:
            return 410, 0, fault.text
        except Fault as fault:
            return 0, 0, fault.text
        after = answer.fields.get("retry-after", "")
        seconds = min(int(after), RETRY_AFTER_MOST) if after.isdigit() and len(after) < 9 else 0
        return answer.status, seconds, f"{place.host} answered with {answer.status}"

    # Who is listened to

    def _changed(self) -> None:
        self._fresh = True
        self._wake.set()

    def _see(self, user_id: int, account_id: int) -> None:
        """From now on, a change of this account concerns that user."""
        users = self._seen_by.setdefault(account_id, set())
        users.add(user_id)
        if account_id in self._listening:
            return

        def heard() -> None:
            self._dirty |= users
            self._wake.set()

        self._listening[account_id] = self._notify.listen(Topic.ACCOUNT, account_id, heard)

    def _forget(self, user_id: int) -> None:
        """This user has no subscriptions any more."""
        for account_id in [one for one, users in self._seen_by.items() if user_id in users]:
            users = self._seen_by[account_id]
            users.discard(user_id)
            if not users:
                del self._seen_by[account_id]
                self._listening.pop(account_id)()

    def _let_go(self) -> None:
        for stop in self._listening.values():
            stop()
        self._listening.clear()
        self._seen_by.clear()
        self._dirty.clear()
        self._later.clear()

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def subscription_id(id_: int) -> str:
    """The id that a program knows."""
    return f"P{id_:x}"


def _fitting(news: News, known: Mapping[int, int]) -> tuple[dict[str, Any], str]:
    """As much of the news as one push holds, and what is known with it; the rest comes next."""
    changed = dict(news.changed)
    while True:
        told = news._replace(changed=changed).state_change()
        if len(changed) == 1 or len(msgspec.json.encode(told)) <= web_push.PLAIN_MAX:
            break
        changed.popitem()
    now = {
        account_id: known.get(account_id, modseq)
        if account_id in news.changed and account_id not in changed
        else modseq
        for account_id, modseq in news.known.items()
    }
    return told, state_changes.written(now)

"""A bucket of an S3-compatible store as the place of a repository.

It is named by a URL, `https://HOST/BUCKET/PREFIX`, and `?region=NAME` behind it where the host's
name does not tell the region. `?style=host` (with `&` between two) asks at `https://BUCKET.HOST/`,
for stores that take no bucket in the path. The names of our files are keys below the prefix. A key
appears whole or not at all, so there is no `incoming/`.

There is no `flock` there. A lock is a key below `locks/` that is written anew every minute; one
whose time is `STALE` behind that of ours was left by a run that is dead. Both times are of the
store's own clock, so ours need not be right. Who writes a lock and then sees that of another takes
its own back. A run that was held up for so long that another may have taken its lock away asks
before it names a snapshot or removes anything: `check_lock`.

`obstore` is the Rust crate `object_store`. It is imported when a bucket is used, and never else.
"""

from __future__ import annotations

import contextlib
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret
from merpati.store.backup.place import Held

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import S3Store

T = TypeVar("T")

STYLES: Final = ("path", "host")  # where a request names the bucket; the first is the default
LOCKS: Final = "locks"
REFRESH: Final = 60.0  # seconds between two writings of a lock
STALE: Final = timedelta(minutes=5)
CONNECT_WITHIN: Final = timedelta(seconds=10)
ANSWER_WITHIN: Final = timedelta(minutes=5)  # one request with 20 MB: 70 KB/s
RETRY_WITHIN: Final = timedelta(minutes=3)  # a router that restarts, a store that is updated
RETRIES: Final = 12
AHEAD: Final = (64 * 1024, 4 * 1024 * 1024)  # bytes read at once: at a new place, and at most

_REGION: Final = re.compile(r"(?:^|\.)s3[.-](?:dualstack\.)?([a-z0-9-]+)\.[a-z0-9-]+\.[a-z0-9.-]+$")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>|\(code: ([A-Za-z0-9]{1,60})\)")
_CAUSE: Final = re.compile(
    r'(?:message|error): "([^"]{1,200})"|(InvalidCertificate\([^)]{1,100}\)?)'
)
_DEFAULT_REGION: Final = "us-east-1"
_BROKEN_OFF: Final = "one was broken off less than five minutes ago; wait, and run it again"
_GOES_ON: Final = "run it again then: it goes on where it ended"


class Key(msgspec.Struct, frozen=True):
    """Who we are at a store: the key's ID, and the secret that signs requests."""

    id: str
    secret: Secret


class Address(msgspec.Struct, frozen=True):
    """Where a bucket is: its store's URL, host, region; the bucket, and what keys begin with.

    Attributes:
        endpoint: What requests go to; the bucket is in its host's name where `in_host`.
    """

    endpoint: str
    host: str
    region: str
    bucket: str
    prefix: str
    in_host: bool = False


def is_url(text: str) -> bool:
    """Whether a place's name means a bucket, and not a folder."""
    return text.startswith(("https://", "http://"))


def read_address(text: str) -> Address:
    """Where a bucket is. Raises Fault CONFIG."""
    form = "write https://HOST/BUCKET/PREFIX"
    try:
        url = urlsplit(text)
        options = parse_qs(url.query, strict_parsing=True) if url.query else {}
        host = url.hostname or ""
        _ = url.port
    except ValueError as error:
        raise Fault(Kind.CONFIG, f"{text[:100]} is no URL of a bucket: {form}") from error
    if url.username is not None or url.password is not None:
        text = "the URL of a bucket has no key in it: put the key into a file, bucket_key_file"
        raise Fault(Kind.CONFIG, text)
    bucket, _, prefix = url.path.strip("/").partition("/")
    style = options.get("style", [STYLES[0]])[0]
    unknown = options.keys() - {"region", "style"}
    if not host or not bucket or unknown or style not in STYLES or url.fragment:
        raise Fault(Kind.CONFIG, f"{text[:100]} is no URL of a bucket: {form}, and ?region=NAME")
    told = _REGION.search(host)
    region = options.get("region", [told[1] if told else _DEFAULT_REGION])[0]
    in_host = style == "host"
    endpoint = f"{url.scheme}://{f'{bucket}.' if in_host else ''}{url.netloc}"
    return Address(endpoint, host, region, bucket, prefix.strip("/"), in_host)


def read_key(data: bytes, source: str) -> Key:
    """The key in a file: its ID in the first line, the secret behind. Raises Fault CONFIG."""
    lines = [line.strip() for line in data.decode("utf-8", "replace").strip().splitlines()]
    if len(lines) != 2 or not all(lines):
        text = f"{source} holds no key: write its ID in the first line, the secret in the second"
        raise Fault(Kind.CONFIG, text)
    return Key(lines[0], Secret(lines[1]))


class Bucket:
    """The place at a URL."""

    is_remote: Final = True

    def __init__(self, url: str, key: Key, ids: Ids, agent: str = "merpati") -> None:
        """Nothing is asked yet. Raises Fault CONFIG for what is no URL of a bucket."""
        self.name: Final = url
        self._address = read_address(url)
        self._key = key
        self._ids = ids
        self._store = _open(self._address, key, agent)
        self._lock = ""
        self._let_go = threading.Event()
        self._ahead = _Ahead(self._range)

    def shown(self, name: str) -> str:
        """Its URL."""
        return f"{self.name.partition('?')[0].rstrip('/')}/{name}"

    def prepare(self, ours: frozenset[str]) -> None:
        """As `Place.prepare`."""
        found = self._do(self._store.list_with_delimiter)
        names = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        if {name.strip("/").rpartition("/")[2] for name in names} - ours - {LOCKS}:
            text = f"{self.name} has other things in it; name a new prefix for the backup"
            raise Fault(Kind.EXISTS, text)

    def lock(self, *, write: bool) -> None:
        """As `Place.lock`: one that was left by a dead run is in the way for five minutes."""
        kind = "w" if write else "r"
        self._lock = f"{LOCKS}/{kind}-{self._ids.token(12)}"
        try:
            self.write(self._lock, b"")
        except Fault as fault:
            if fault.kind is Kind.DENIED and not write:
                self._lock = ""  # a key that may only read: nobody is to wait for it
                return
            raise
        try:
            self._look_at_locks(write=write)
        except Fault:
            with contextlib.suppress(Fault):
                self.remove(self._lock)
            self._lock = ""
            raise
        threading.Thread(target=self._keep_lock, name="merpati-lock", daemon=True).start()

    def _look_at_locks(self, *, write: bool) -> None:
        written = {
            f"{LOCKS}/{one['path'].rpartition('/')[2]}": one["last_modified"]
            for page in self._do(lambda: list(self._store.list(LOCKS)))
            for one in page
        }
        mine = written.pop(self._lock, None)
        for name, at in written.items():
            if mine is not None and mine - at > STALE:
                self.remove(name)
            elif write or name.startswith(f"{LOCKS}/w-"):
                text = f"{self.name} is in use by another backup or restore, or {_BROKEN_OFF}"
                raise Fault(Kind.IN_USE, text)

    def _keep_lock(self) -> None:
        while not self._let_go.wait(REFRESH):
            with contextlib.suppress(Fault):  # `check_lock` tells whether it was for too long
                self.write(self._lock, b"")

    def check_lock(self) -> None:
        """As `Place.check_lock`."""
        try:
            self.read(self._lock)
        except Fault as fault:
            if fault.kind is not Kind.NOT_FOUND:
                raise
            text = f"{self.name} was taken by another run meanwhile; run it again"
            raise Fault(Kind.UNAVAILABLE, text) from fault

    def files(self, folder: str) -> list[Held]:
        """As `Place.files`."""
        found = self._do(lambda: [one for page in self._store.list(folder) for one in page])
        return sorted((Held(one["path"], one["size"]) for one in found), key=lambda one: one.name)

    def read(self, name: str) -> bytes:
        """As `Place.read`."""
        return self._do(lambda: bytes(self._store.get(name).bytes()))

    def part(self, name: str, at: int, length: int) -> bytes:
        """As `Place.part`; what follows is read with it when reading goes on from there."""
        return self._ahead.read(name, at, length)

    def tail(self, name: str, length: int) -> bytes:
        """As `Place.tail`."""
        options: Any = {"range": {"suffix": length}}
        return self._do(lambda: bytes(self._store.get(name, options=options).bytes()))

    def write(self, name: str, data: bytes) -> None:
        """As `Place.write`."""
        self._do(lambda: self._store.put(name, data, use_multipart=False))

    def remove(self, name: str) -> None:
        """As `Place.remove`."""
        self._do(lambda: self._store.delete(name))

    def close(self) -> None:
        """As `Place.close`."""
        self._let_go.set()
        if self._lock:
            with contextlib.suppress(Fault):
                self.remove(self._lock)
            self._lock = ""

    def _range(self, name: str, at: int, length: int) -> bytes:
        return self._do(lambda: bytes(self._store.get_range(name, start=at, length=length)))

    def _do(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except FileNotFoundError as error:
            raise self._fault(str(error), Kind.NOT_FOUND) from None
        except Exception as error:  # noqa: BLE001 -- obstore has no class that all its errors are of
            raise self._fault(str(error), Kind.UNAVAILABLE) from None

    def _fault(self, said: str, kind: Kind) -> Fault:
        """What the store answered, as a sentence with the next step; never its own long text."""
        found = _CODE.search(said)
        code = (found[1] or found[2]) if found else ""
        one = self._address
        if code in _ANSWERS:
            kind, text = _ANSWERS[code]
            text = text.format(
                host=one.host, bucket=one.bucket, key=self._key.id, region=one.region
            )
        elif kind is Kind.NOT_FOUND:
            text = f"{self.name} lacks a file"
        elif code:
            text = f"{one.host} refuses with {code}; {_GOES_ON}"
        else:
            cause = _CAUSE.search(said)
            why = f" ({cause[1] or cause[2]})" if cause else ""
            text = f"{one.host} cannot be reached{why}; see to the network and {_GOES_ON}"
        return Fault(kind, text)


_ANSWERS: Final[dict[str, tuple[Kind, str]]] = {
    "InvalidAccessKeyId": (
        Kind.AUTH_FAILED,
        "{host} does not know the key {key}: mend the first line of bucket_key_file",
    ),
    "SignatureDoesNotMatch": (
        Kind.AUTH_FAILED,
        "{host} does not accept the secret of the key {key}: mend bucket_key_file",
    ),
    "AccessDenied": (
        Kind.DENIED,
        "the key {key} may not do this in the bucket {bucket}: let it list, read, write, delete",
    ),
    "NoSuchBucket": (
        Kind.CONFIG,
        "there is no bucket {bucket} at {host}: make it there, or mend its name",
    ),
    "RequestTimeTooSkewed": (
        Kind.CONFIG,
        "the clock of this machine is far from that of {host}: set it (merpati doctor), try again",
    ),
    "AuthorizationHeaderMalformed": (
        Kind.CONFIG,
        "the bucket {bucket} is not in the region {region}: write ?region=NAME behind its URL",
    ),
    "PermanentRedirect": (
        Kind.CONFIG,
        "the bucket {bucket} is not at {host}: name the host of its region",
    ),
    "QuotaExceeded": (
        Kind.NO_SPACE,
        "the bucket {bucket} is full: order more, or keep fewer snapshots, and run it again",
    ),
}  # fmt: skip


class _Ahead:
    """Reads parts: little at a new place, twice as much each time that reading goes on from it."""

    def __init__(self, fetch: Callable[[str, int, int], bytes]) -> None:
        self._fetch = fetch
        self._name = ""
        self._at = 0
        self._data = b""
        self._size = AHEAD[0]

    def read(self, name: str, at: int, length: int) -> bytes:
        start = at - self._at
        end = self._at + len(self._data)
        if name == self._name and start >= 0 and at + length <= end:
            return self._data[start : start + length]
        goes_on = name == self._name and self._at <= at <= end + self._size
        self._size = min(self._size * 2, AHEAD[1]) if goes_on else AHEAD[0]
        self._data = self._fetch(name, at, max(length, self._size))
        self._name, self._at = name, at
        return self._data[:length]


def _open(address: Address, key: Key, agent: str) -> S3Store:
    try:
        from obstore.store import S3Store  # noqa: PLC0415 -- 6 MB that only these backups need
    except ImportError as error:
        text = "backups to a bucket want one package more: pip install 'merpati[s3]'"
        raise Fault(Kind.CONFIG, text) from error
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config={
            "access_key_id": key.id,
            "secret_access_key": key.secret.reveal(),
            "region": address.region,
            "endpoint": address.endpoint,
            "virtual_hosted_style_request": address.in_host,
        },
        client_options={
            "allow_http": True,  # a store in one's own network; what goes there is encrypted
            "connect_timeout": CONNECT_WITHIN,
            "timeout": ANSWER_WITHIN,
            "user_agent": agent,
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_WITHIN},
    )

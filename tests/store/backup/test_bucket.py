"""A bucket of a real S3-compatible store, and what it answers when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import SystemIds
from merpati.base.secrets import Secret
from merpati.store.backup import bucket as buckets
from merpati.store.backup import repository as repositories
from merpati.store.backup import seal
from merpati.store.backup.bucket import Bucket, Key, read_address, read_key
from merpati.store.backup.place import Held
from merpati.store.backup.repository import PIECE, Repository, open_repository
from tests.support.instance import free_port
from tests.support.programs import need
from tests.support.seaweed import KEY_ID, LIMITED_ID, SECRET, SeaweedFs

IDS = SystemIds(SystemClock())
KEY = Key(KEY_ID, Secret(SECRET))
PASSPHRASE = Secret("burung merpati terbang")


@pytest.fixture(autouse=True)
def quick_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second and 128 MiB for each opening are for those who guess."""
    monkeypatch.setattr(seal, "_COST", {"n": 2**4, "r": 8, "p": 1})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFs]:
    with SeaweedFs(tmp_path_factory.mktemp("s3")) as one:
        one.bucket("backups")
        yield one


@pytest.fixture
def url(server: SeaweedFs) -> str:
    """A prefix of its own for every test."""
    return f"{server.url}/backups/{IDS.token(8)}/merpati"


def repository(url: str, *, write: bool = False) -> Repository:
    return open_repository(Bucket(url, KEY, IDS), IDS, PASSPHRASE, write=write)


def fault_of(url: str, key: Key = KEY) -> Fault:
    with pytest.raises(Fault) as caught:
        open_repository(Bucket(url, key, IDS), IDS, PASSPHRASE, write=True)
    return caught.value


# The place


def test_files_are_written_listed_read_in_parts_and_removed(url: str) -> None:
    place = Bucket(url, KEY, IDS)
    data = os.urandom(300_000)
    place.write("packs/ab/one", data)
    place.write("packs/cd/two", b"2")
    place.write("top", b"1")
    assert place.files("packs") == [Held("packs/ab/one", 300_000), Held("packs/cd/two", 1)]
    assert place.read("packs/ab/one") == data
    assert place.tail("packs/ab/one", 10) == data[-10:]
    assert place.tail("packs/cd/two", 10) == b"2"
    assert place.part("packs/ab/one", 5, 1000) == data[5:1005]
    assert place.part("packs/ab/one", 299_990, 10) == data[-10:]
    place.remove("packs/ab/one")
    place.remove("packs/ab/one")
    assert place.files("packs") == [Held("packs/cd/two", 1)]
    with pytest.raises(Fault) as caught:
        place.read("packs/ab/one")
    assert caught.value.kind is Kind.NOT_FOUND


def test_reading_on_asks_ever_more_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Bucket(url, KEY, IDS)
    data = os.urandom(2_000_000)
    place.write("packs/ab/one", data)
    asked: list[int] = []
    fetch = place._range

    def count(name: str, at: int, length: int) -> bytes:
        asked.append(length)
        return fetch(name, at, length)

    monkeypatch.setattr(place._ahead, "_fetch", count)
    for at in range(0, 2_000_000, 10_000):
        assert place.part("packs/ab/one", at, 10_000) == data[at : at + 10_000]
    assert len(asked) < 8
    place.part("packs/ab/one", 0, 10)  # somewhere else: little again
    assert asked[-1] == buckets.AHEAD[0]


def test_another_ones_lock_is_in_the_way_until_it_is_let_go_or_old(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Bucket(url, KEY, IDS), Bucket(url, KEY, IDS)
    first.lock(write=True)
    for write in (True, False):
        with pytest.raises(Fault) as caught:
            second.lock(write=write)
        assert caught.value.kind is Kind.IN_USE
    first.close()
    second.lock(write=False)
    third = Bucket(url, KEY, IDS)
    third.lock(write=False)  # two may read
    third.close()
    monkeypatch.setattr(buckets, "STALE", timedelta(seconds=-10))
    fourth = Bucket(url, KEY, IDS)
    fourth.lock(write=True)
    fourth.check_lock()
    with pytest.raises(Fault, match="was taken by another run"):
        second.check_lock()
    fourth.close()
    assert first.files("locks") == []


def test_a_lock_is_written_anew_while_it_is_held(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "REFRESH", 0.05)
    place = Bucket(url, KEY, IDS)
    place.lock(write=True)
    (lock,) = place.files("locks")
    place.remove(lock.name)
    for _ in range(600):
        if place.files("locks"):
            break
        place._let_go.wait(0.05)
    place.check_lock()
    place.close()


# A repository in it


def test_a_repository_keeps_finds_prunes_and_never_shows_what_is_in_it(
    server: SeaweedFs, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repositories, "PACK_SIZE", 50_000)
    one = repository(url, write=True)
    contents = [b"very secret " + os.urandom(10_000) for _ in range(20)]
    digests = [one.put(content) for content in contents]
    large = one.put(os.urandom(PIECE + 1))
    name = one.add_snapshot("20261122T020000Z", {"a": 1})
    written = one.written
    one.put(contents[3])
    one.flush()
    assert one.written == written
    one.close()
    two = repository(url, write=True)
    assert (two.damaged, two.snapshots()) == ([], [name])
    assert two.read_snapshot(name, dict[str, int]) == {"a": 1}
    assert [two.get(digest) for digest in digests] == contents
    assert two.prune([digests[0], digests[7], large]) > 100_000
    two.close()
    three = repository(url)
    assert [three.has(digest) for digest in digests] == [n in {0, 7} for n in range(20)]
    assert three.get(digests[7]) == contents[7]
    assert len(b"".join(three.pieces(large))) == PIECE + 1
    for file in three.place.files(""):
        assert b"very secret" not in three.place.read(file.name)
    three.close()


def test_a_pack_that_was_cut_off_is_damaged_and_an_index_of_any_length_is_read(url: str) -> None:
    one = repository(url, write=True)
    many = [one.put(b"%d" % n) for n in range(3000)]  # an index beyond the first tail
    one.flush()
    (pack,) = one.packs()
    assert pack.size > repositories.TAIL
    one.close()
    two = repository(url)
    assert two.get(many[2999]) == b"2999"
    two.close()
    place = Bucket(url, KEY, IDS)
    place.write(pack.name, place.read(pack.name)[:-1])
    three = repository(url)
    assert (three.damaged, three.has(many[0])) == ([pack.name], False)
    three.close()


def test_what_goes_to_a_bucket_is_encrypted_or_goes_nowhere(url: str) -> None:
    with pytest.raises(Fault, match="what goes there is encrypted") as caught:
        open_repository(Bucket(url, KEY, IDS), IDS, write=True)
    assert caught.value.kind is Kind.CONFIG
    assert Bucket(url, KEY, IDS).files("") == []


def test_a_prefix_with_other_things_is_left_alone(url: str) -> None:
    Bucket(url, KEY, IDS).write("holiday.jpg", b"...")
    assert fault_of(url).kind is Kind.EXISTS


def test_a_key_that_may_only_read_can_bring_back_and_not_back_up(url: str) -> None:
    one = repository(url, write=True)
    digest = one.put(b"hello")
    one.flush()
    one.close()
    key = Key(LIMITED_ID, Secret(SECRET))
    two = open_repository(Bucket(url, key, IDS), IDS, PASSPHRASE)
    assert two.get(digest) == b"hello"
    two.close()
    fault = fault_of(url, key)
    assert (fault.kind, "let it list, read, write, delete" in fault.text) == (Kind.DENIED, True)


# What is wrong is told with the next step, and without a secret


def test_a_wrong_key_secret_and_bucket_are_told_apart(server: SeaweedFs, url: str) -> None:
    unknown = fault_of(url, Key("NOBODY", Secret(SECRET)))
    assert unknown.kind is Kind.AUTH_FAILED
    assert unknown.text == (
        "127.0.0.1 does not know the key NOBODY: mend the first line of bucket_key_file"
    )
    wrong = fault_of(url, Key(KEY_ID, Secret("another secret")))
    assert wrong.kind is Kind.AUTH_FAILED
    assert "does not accept the secret" in wrong.text
    assert "another secret" not in wrong.text
    nowhere = fault_of(f"{server.url}/nowhere/x")
    assert nowhere.kind is Kind.CONFIG
    assert nowhere.text == (
        "there is no bucket nowhere at 127.0.0.1: make it there, or mend its name"
    )


def test_a_clock_that_is_wrong_is_told(url: str) -> None:
    program = (
        "import sys\n"
        "from tests.store.backup.test_bucket import fault_of\n"
        "print(fault_of(sys.argv[1]).text)\n"
    )
    done = subprocess.run(
        [need("faketime"), "-f", "-2h", sys.executable, "-c", program, url],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert "the clock of this machine is far from that of 127.0.0.1" in done.stdout, done.stderr


def test_a_network_that_is_down_is_told_and_takes_nothing_for_damaged(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "RETRIES", 1)
    fault = fault_of(f"http://127.0.0.1:{free_port()}/backups/x")
    assert fault.kind is Kind.UNAVAILABLE
    assert "cannot be reached (Connection refused)" in fault.text
    assert "goes on where it ended" in fault.text


# Words


@pytest.mark.parametrize(
    ("text", "region", "bucket", "prefix"),
    [
        ("https://s3.eu-central-1.amazonaws.com/b/p/q", "eu-central-1", "b", "p/q"),
        ("https://s3.us-west-004.backblazeb2.com/b", "us-west-004", "b", ""),
        ("https://s3.fr-par.scw.cloud/b/p/", "fr-par", "b", "p"),
        ("https://minio.example.org:9000/b/p", "us-east-1", "b", "p"),
        ("https://minio.example.org:9000/b/p?region=pulau", "pulau", "b", "p"),
        ("https://s3.example.org/b", "us-east-1", "b", ""),
    ],
)
def test_an_url_tells_store_region_bucket_and_prefix(
    text: str, region: str, bucket: str, prefix: str
) -> None:
    found = read_address(text)
    assert (found.region, found.bucket, found.prefix) == (region, bucket, prefix)
    assert text.startswith(f"{found.endpoint}/{bucket}")


def test_a_bucket_may_be_in_the_name_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_address("https://s3.fr-par.scw.cloud:444/b/p?region=x&style=host")
    assert found.endpoint == "https://b.s3.fr-par.scw.cloud:444"
    assert (found.bucket, found.region, found.prefix) == ("b", "x", "p")
    asked: list[str] = []

    class Between(BaseHTTPRequestHandler):
        """A proxy sees for which host a request is."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.send_header("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        bucket = Bucket("http://s3.example.org/b/p?style=host", KEY, IDS)
        assert bucket.read("index") == b"ok"
        proxy.shutdown()
    assert asked == ["http://b.s3.example.org/p/index"]


@pytest.mark.parametrize(
    "text",
    [
        "https://h/b?style=x",
        "https://host",
        "https:///b/p",
        "https://h/b?x=1",
        "https://h/b#x",
        "https://h:x/b",
        "http://h/",
    ],
)
def test_what_is_no_url_of_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="is no URL of a bucket: write https"):
        read_address(text)


def test_a_key_is_never_in_an_url_and_never_shown() -> None:
    with pytest.raises(Fault) as caught:
        read_address("https://me:hidden@host/bucket")
    assert "hidden" not in caught.value.text
    key = read_key(b"ID\nhidden\n", "file")
    assert "hidden" not in repr(key)
    with pytest.raises(Fault, match="file holds no key"):
        read_key(b"only-one-line\n", "file")

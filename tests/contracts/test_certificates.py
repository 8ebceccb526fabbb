from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from merpati.store import certificates
from merpati.store.certificates import Account, Certificate
from merpati.store.engine import Store, Topic
from tests.support.store import NOW

ONE = Certificate("mail.a.test", ("mail.a.test", "mta-sts.a.test"), "chain", "key", 3, 2, 1, "no")


async def test_an_account_is_kept_for_each_authority(store: Store) -> None:
    one = Account("https://ca.test/dir", "https://ca.test/acct/1", "key")
    assert await store.read(certificates.account, one.directory) is None
    await store.write(certificates.keep_account, one)
    other = replace(one, url="https://ca.test/acct/2")
    await store.write(certificates.keep_account, other)
    assert await store.read(certificates.account, one.directory) == other
    assert await store.read(certificates.account, "https://other.test/dir") is None


async def test_proofs_are_found_until_they_are_withdrawn(store: Store) -> None:
    heard: set[Any] = set()
    store.on_commit(heard.update)
    await store.write(certificates.publish, "http-01", [("t1", "a1"), ("t2", "a2")], NOW + 100)
    await store.write(certificates.publish, "tls-alpn-01", [("a.test", "a3")], NOW + 100)
    assert heard == {(Topic.CERTIFICATES, 0)}
    assert await store.read(certificates.answer, "http-01", "t1") == "a1"
    assert await store.read(certificates.answer, "tls-alpn-01", "t1") == ""
    assert await store.read(certificates.answers, "tls-alpn-01") == [("a.test", "a3")]
    await store.write(certificates.withdraw, "http-01", ["t1"], NOW)
    assert await store.read(certificates.answer, "http-01", "t1") == ""
    assert await store.read(certificates.answer, "http-01", "t2") == "a2"
    await store.write(certificates.withdraw, "http-01", [], NOW + 100)
    assert await store.read(certificates.answers, "tls-alpn-01") == []


async def test_a_certificate_replaces_the_one_before(store: Store) -> None:
    heard: set[Any] = set()
    store.on_commit(heard.update)
    await store.write(certificates.keep, Certificate("mail.a.test", ("mail.a.test",)))
    await store.write(certificates.keep, ONE)
    assert heard == {(Topic.CERTIFICATES, 0)}
    assert await store.read(certificates.certificate, "mail.a.test") == ONE
    assert await store.read(certificates.certificates) == [ONE]
    assert await store.write(certificates.renew_now, "mail.a.test", 1)
    assert not await store.write(certificates.renew_now, "other.test", 1)
    assert await store.read(certificates.certificate, "mail.a.test") == replace(ONE, renew_at=1)
    assert await store.write(certificates.remove, "mail.a.test")
    assert not await store.write(certificates.remove, "mail.a.test")
    assert "key" not in repr(ONE)

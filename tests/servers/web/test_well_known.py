from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.servers.web import well_known
from merpati.store import certificates, directory, published_keys, transport
from merpati.store.engine import Store
from merpati.wire import mta_sts, openpgp
from merpati.wire.mta_sts import Mode, Policy
from tests.servers.web.conftest import Opener
from tests.support import store as stores

POLICY = "/.well-known/mta-sts.txt"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    one = await stores.sqlite(tmp_path)
    yield one
    await one.close()


async def test_a_hosted_policy_is_served_at_its_own_host_alone(serve: Opener, store: Store) -> None:
    domain = await store.write(directory.add_domain, "a.test", 0)
    await store.write(directory.add_domain, "b.test", 0)
    await store.write(transport.host_policy, domain.id, "enforce", 604_800)
    async with serve(well_known.routes(store, "Mail.a.test")) as site:
        status, kind, body = await site.get(POLICY, host="MTA-STS.A.test")
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        assert mta_sts.parse_policy(body) == Policy(Mode.ENFORCE, 604_800, ("mail.a.test",))
        for host in ("a.test", "mta-sts.b.test", "mta-sts.c.test", "mta-sts", "www.a.test"):
            assert (await site.get(POLICY, host=host))[0] == 404


async def test_a_proof_is_served_while_it_is_published(serve: Opener, store: Store) -> None:
    await store.write(certificates.publish, "http-01", [("token", "token.key")], 10)
    await store.write(certificates.publish, "tls-alpn-01", [("other", "other.key")], 10)
    async with serve(well_known.routes(store, "mail.a.test")) as site:
        place = "/.well-known/acme-challenge/"
        assert await site.get(place + "token") == (200, "application/octet-stream", b"token.key")
        for token in ("other", "tokens", "", "../token", "token/"):
            assert (await site.get(place + token))[0] in {404, 307}


async def test_a_published_key_is_found_by_both_methods(serve: Opener, store: Store) -> None:
    ana = await stores.add_account(store, "ana@a.test")
    await store.write(published_keys.publish, ana.id, "ana@a.test", b"key", "f", 0)
    hash_ = openpgp.directory_hash("ana")
    direct = f"/.well-known/openpgpkey/hu/{hash_}?l=ana"
    advanced = f"/.well-known/openpgpkey/a.test/hu/{hash_}?l=ana"
    octets = "application/octet-stream"
    async with serve(well_known.routes(store, "mail.a.test")) as site:
        assert await site.get(direct, host="a.test") == (200, octets, b"key")
        assert await site.get(advanced, host="openpgpkey.a.test") == (200, octets, b"key")
        assert (await site.get(direct, host="b.test"))[0] == 404
        assert (await site.get(advanced.replace("a.test", "b.test"), host="a.test"))[0] == 404
        for policy in ("/.well-known/openpgpkey/policy", "/.well-known/openpgpkey/a.test/policy"):
            assert (await site.get(policy, host="a.test"))[::2] == (200, b"")
        await store.write(directory.set_account, ana.id, disabled=1)
        assert (await site.get(direct, host="a.test"))[0] == 404

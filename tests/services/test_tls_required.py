"""`TLS-Required: No` (RFC 8689 4.1): a message that is to arrive rather than to be encrypted."""

from __future__ import annotations

import pytest

from merpati.base.faults import Fault
from merpati.model.arrival import Options
from merpati.model.delivery import Outcome, Result
from merpati.model.queue import with_any_tls
from merpati.net.smtp_client import Refused, Session, Tls
from merpati.services.transport import BY_MX, Routes, Way, parse
from merpati.services.transport_security import Security
from merpati.store import events
from tests.support.post import LETTER, Post
from tests.support.server import ANA, BUDI
from tests.support.smtp_sink import contexts

BOB = "bob@there.test"
NO_TLS = b"TLS-Required: No\r\n" + LETTER


class Forbidding:
    """Every domain's policy forbids its host."""

    async def policy(self, domain: str, mx: str) -> Security:
        text = f"{mx} is not named by the policy of {domain}"
        return Security(Tls(), (), Result("", Outcome.TEMPORARY, "4.7.5", text))

    def record(self, domain: str, mx: str, security: Security, end: Session | Refused) -> None:
        """Nobody asks."""


@pytest.fixture
def strict(post: Post) -> Post:
    post.courier._security = Forbidding()
    return post


async def test_what_the_domain_demands_is_set_aside_for_that_message_alone(strict: Post) -> None:
    sink = await strict.sink("there.test", tls=contexts("mx.there.test")[0])
    other = await strict.send(ANA, BOB)
    trace = await strict.send(ANA, BOB, message=NO_TLS)
    await strict.work()
    [got] = sink.messages
    assert NO_TLS in got.content
    [(waiting, _)] = await strict.queued()
    assert waiting.trace == other
    steps = await strict.store.read(events.of_trace, trace)
    [said] = [one.detail["security"] for one in steps if "security" in one.detail]
    assert said == "certificate not checked: what the domain demands of TLS is set aside (RFC 8689)"


@pytest.mark.parametrize("field", [b"", b"TLS-Required: Yes\r\n", b"X-TLS-Required: No\r\n"])
async def test_nothing_else_sets_it_aside(strict: Post, field: bytes) -> None:
    sink = await strict.sink("there.test")
    await strict.send(ANA, BOB, message=field + LETTER)
    await strict.work()
    assert not sink.messages


async def test_requiretls_wins(strict: Post) -> None:
    sink = await strict.sink("there.test")
    options = Options(require_tls=True)
    await strict.send(ANA, BOB, message=NO_TLS, options=options)
    await strict.work()
    assert not sink.messages


async def test_mail_for_here_is_delivered_as_ever(strict: Post) -> None:
    await strict.send(ANA, BUDI, message=NO_TLS)
    assert len(await strict.inbox(strict.budi)) == 1


def test_only_domains_have_demands_that_can_be_set_aside() -> None:
    assert with_any_tls("there.test") == "any-tls:there.test"
    for other in ("", "@expand", "[192.0.2.1]", "smtp://relay.test:25", "any-tls:there.test"):
        assert with_any_tls(other) == other


def test_a_route_of_the_domain_still_counts() -> None:
    found = parse("any-tls:There.test")
    assert (found.way, found.host, str(found)) == (Way.ANY_TLS, "there.test", "any-tls:there.test")
    assert Routes().find("any-tls:there.test") == found
    assert Routes(["there.test mx"]).find("any-tls:there.test") == found
    assert Routes(["there.test smtp://relay.test"]).find("any-tls:there.test").host == "relay.test"
    assert Routes().find("there.test") == BY_MX
    with pytest.raises(Fault, match="write a way such as"):
        parse("any-tls:")

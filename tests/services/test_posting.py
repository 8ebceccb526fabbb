from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.services.posting import Posting
from merpati.wire.smtp.paths import parse_address
from tests.support.post import Post
from tests.support.server import BUDI, HOSTNAME

SENDER = parse_address(f"postmaster@{HOSTNAME}")
LETTER = b"From: <postmaster@mail.example.org>\r\nSubject: report\r\n\r\nhello\r\n"


def posting(post: Post) -> Posting:
    return Posting(post.store, post.accept, post.router, post.blobs, post.clock, post.ids, HOSTNAME)


async def test_a_letter_goes_to_another_server(post: Post) -> None:
    sink = await post.sink("there.test")
    await posting(post).post(SENDER, parse_address("tls@there.test"), LETTER)
    await post.work()
    [got] = sink.messages
    assert (got.sender, got.recipients) == (str(SENDER), ["tls@there.test"])
    assert got.content.startswith(b"Received: ")
    assert got.content.endswith(LETTER)


async def test_a_letter_may_go_to_somebody_here(post: Post) -> None:
    await posting(post).post(SENDER, parse_address(BUDI), LETTER)
    await post.work()
    [got] = await post.inbox(post.budi)
    assert got.endswith(LETTER)


async def test_a_letter_to_nobody_here_is_refused(post: Post) -> None:
    with pytest.raises(Fault) as caught:
        await posting(post).post(SENDER, parse_address("nobody@example.org"), LETTER)
    assert caught.value.kind is Kind.NOT_FOUND

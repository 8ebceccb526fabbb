"""Sessions of the SMTP client with a sink, for its tests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from merpati.model.delivery import Result
from merpati.model.envelope import Envelope, Recipient
from merpati.net import smtp_client
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Options, Refused, Session
from merpati.net.smtp_link import Timeouts
from tests.support.smtp_sink import SmtpSink


def timeouts(seconds: float) -> Timeouts:
    return Timeouts(**dict.fromkeys(Timeouts.__struct_fields__, seconds))


PATIENT = timeouts(20)  # a busy machine is no failure
QUICK = timeouts(0.15)  # for servers that are to be given up
# The same, once they have let us in.
HASTY = msgspec.structs.replace(QUICK, connect=20.0, greeting=20.0, command=20.0)
MESSAGE = b"Subject: hi\r\n\r\n.dot\r\nhello\r\n"
PLAIN = ("8BITMIME",)  # no PIPELINING: one command, one reply


def envelope(*recipients: str, sender: str = "ann@here.test", **more: Any) -> Envelope:
    people = tuple(Recipient(address) for address in recipients)
    return Envelope(sender=sender, recipients=people, **more)


async def session(sink: SmtpSink, **options: Any) -> Session:
    options.setdefault("helo", "out.here.test")
    options.setdefault("timeouts", PATIENT)
    return await smtp_client.connect(
        Reaper(tick=0.02), "mx.test", [sink.host], sink.port, Options(**options)
    )


async def refusal(sink: SmtpSink, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await session(sink, **options)
    return caught.value


async def send(sink: SmtpSink, *recipients: str, **more: Any) -> list[Result]:
    opened = await session(sink)
    try:
        return await opened.send(envelope(*recipients, **more), [MESSAGE])
    finally:
        await opened.quit()


def ends(results: list[Result]) -> list[tuple[str, str, str]]:
    return [(r.recipient.partition("@")[0], r.outcome.value, r.status) for r in results]

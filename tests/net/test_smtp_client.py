from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from typing import Any

import pytest

from merpati.base.faults import Kind
from merpati.model.delivery import Outcome
from merpati.net import smtp_client
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Credentials, Options, Refused, Tls, TlsMode
from merpati.net.tls import client_context
from tests.support.smtp_sessions import (
    MESSAGE,
    QUICK,
    ends,
    envelope,
    refusal,
    session,
)
from tests.support.smtp_sink import SmtpSink

# Getting a session


@pytest.mark.parametrize(
    ("reply", "kind", "outcome"),
    [
        ("554 5.7.1 blocked", Kind.DENIED, Outcome.PERMANENT),
        ("421 4.3.2 busy", Kind.UNAVAILABLE, Outcome.TEMPORARY),
        ("250 hello", Kind.UNAVAILABLE, Outcome.TEMPORARY),
    ],
)
async def test_a_greeting_other_than_220_is_a_refusal(
    sink: SmtpSink, reply: str, kind: Kind, outcome: Outcome
) -> None:
    sink.on("greeting", reply)
    refused = await refusal(sink)
    assert (refused.kind, refused.outcome, refused.text) == (kind, outcome, reply)
    (result, _) = refused.results(envelope("b@t.test", "c@t.test"))
    assert (result.recipient, result.outcome, result.host) == ("b@t.test", outcome, "mx.test")


@pytest.mark.parametrize("step", ["greeting", "EHLO"])
@pytest.mark.parametrize("behaviour", [{"hang_up": True}, {"silence": True}, {"endless": True}])
async def test_a_server_that_breaks_off_at_the_start_is_for_later(
    sink: SmtpSink, step: str, behaviour: dict[str, Any]
) -> None:
    sink.on(step, **behaviour)
    refused = await refusal(sink, timeouts=QUICK)
    assert (refused.kind, refused.outcome) == (Kind.UNAVAILABLE, Outcome.TEMPORARY)
    assert refused.why.status == "4.4.2"


async def test_a_refused_connection_is_for_later() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, and nobody listens
        with pytest.raises(Refused) as caught:
            await smtp_client.connect(
                Reaper(), "mx.test", ["127.0.0.1"], port, Options(helo="out.here.test")
            )
    assert caught.value.outcome is Outcome.TEMPORARY
    assert caught.value.why.status == "4.4.1"


async def test_the_next_address_is_tried(sink: SmtpSink) -> None:
    opened = await smtp_client.connect(
        Reaper(), "mx.test", ["::1", "127.0.0.2", "127.0.0.1"], sink.port, Options(helo="out.test")
    )
    assert opened.address == f"127.0.0.1:{sink.port}"
    await opened.quit()


async def test_a_temporary_reason_outweighs_a_permanent_one(sink: SmtpSink) -> None:
    sink.on("greeting", "554 go away")
    with pytest.raises(Refused) as caught:
        await smtp_client.connect(
            Reaper(), "mx.test", ["127.0.0.1", "127.0.0.2"], sink.port, Options(helo="out.test")
        )
    assert caught.value.outcome is Outcome.TEMPORARY


async def test_a_host_without_addresses_is_for_later() -> None:
    with pytest.raises(Refused) as caught:
        await smtp_client.connect(Reaper(), "mx.test", [], 25, Options(helo="out.test"))
    assert caught.value.outcome is Outcome.TEMPORARY


async def test_the_connection_comes_from_the_address_asked_for(sink: SmtpSink) -> None:
    opened = await session(sink, sources=("::1", "127.0.0.5"))
    assert opened._link.connection.local == "127.0.0.5"
    await opened.quit()


# TLS

TlsPair = tuple[ssl.SSLContext, ssl.SSLContext]


async def test_tls_is_used_where_it_is_offered(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        opened = await session(sink, tls=tls)
        assert "STARTTLS" not in opened.features
        (result,) = await opened.send(envelope("b@t.test"), [MESSAGE])
        assert result.tls == "TLSv1.3"
        assert sink.messages[0].tls == "TLSv1.3"
        assert sink.messages[0].helo == "out.here.test"
        await opened.quit()


async def test_without_an_offer_opportunistic_tls_stays_in_clear_text(sink: SmtpSink) -> None:
    tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
    opened = await session(sink, tls=tls)
    assert opened.tls is None
    await opened.quit()
    refused = await refusal(sink, tls=Tls(mode=TlsMode.REQUIRED, context=tls.context))
    assert (refused.kind, refused.why.status) == (Kind.TLS_REQUIRED, "4.7.4")
    assert refused.outcome is Outcome.TEMPORARY


async def test_a_refused_starttls_ends_only_required_tls(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        sink.on("STARTTLS", "454 4.3.0 not now")
        opportunistic = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        opened = await session(sink, tls=opportunistic)
        assert opened.tls is None
        await opened.quit()
        required = Tls(mode=TlsMode.REQUIRED, context=opportunistic.context)
        assert (await refusal(sink, tls=required)).kind is Kind.TLS_REQUIRED


async def test_a_verified_certificate_must_be_for_the_host(tls_contexts: TlsPair) -> None:
    server, trusting = tls_contexts
    async with SmtpSink(tls=server) as sink:
        opened = await session(sink, tls=Tls(mode=TlsMode.REQUIRED, context=trusting))
        assert opened.tls is not None
        assert opened.tls.verified
        await opened.quit()
        wrong = Tls(mode=TlsMode.REQUIRED, context=trusting, server_name="other.test")
        refused = await refusal(sink, tls=wrong)
        assert (refused.kind, refused.retry_without_tls) == (Kind.TLS_REQUIRED, False)
        assert refused.outcome is Outcome.TEMPORARY


async def test_a_failed_opportunistic_handshake_may_be_retried_in_clear_text(
    tls_contexts: TlsPair,
) -> None:
    server, trusting = tls_contexts
    async with SmtpSink(tls=server) as sink:
        wrong = Tls(mode=TlsMode.OPPORTUNISTIC, context=trusting, server_name="other.test")
        assert (await refusal(sink, tls=wrong)).retry_without_tls
        opened = await session(sink)
        assert (await opened.send(envelope("b@t.test"), [MESSAGE]))[0].code == 250
        await opened.quit()


async def test_bytes_before_the_handshake_are_an_attack(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        sink.on("STARTTLS", "220 go", trailing=b"250-evil.test\r\n250 AUTH PLAIN\r\n")
        tls = Tls(mode=TlsMode.OPPORTUNISTIC, context=client_context(verify=False))
        refused = await refusal(sink, tls=tls)
        assert not refused.retry_without_tls
        assert "clear text" in refused.text


async def test_tls_from_the_first_octet(tls_contexts: TlsPair) -> None:
    async with SmtpSink(tls=tls_contexts[0], implicit_tls=True) as sink:
        opened = await session(sink, tls=Tls(mode=TlsMode.IMPLICIT, context=tls_contexts[1]))
        assert opened.tls is not None
        assert "STARTTLS" not in sink.commands
        await opened.quit()


async def test_a_message_that_requires_tls_goes_only_where_it_is_promised(
    tls_contexts: TlsPair,
) -> None:
    tls = Tls(mode=TlsMode.REQUIRED, context=tls_contexts[1])
    async with SmtpSink(tls=tls_contexts[0]) as sink:
        opened = await session(sink, tls=tls)
        mail = envelope("b@t.test", require_tls=True)
        assert ends(await opened.send(mail, [MESSAGE])) == [("b", "permanent", "5.7.30")]
        await opened.quit()
        sink.extensions.append("REQUIRETLS")
        opened = await session(sink, tls=tls)
        assert ends(await opened.send(mail, [MESSAGE])) == [("b", "delivered", "2.0.0")]
        assert sink.messages[0].mail.endswith(" REQUIRETLS")
        await opened.quit()


# Logging in


@pytest.mark.parametrize(
    ("offer", "seen"), [("AUTH LOGIN PLAIN", "|ann|secret"), ("AUTH LOGIN", "ann|secret")]
)
async def test_a_relay_is_given_name_and_password(
    tls_contexts: TlsPair, offer: str, seen: str
) -> None:
    async with SmtpSink(extensions=(offer,), tls=tls_contexts[0]) as sink:
        tls = Tls(mode=TlsMode.REQUIRED, context=tls_contexts[1])
        opened = await session(sink, tls=tls, credentials=Credentials("ann", "secret"))
        await opened.send(envelope("b@t.test"), [MESSAGE])
        assert sink.messages[0].user == seen
        await opened.quit()


async def test_a_password_is_not_given_in_clear_text_unless_told_so() -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as sink:
        refused = await refusal(sink, credentials=Credentials("ann", "secret"))
        assert refused.kind is Kind.AUTH_FAILED
        assert not any(command.startswith("AUTH") for command in sink.commands)
        allowed = Credentials("ann", "secret", in_clear_text=True)
        await (await session(sink, credentials=allowed)).quit()
        assert "secret" not in repr(allowed)


async def test_a_wrong_password_is_for_later_and_tried_once() -> None:
    async with SmtpSink(extensions=("AUTH PLAIN",)) as sink:
        sink.on("AUTH", "535 5.7.8 wrong")
        with pytest.raises(Refused) as caught:
            await smtp_client.connect(
                Reaper(),
                "mx.test",
                ["127.0.0.1", "127.0.0.1"],
                sink.port,
                Options(helo="o.test", credentials=Credentials("a", "b", in_clear_text=True)),
            )
        assert (caught.value.kind, caught.value.outcome) == (Kind.AUTH_FAILED, Outcome.TEMPORARY)
        assert sink.connections == 1


async def test_a_relay_without_a_known_mechanism_is_for_later() -> None:
    async with SmtpSink(extensions=("AUTH GSSAPI",)) as sink:
        refused = await refusal(sink, credentials=Credentials("a", "b", in_clear_text=True))
        assert refused.kind is Kind.AUTH_FAILED


class ScramSink(SmtpSink):
    """Knows SCRAM-SHA-256 (RFC 7677), and one password; it may lie about knowing it."""

    proves = "secret"

    async def _auth(self, session: object, line: str) -> bool:
        reader, writer = session.reader, session.writer  # type: ignore[attr-defined]
        bare = base64.b64decode(line.split()[2]).decode().removeprefix("n,,")
        first = f"{bare.partition('r=')[2]}server,s={base64.b64encode(b'salt').decode()},i=4096"
        first = f"r={first}"
        writer.write(b"334 " + base64.b64encode(first.encode()) + b"\r\n")
        answer = base64.b64decode(await reader.readuntil(b"\r\n")).decode()
        final, _, proof = answer.partition(",p=")
        signed = f"{bare},{first},{final}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 4096)
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        wanted = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        if base64.b64decode(proof) != wanted:
            return await self._reply(writer, b"535 5.7.8 wrong")
        salted = hashlib.pbkdf2_hmac("sha256", self.proves.encode(), b"salt", 4096)
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        verifier = base64.b64encode(hmac.digest(server_key, signed, "sha256"))
        await self._reply(writer, b"334 " + base64.b64encode(b"v=" + verifier))
        assert await reader.readuntil(b"\r\n") == b"\r\n"
        session.user = "|".join(bare.split(",")[0].split("=")[1:])  # type: ignore[attr-defined]
        return await self._reply(writer, b"235 2.7.0 welcome")

    async def _reply(self, writer: asyncio.StreamWriter, line: bytes) -> bool:
        writer.write(line + b"\r\n")
        await writer.drain()
        return True


async def test_scram_is_preferred_and_the_password_is_never_sent() -> None:
    async with ScramSink(extensions=("AUTH PLAIN SCRAM-SHA-256",)) as sink:
        credentials = Credentials("ann", "secret", in_clear_text=True)
        opened = await session(sink, credentials=credentials)
        await opened.send(envelope("bob@x.test"), [b"Subject: hi\r\n\r\n"])
        await opened.quit()
        assert sink.messages[0].user == "ann"
        assert not any("secret" in line for line in sink.commands)


async def test_scram_with_a_wrong_password_is_refused() -> None:
    async with ScramSink(extensions=("AUTH SCRAM-SHA-256",)) as sink:
        refused = await refusal(sink, credentials=Credentials("ann", "nope", in_clear_text=True))
        assert refused.kind is Kind.AUTH_FAILED
        assert "535" in refused.text


async def test_a_server_that_does_not_know_the_password_gets_no_mail() -> None:
    async with ScramSink(extensions=("AUTH SCRAM-SHA-256",)) as sink:
        sink.proves = "something else"
        refused = await refusal(sink, credentials=Credentials("ann", "secret", in_clear_text=True))
        assert refused.kind is Kind.AUTH_FAILED
        assert "did not prove" in refused.text

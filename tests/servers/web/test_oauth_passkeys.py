"""A passkey lets a program in, and what it answered is good for that alone."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.servers.web.test_oauth import Program, back
from tests.support.authenticator import Authenticator
from tests.support.http import Answer
from tests.support.sign_in import SignInInstance


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[SignInInstance]:
    async with SignInInstance(tmp_path) as made:
        yield made


@pytest.fixture
async def program(instance: SignInInstance) -> Program:
    return await Program(instance).register()


def given_back(answer: Answer) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.body.decode()
    )
    return {html.unescape(name): html.unescape(value) for name, value in found}


def question(answer: Answer) -> dict[str, Any]:
    """What the page asks the browser for."""
    [options] = re.findall(r'data-options="([^"]*)"', answer.body.decode())
    found: dict[str, Any] = json.loads(html.unescape(options))
    return found


async def with_passkey(instance: SignInInstance, program: Program) -> Authenticator:
    """A passkey of Ana's; the program's pages are opened by a name, which passkeys are for."""
    browser = await instance.signed_in()
    browser.host = f"localhost:{browser.site.port}"
    key = Authenticator(f"http://{browser.host}")
    begun = (await browser.post("/auth/passkeys/begin")).json
    credential = key.create(begun["publicKey"])
    given = {"challenge": begun["challenge"], "credential": credential, "name": "Phone"}
    assert (await browser.post("/auth/passkeys", given)).status == 201
    program.host = browser.host
    return key


async def test_a_passkey_lets_a_program_in(instance: SignInInstance, program: Program) -> None:
    key = await with_passkey(instance, program)
    asked = await program.decide(name="", password="", decision="passkey")
    policy = asked.headers["content-security-policy"]
    [script] = re.findall(r"<script>(.*?)</script>", asked.body.decode(), re.DOTALL)
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "connect-src" not in policy
    answer = key.get(question(asked))
    done = await program.form(
        "/oauth/authorize", decision="allow", credential=json.dumps(answer), **given_back(asked)
    )
    assert done.status == 303, done.body
    token = await program.token(back(done)["code"])
    assert token.status == 200
    again = await program.form(
        "/oauth/authorize", decision="allow", credential=json.dumps(answer), **given_back(asked)
    )
    assert "That was not right." in again.body.decode()


async def test_what_a_passkey_answered_is_for_one_program_alone(
    instance: SignInInstance, program: Program
) -> None:
    key = await with_passkey(instance, program)
    asked = await program.decide(name="", password="", decision="passkey")
    answer = key.get(question(asked))
    fields = {**given_back(asked), "scope": "mail openid", "credential": json.dumps(answer)}
    done = await program.form("/oauth/authorize", decision="allow", **fields)
    assert "That was not right." in done.body.decode()
    # And neither for a session, nor the other way round.
    asked = await program.decide(name="", password="", decision="passkey")
    browser = instance.browser()
    browser.host = program.host
    finish = {"challenge": given_back(asked)["passkey"], "credential": key.get(question(asked))}
    assert (await browser.post("/auth/passkey/finish", finish)).status == 401
    begun = (await browser.post("/auth/passkey/begin")).json
    fields = {
        **program.asked(), "passkey": begun["challenge"],
        "credential": json.dumps(key.get(begun["publicKey"])),
    }  # fmt: skip
    done = await program.form("/oauth/authorize", decision="allow", **fields)
    assert "That was not right." in done.body.decode()


@pytest.mark.parametrize("credential", ["", "[]", "{", "null", "{}"])
async def test_what_is_no_answer_of_a_passkey_is_refused(
    instance: SignInInstance, program: Program, credential: str
) -> None:
    await with_passkey(instance, program)
    asked = await program.decide(name="", password="", decision="passkey")
    done = await program.form(
        "/oauth/authorize", decision="allow", credential=credential, **given_back(asked)
    )
    assert done.status == 200
    assert "That was not right." in done.body.decode()


async def test_at_an_address_without_a_name_there_are_no_passkeys(program: Program) -> None:
    asked = await program.decide(name="", password="", decision="passkey")
    assert "Passkeys need a host name" in asked.body.decode()

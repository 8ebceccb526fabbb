from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.authenticator import Authenticator
from tests.support.server import ANA, BUDI
from tests.support.sign_in import Browser, SignInInstance


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[SignInInstance]:
    async with SignInInstance(tmp_path) as made:
        yield made


@pytest.fixture
async def ana(instance: SignInInstance) -> Browser:
    return by_name(await instance.signed_in())


def by_name(browser: Browser) -> Browser:
    """A browser that has opened the page by its name: passkeys are for names alone."""
    browser.host = f"localhost:{browser.site.port}"
    return browser


def origin(browser: Browser) -> str:
    return f"http://{browser.host}"


async def post(browser: Browser, path: str, value: Any = None) -> Any:
    return await browser.post(path, value)


async def made(browser: Browser, name: str = "Phone") -> Authenticator:
    """A passkey that has been added."""
    key = Authenticator(origin(browser))
    begun = await post(browser, "/auth/passkeys/begin")
    assert begun.status == 200, begun.body
    options = begun.json["publicKey"]
    assert options["rp"]["id"] == "localhost"
    assert options["user"]["name"] == ANA
    given = {
        "challenge": begun.json["challenge"], "credential": key.create(options), "name": name,
    }  # fmt: skip
    answer = await post(browser, "/auth/passkeys", given)
    assert answer.status == 201, answer.body
    assert answer.json["passkey"]["name"] == name
    browser.codes = answer.json["recoveryCodes"] or browser.codes
    return key


async def try_alone(browser: Browser, key: Authenticator) -> Any:
    begun = (await post(browser, "/auth/passkey/begin")).json
    given = {"challenge": begun["challenge"], "credential": key.get(begun["publicKey"])}
    return await post(browser, "/auth/passkey/finish", given)


async def test_a_passkey_alone_signs_in(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    assert len(ana.codes) == 10
    other = by_name(instance.browser())
    begun = (await post(other, "/auth/passkey/begin")).json
    assert begun["publicKey"]["userVerification"] == "required"
    assert "allowCredentials" not in begun["publicKey"]
    answer = await try_alone(other, key)
    assert answer.status == 200, answer.body
    assert answer.json["account"]["address"] == ANA
    [shown] = (await ana.get("/auth/passkeys")).json["passkeys"]
    assert shown["usedAt"] > 0
    [row, *_] = (await ana.get("/auth/history")).json["history"]
    assert (row["means"], row["what"]) == ("passkey", "Phone")


async def test_a_passkey_is_a_second_factor(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    key.verifies = False  # a plain security key: touched, no finger or PIN
    other = by_name(instance.browser())
    begun = (await other.sign_in(remember=True)).json
    assert begun["secondFactor"] == ["passkey", "recovery"]
    asked = (await post(other, "/auth/passkey/begin", {"challenge": begun["challenge"]})).json
    assert len(asked["publicKey"]["allowCredentials"]) == 1
    given = {
        "challenge": asked["challenge"], "kind": "passkey",
        "credential": key.get(asked["publicKey"]),
    }  # fmt: skip
    answer = await post(other, "/auth/second-factor", given)
    assert answer.status == 200, answer.body
    assert "max-age" in answer.headers["set-cookie"].lower()
    again = await post(by_name(instance.browser()), "/auth/second-factor", given)
    assert again.status == 401


async def test_alone_it_has_to_know_its_owner(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    key.verifies = False
    assert (await try_alone(by_name(instance.browser()), key)).status == 401


async def test_a_page_that_looks_like_ours_gets_nothing(
    instance: SignInInstance, ana: Browser
) -> None:
    key = await made(ana)
    key.origin = "https://localhost.evil.example"
    assert (await try_alone(by_name(instance.browser()), key)).status == 401


async def test_a_copied_key_is_noticed(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    for counter, status in ((5, 200), (6, 200), (6, 401), (2, 401), (7, 200)):
        key.counter = counter
        assert (await try_alone(by_name(instance.browser()), key)).status == status


async def test_another_key_opens_nothing(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    stranger = Authenticator(origin(ana))
    assert (await try_alone(by_name(instance.browser()), stranger)).status == 401
    stranger.id = key.id  # says it is that key, and cannot sign as it
    assert (await try_alone(by_name(instance.browser()), stranger)).status == 401


async def test_a_passkey_of_somebody_else_is_no_second_factor(
    instance: SignInInstance, ana: Browser
) -> None:
    await made(ana)
    budi = by_name(await instance.signed_in(BUDI))
    key = Authenticator(origin(budi))
    begun = (await post(budi, "/auth/passkeys/begin")).json
    given = {
        "challenge": begun["challenge"], "credential": key.create(begun["publicKey"]), "name": "x",
    }  # fmt: skip
    assert (await post(budi, "/auth/passkeys", given)).status == 201
    other = by_name(instance.browser())
    challenge = (await other.sign_in()).json["challenge"]
    asked = (await post(other, "/auth/passkey/begin", {"challenge": challenge})).json
    stolen = {
        "challenge": asked["challenge"], "kind": "passkey",
        "credential": key.get(asked["publicKey"]),
    }  # fmt: skip
    assert (await post(other, "/auth/second-factor", stolen)).status == 401


async def test_the_answer_to_one_challenge_fits_no_other(
    instance: SignInInstance, ana: Browser
) -> None:
    key = await made(ana)
    other = by_name(instance.browser())
    first = (await post(other, "/auth/passkey/begin")).json
    second = (await post(other, "/auth/passkey/begin")).json
    given = {"challenge": second["challenge"], "credential": key.get(first["publicKey"])}
    assert (await post(other, "/auth/passkey/finish", given)).status == 401
    making = (await post(ana, "/auth/passkeys/begin")).json
    given = {"challenge": making["challenge"], "credential": key.get(first["publicKey"])}
    assert (await post(other, "/auth/passkey/finish", given)).status == 401
    instance.clock.advance(301)
    given = {"challenge": first["challenge"], "credential": key.get(first["publicKey"])}
    assert (await post(other, "/auth/passkey/finish", given)).status == 401


@pytest.mark.parametrize(
    "change",
    [
        {}, {"id": 1}, {"id": "x", "rawId": "y", "type": "public-key", "response": {}},
        {"response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}},
        {"response": {"clientDataJSON": "!", "authenticatorData": "", "signature": ""}},
        {"response": None},
    ],
)  # fmt: skip
async def test_what_is_no_answer_of_a_passkey_is_refused(
    instance: SignInInstance, ana: Browser, change: dict[str, Any]
) -> None:
    key = await made(ana)
    begun = (await post(by_name(instance.browser()), "/auth/passkey/begin")).json
    credential = {**key.get(begun["publicKey"]), **change} if change else {}
    given = {"challenge": begun["challenge"], "credential": credential}
    assert (await post(by_name(instance.browser()), "/auth/passkey/finish", given)).status == 401


async def test_passkeys_are_renamed_and_removed(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    [shown] = (await ana.get("/auth/passkeys")).json["passkeys"]
    path = f"/auth/passkeys/{shown['id']}"
    assert (await ana.ask("PATCH", path, {"name": "Old phone"})).status == 204
    [shown] = (await ana.get("/auth/passkeys")).json["passkeys"]
    assert shown["name"] == "Old phone"
    budi = await instance.signed_in(BUDI)
    assert (await budi.ask("DELETE", path)).status == 404
    assert (await ana.ask("DELETE", path)).status == 204
    assert (await try_alone(by_name(instance.browser()), key)).status == 401
    assert "accessToken" in (await instance.browser().sign_in()).json


async def test_an_address_in_place_of_a_name_is_told_so(
    instance: SignInInstance, ana: Browser
) -> None:
    answer = await instance.browser().post("/auth/passkey/begin")
    assert (answer.status, answer.json["code"]) == (400, "unsupported")


async def test_a_passkey_confirms(instance: SignInInstance, ana: Browser) -> None:
    key = await made(ana)
    instance.clock.advance(601)
    begun = (await post(ana, "/auth/passkey/begin")).json
    given = {
        "kind": "passkey", "challenge": begun["challenge"],
        "credential": key.get(begun["publicKey"]),
    }  # fmt: skip
    assert (await post(ana, "/auth/confirm", given)).status == 204
    assert (await post(ana, "/auth/passkeys/begin")).status == 200


async def test_strangers_cannot_ask_for_ever(instance: SignInInstance) -> None:
    browser = by_name(instance.browser())
    answers = [await post(browser, "/auth/passkey/begin") for _ in range(61)]
    assert [answer.status for answer in answers] == [200] * 60 + [429]

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, second_factors
from merpati.wire import totp
from tests.servers.web.conftest import Opener
from tests.support.server import ANA, BUDI, PASSWORD
from tests.support.sign_in import Browser, SignInInstance


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[SignInInstance]:
    async with SignInInstance(tmp_path) as made:
        yield made


# Signing in


async def test_a_password_opens_a_session(instance: SignInInstance) -> None:
    browser = instance.browser()
    answer = await browser.sign_in()
    assert answer.status == 200
    assert answer.json["expiresIn"] == 3600
    assert answer.json["account"] == {
        "id": answer.json["account"]["id"], "address": ANA, "name": "ana", "language": "en",
        "isAdmin": False,
    }  # fmt: skip
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("merpati=mpr_")
    for flag in ("httponly", "samesite=strict", "path=/auth", "max-age=2592000"):
        assert flag in cookie
    assert "no-store" in answer.headers["cache-control"]
    assert (await browser.get("/auth/me")).json["account"]["address"] == ANA


async def test_without_remember_the_cookie_ends_with_the_browser(instance: SignInInstance) -> None:
    answer = await instance.browser().sign_in(remember=False)
    assert "max-age" not in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("name", "password"), [(ANA, "wrong"), ("nobody@example.org", PASSWORD), ("", ""), (ANA, "")]
)
async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    instance: SignInInstance, name: str, password: str
) -> None:
    answer = await instance.browser().sign_in(name, password)
    assert (answer.status, answer.json["code"]) == (401, "auth-failed")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in answer.headers


async def test_guesses_are_slowed_down(instance: SignInInstance) -> None:
    for _ in range(10):
        assert (await instance.browser().sign_in(ANA, "wrong")).status == 401
    answer = await instance.browser().sign_in()
    assert (answer.status, answer.json["code"]) == (429, "too-many")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"name": "a", "password": "b"}', "text/plain", 400),
        (b"name=a&password=b", "application/x-www-form-urlencoded", 400),
        (b"{", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"name": 1, "password": "b"}', "application/json", 400),
        (b'{"name": "' + b"x" * 70_000, "application/json", 413),
        (b'{"name": "\xff", "password": "b"}', "application/json", 400),
        (b'{"name": "\\ud800", "password": "b"}', "application/json; charset=utf-8", 400),
        (b'{"name": "a\\u0000b", "password": "b"}', "application/json", 401),
    ],
)
async def test_bad_bodies_are_told_so(
    instance: SignInInstance, body: bytes, kind: str, status: int
) -> None:
    answer = await instance.site.ask("POST", "/auth/sign-in", body, content_type=kind)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"


# The cookie


async def test_the_cookie_is_good_for_new_tokens(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    old_cookie, old_token = browser.cookie, browser.token
    answer = await browser.post("/auth/refresh")
    assert answer.status == 200
    assert answer.json["account"]["address"] == ANA
    assert browser.cookie != old_cookie
    assert browser.token != old_token
    assert (await browser.post("/auth/refresh")).status == 200
    assert (await browser.get("/auth/me")).status == 200


async def test_an_answer_that_was_lost_is_given_again(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    old = browser.cookie
    await browser.post("/auth/refresh")
    new = browser.cookie
    browser.cookie = old
    instance.clock.advance(20)
    assert (await browser.post("/auth/refresh")).status == 200
    assert browser.cookie == new


async def test_a_stolen_cookie_ends_the_session(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    stolen = browser.cookie
    await browser.post("/auth/refresh")
    instance.clock.advance(60)
    thief = instance.browser()
    thief.cookie = stolen
    answer = await thief.post("/auth/refresh")
    assert (answer.status, answer.json["code"]) == (401, "auth-required")
    assert "merpati=" in answer.headers["set-cookie"]
    assert (await browser.post("/auth/refresh")).status == 401
    assert (await browser.get("/auth/me")).status == 401


async def test_an_old_cookie_of_two_uses_ago_is_never_forgiven(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    first = browser.cookie
    await browser.post("/auth/refresh")
    await browser.post("/auth/refresh")
    browser.cookie = first
    assert (await browser.post("/auth/refresh")).status == 401


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {},
    ],
)
async def test_another_site_can_do_nothing_with_the_cookie(
    instance: SignInInstance, path: str, headers: dict[str, str]
) -> None:
    browser = await instance.signed_in()
    cookie = browser.cookie
    answer = await instance.site.post(path, {}, cookie=cookie, **headers)
    assert (answer.status, answer.json["code"]) == (403, "denied")
    assert (await browser.post("/auth/refresh")).status == 200


async def test_a_form_of_another_site_changes_nothing(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    kind = "text/plain"
    answer = await instance.site.ask(
        "POST", "/auth/sign-out", b"{}", cookie=browser.cookie, content_type=kind,
        sec_fetch_site="same-origin",
    )  # fmt: skip
    assert answer.status == 400
    assert (await browser.post("/auth/refresh")).status == 200


async def test_the_cookie_opens_nothing_but_refresh_and_sign_out(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    browser.token = ""
    for method, path in (("GET", "/auth/me"), ("POST", "/auth/totp"), ("GET", "/auth/sessions")):
        answer = await browser.ask(method, path, {})
        assert (answer.status, answer.json["code"]) == (401, "auth-required")


async def test_signing_out_ends_tokens_at_once(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    assert (await browser.get("/auth/me")).status == 200
    old = browser.cookie
    assert (await browser.post("/auth/sign-out")).status == 204
    assert (await browser.get("/auth/me")).status == 401
    browser.cookie = old
    assert (await browser.post("/auth/refresh")).status == 401


async def test_tokens_end_with_their_time(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    instance.clock.advance(3599)
    assert (await browser.get("/auth/me")).status == 200
    instance.clock.advance(2)
    assert (await browser.get("/auth/me")).status == 401
    instance.clock.advance(31 * 86400)
    assert (await browser.post("/auth/refresh")).status == 401


async def test_a_disabled_account_is_out(instance: SignInInstance) -> None:
    browser = await instance.signed_in()
    await instance.store.write(directory.set_account, instance.ana.id, disabled=1)
    assert (await browser.get("/auth/me")).status == 401
    assert (await browser.post("/auth/refresh")).status == 401


async def test_a_password_set_by_an_administrator_ends_all_sessions(
    instance: SignInInstance,
) -> None:
    browser = await instance.signed_in()
    assert (await browser.get("/auth/me")).status == 200
    await instance.store.write(
        directory.set_account, instance.ana.id, password=instance.ana.password
    )
    assert (await browser.get("/auth/me")).status == 401


@pytest.mark.parametrize("token", ["", "mpa_", "x" * 9000, "mpa_\u00e9", "mpr_a.b"])
async def test_what_is_no_token_opens_nothing(instance: SignInInstance, token: str) -> None:
    header = f"Bearer {token}".encode().decode("latin-1")
    answer = await instance.site.get("/auth/me", authorization=header)
    assert answer.status == 401


async def test_stale_tokens_of_one_browser_lock_out_nobody(instance: SignInInstance) -> None:
    for _ in range(100):
        assert (await instance.site.get("/auth/me", authorization="Bearer old")).status == 401
    assert (await instance.browser().sign_in()).status == 200


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(
    instance: SignInInstance,
) -> None:
    browser = await instance.signed_in()
    name, _, refresh = browser.cookie.partition("=")
    assert (await instance.site.get("/auth/me", authorization=f"Bearer {refresh}")).status == 401
    browser.cookie = f"{name}={browser.token}"
    assert (await browser.post("/auth/refresh")).status == 401


async def test_passwords_do_not_open_what_is_for_the_browser(instance: SignInInstance) -> None:
    answer = await instance.site.get("/auth/me", user=ANA)
    assert (answer.status, answer.json["code"]) == (403, "denied")


# The second factor


async def enrolled(browser: Browser) -> bytes:
    """The secret of an authenticator app that has been turned on."""
    made = (await browser.post("/auth/totp")).json
    assert made["uri"].startswith("otpauth://totp/mail.example.org:ana@example.org?secret=")
    assert made["qr"].startswith("<svg")
    secret = totp.secret(made["secret"])
    assert (await browser.post("/auth/totp/confirm", {"code": "000000"})).status == 401
    answer = await browser.post("/auth/totp/confirm", {"code": code_of(browser, secret)})
    assert answer.status == 200
    assert len(answer.json["recoveryCodes"]) == 10
    browser.codes = answer.json["recoveryCodes"]
    return secret


def code_of(browser: Browser, secret: bytes) -> str:
    return totp.code(secret, int(browser.clock.now() // 30))


@pytest.fixture
async def ana(instance: SignInInstance) -> Browser:
    return await instance.signed_in()


async def test_with_an_app_a_password_is_not_enough(instance: SignInInstance, ana: Browser) -> None:
    secret = await enrolled(ana)
    other = instance.browser()
    begun = await other.sign_in(remember=True)
    assert begun.json["secondFactor"] == ["totp", "recovery"]
    assert "accessToken" not in begun.json
    assert "set-cookie" not in begun.headers
    instance.clock.advance(60)
    given = {"challenge": begun.json["challenge"], "kind": "totp", "code": code_of(ana, secret)}
    answer = await other.post("/auth/second-factor", given)
    assert answer.status == 200
    assert "max-age" in answer.headers["set-cookie"].lower()
    again = await instance.browser().post("/auth/second-factor", given)
    assert again.status == 401


async def test_a_code_works_once(instance: SignInInstance, ana: Browser) -> None:
    secret = await enrolled(ana)
    instance.clock.advance(60)
    code = code_of(ana, secret)
    for expected in (200, 401):
        begun = (await instance.browser().sign_in()).json
        answer = await instance.browser().post(
            "/auth/second-factor", {"challenge": begun["challenge"], "kind": "totp", "code": code}
        )
        assert answer.status == expected


async def test_a_recovery_code_works_once(instance: SignInInstance, ana: Browser) -> None:
    await enrolled(ana)
    code = ana.codes[3].upper().replace("-", " ")
    for expected in (200, 401):
        begun = (await instance.browser().sign_in()).json
        given = {"challenge": begun["challenge"], "kind": "recovery", "code": code}
        assert (await instance.browser().post("/auth/second-factor", given)).status == expected
    assert (await ana.get("/auth/me")).json["recoveryCodes"] == 9


async def test_codes_cannot_be_guessed(instance: SignInInstance, ana: Browser) -> None:
    secret = await enrolled(ana)
    instance.clock.advance(60)
    begun = (await instance.browser().sign_in()).json
    given = {"challenge": begun["challenge"], "kind": "totp", "code": "000000"}
    for _ in range(5):
        assert (await instance.browser().post("/auth/second-factor", given)).status == 401
    right = {**given, "code": code_of(ana, secret)}
    assert (await instance.browser().post("/auth/second-factor", right)).status == 401


async def test_wrong_codes_are_counted_for_the_account(
    instance: SignInInstance, ana: Browser
) -> None:
    secret = await enrolled(ana)
    instance.clock.advance(60)
    factors = instance.sign_in.factors
    kinds = []
    for _ in range(12):
        with pytest.raises(Fault) as caught:
            await factors.verify(instance.ana, "totp", "000000")
        kinds.append(caught.value.kind)
    assert set(kinds) == {Kind.AUTH_FAILED, Kind.TOO_MANY}
    with pytest.raises(Fault) as caught:
        await factors.verify(instance.ana, "totp", code_of(ana, secret))
    assert caught.value.kind is Kind.TOO_MANY
    instance.clock.advance(200)
    await factors.verify(instance.ana, "totp", code_of(ana, secret))


async def test_a_challenge_is_good_for_ten_minutes(instance: SignInInstance, ana: Browser) -> None:
    secret = await enrolled(ana)
    begun = (await instance.browser().sign_in()).json
    instance.clock.advance(601)
    given = {"challenge": begun["challenge"], "kind": "totp", "code": code_of(ana, secret)}
    assert (await instance.browser().post("/auth/second-factor", given)).status == 401


async def test_with_a_second_factor_programs_need_another_password(
    instance: SignInInstance, ana: Browser
) -> None:
    assert (await instance.login.verify(ANA, PASSWORD, "192.0.2.1", "imap")).id == instance.ana.id
    await enrolled(ana)
    with pytest.raises(Fault, match="wrong name or password"):
        await instance.login.verify(ANA, PASSWORD, "192.0.2.1", "imap")
    keys = await instance.login.scram_keys(ANA, "192.0.2.1", "imap")
    assert keys.salt == (await instance.login.scram_keys(ANA, "192.0.2.1", "imap")).salt
    assert keys.stored_key != (await instance.login.scram_keys(ANA, "192.0.2.1", "imap")).stored_key
    answer = await ana.ask("PATCH", "/auth/me", {"browserOnly": False})
    assert (answer.status, answer.json["code"]) == (409, "exists")
    assert (await ana.ask("DELETE", "/auth/totp")).status == 204
    assert (await ana.get("/auth/me")).json["recoveryCodes"] == 0
    assert (await ana.ask("PATCH", "/auth/me", {"browserOnly": False})).status == 200
    assert (await instance.login.verify(ANA, PASSWORD, "192.0.2.1", "imap")).id == instance.ana.id


async def test_the_secret_of_an_app_is_sealed_in_the_store(
    instance: SignInInstance, ana: Browser
) -> None:
    secret = await enrolled(ana)
    kept = await instance.store.read(second_factors.totp, instance.ana.id)
    assert kept is not None
    assert secret not in kept.secret
    assert totp.text(secret).encode() not in kept.secret


# Confirmation


async def test_what_lets_a_thief_stay_wants_a_confirmation(
    instance: SignInInstance, ana: Browser
) -> None:
    instance.clock.advance(601)
    new = {"name": "Phone", "protocols": ["imap", "smtp"]}
    wanted = [
        ("POST", "/auth/totp", {}), ("POST", "/auth/recovery-codes", {}),
        ("POST", "/auth/passkeys/begin", {}), ("POST", "/auth/app-passwords", new),
        ("DELETE", "/auth/totp", None), ("DELETE", "/auth/passkeys/x", None),
    ]  # fmt: skip
    for method, path, body in wanted:
        answer = await ana.ask(method, path, body)
        assert (answer.status, answer.json["code"]) == (403, "confirm"), path
    assert (await ana.post("/auth/confirm", {"password": "wrong"})).status == 401
    assert (await ana.post("/auth/app-passwords", new)).status == 403
    assert (await ana.post("/auth/confirm", {"password": PASSWORD})).status == 204
    assert (await ana.post("/auth/app-passwords", new)).status == 201


async def test_a_second_factor_is_confirmed_by_itself(
    instance: SignInInstance, ana: Browser
) -> None:
    secret = await enrolled(ana)
    instance.clock.advance(601)
    assert (await ana.post("/auth/confirm", {"password": PASSWORD})).status == 403
    given = {"kind": "totp", "code": code_of(ana, secret)}
    assert (await ana.post("/auth/confirm", given)).status == 204
    assert (await ana.post("/auth/recovery-codes")).status == 200


# The password


async def test_a_new_password_ends_other_sessions(instance: SignInInstance, ana: Browser) -> None:
    other = await instance.signed_in()
    new = "correct horse battery"
    bad = await ana.post("/auth/password", {"current": "wrong", "new": new})
    assert bad.status == 401
    answer = await ana.post("/auth/password", {"current": PASSWORD, "new": new})
    assert answer.status == 204
    assert (await ana.get("/auth/me")).status == 200
    assert (await other.get("/auth/me")).status == 401
    assert (await instance.browser().sign_in()).status == 401
    assert (await instance.browser().sign_in(password=new)).status == 200


@pytest.mark.parametrize(
    "new", ["short", "aaaaaaaaaaaa", "Password1234", "ana@example.org", "x" * 2000, "1234567890"]
)
async def test_a_password_that_is_easily_guessed_is_refused(ana: Browser, new: str) -> None:
    answer = await ana.post("/auth/password", {"current": PASSWORD, "new": new})
    assert (answer.status, answer.json["code"]) == (400, "syntax")


# App passwords


async def test_an_app_password_is_for_its_protocols(instance: SignInInstance, ana: Browser) -> None:
    made = (
        await ana.post("/auth/app-passwords", {"name": "Phone", "protocols": ["smtp", "imap"]})
    ).json
    password = made["password"]
    assert len(password.replace("-", "")) == 32
    assert made["appPassword"]["protocols"] == ["imap", "smtp"]
    for typed in (
        password,
        password.upper(),
        password.replace("-", ""),
        password.replace("-", " "),
    ):
        assert (await instance.login.verify(ANA, typed, "192.0.2.1", "imap")).id == instance.ana.id
    for protocol in ("pop3", "jmap", "web", "managesieve", "admin"):
        with pytest.raises(Fault) as caught:
            await instance.login.verify(ANA, password, "192.0.2.1", protocol)
        assert caught.value.kind is Kind.AUTH_FAILED
    with pytest.raises(Fault):
        await instance.login.verify(BUDI, password, "192.0.2.1", "imap")
    history = (await ana.get("/auth/history")).json["history"]
    [row] = [one for one in history if one["protocol"] == "imap"]
    assert (row["means"], row["what"], row["count"], row["success"]) == (
        "app password", "Phone", 4, True,
    )  # fmt: skip
    [shown] = (await ana.get("/auth/app-passwords")).json["appPasswords"]
    assert (shown["usedFor"], shown["usedFrom"]) == ("imap", "192.0.2.1")
    assert "password" not in json.dumps(shown)
    assert (await ana.ask("DELETE", f"/auth/app-passwords/{shown['id']}")).status == 204
    with pytest.raises(Fault):
        await instance.login.verify(ANA, password, "192.0.2.1", "imap")
    assert (await ana.ask("DELETE", f"/auth/app-passwords/{shown['id']}")).status == 404


async def test_an_app_password_keeps_to_its_networks_and_time(
    instance: SignInInstance, ana: Browser
) -> None:
    ends = int(instance.clock.now() * 1000) + 1000
    given = {
        "name": "Printer", "protocols": ["smtp"], "networks": ["192.0.2.0/24"], "expiresAt": ends,
    }  # fmt: skip
    password = (await ana.post("/auth/app-passwords", given)).json["password"]
    await instance.login.verify(ANA, password, "192.0.2.77", "smtp")
    with pytest.raises(Fault, match="from your address"):
        await instance.login.verify(ANA, password, "198.51.100.1", "smtp")
    instance.clock.advance(2)
    with pytest.raises(Fault, match="expired"):
        await instance.login.verify(ANA, password, "192.0.2.77", "smtp")


@pytest.mark.parametrize(
    "change",
    [
        {"protocols": []}, {"protocols": ["web"]}, {"protocols": ["imap", "telnet"]},
        {"networks": ["everywhere"]}, {"networks": ["192.0.2.0/24"] * 21}, {"name": ""},
        {"name": "x" * 101}, {"name": "a\u0000b"}, {"expiresAt": 1},
    ],
)  # fmt: skip
async def test_an_app_password_is_checked_when_it_is_made(
    ana: Browser, change: dict[str, object]
) -> None:
    given = {"name": "Phone", "protocols": ["imap"], **change}
    answer = await ana.post("/auth/app-passwords", given)
    assert (answer.status, answer.json["code"]) == (400, "syntax")


async def test_app_passwords_cost_no_argon2_and_are_no_guesses(
    instance: SignInInstance, ana: Browser
) -> None:
    given = {"name": "Phone", "protocols": ["imap"]}
    password = (await ana.post("/auth/app-passwords", given)).json["password"]

    def verifications() -> str:
        rows = instance.metrics.render().splitlines()
        return next(row for row in rows if row.startswith("merpati_password_verifications_total"))

    before = verifications()
    for _ in range(30):
        await instance.login.verify(ANA, password, "192.0.2.1", "imap")
        with pytest.raises(Fault, match="not for smtp"):
            await instance.login.verify(ANA, password, "192.0.2.1", "smtp")
    assert verifications() == before


async def test_wrong_app_passwords_are_guesses(instance: SignInInstance, ana: Browser) -> None:
    given = {"name": "Phone", "protocols": ["imap"]}
    password = (await ana.post("/auth/app-passwords", given)).json["password"]
    wrong = password[:-1] + ("a" if password[-1] != "a" else "b")
    for _ in range(10):
        with pytest.raises(Fault) as caught:
            await instance.login.verify(ANA, wrong, "192.0.2.1", "imap")
        assert caught.value.kind is Kind.AUTH_FAILED
    with pytest.raises(Fault) as caught:
        await instance.login.verify(ANA, password, "192.0.2.1", "imap")
    assert caught.value.kind is Kind.TOO_MANY


# Sessions


async def test_sessions_are_shown_and_ended(instance: SignInInstance, ana: Browser) -> None:
    other = await instance.signed_in()
    budi = await instance.signed_in(BUDI)
    shown = (await ana.get("/auth/sessions")).json["sessions"]
    assert [one["current"] for one in shown].count(True) == 1
    assert len(shown) == 2
    [strange] = (await budi.get("/auth/sessions")).json["sessions"]
    assert (await ana.ask("DELETE", f"/auth/sessions/{strange['id']}")).status == 404
    assert (await budi.get("/auth/me")).status == 200
    [its] = [one["id"] for one in shown if not one["current"]]
    assert (await ana.ask("DELETE", f"/auth/sessions/{its}")).status == 204
    assert (await other.get("/auth/me")).status == 401
    another = await instance.signed_in()
    assert (await ana.ask("DELETE", "/auth/sessions")).status == 204
    assert (await another.get("/auth/me")).status == 401
    assert (await ana.get("/auth/me")).status == 200


@pytest.mark.parametrize("number", ["0", "999", "x", "-1", "9" * 30, "\u0663"])
async def test_a_session_that_is_none_is_not_found(ana: Browser, number: str) -> None:
    assert (await ana.ask("DELETE", f"/auth/sessions/{quote(number)}")).status == 404


async def test_history_tells_failures_too(instance: SignInInstance, ana: Browser) -> None:
    await instance.browser().sign_in(ANA, "wrong")
    history = (await ana.get("/auth/history?limit=5")).json["history"]
    assert {(one["means"], one["success"], one["protocol"]) for one in history} == {
        ("password", True, "web"), ("password", False, "web"),
    }  # fmt: skip


async def test_what_a_browser_says_it_is_controls_no_terminal(instance: SignInInstance) -> None:
    browser = instance.browser()
    given = {"name": ANA, "password": PASSWORD}
    await browser.post("/auth/sign-in", given, user_agent="Fox\x9b31m\tred\xe9")
    [one] = (await browser.get("/auth/sessions")).json["sessions"]
    assert one["client"] == "Fox31mred\xe9"


async def test_over_tls_the_cookie_is_secure_and_the_browser_comes_back_so(
    instance: SignInInstance, serve: Opener
) -> None:
    body = json.dumps({"name": ANA, "password": PASSWORD}).encode()
    head = (
        "POST /auth/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    async with serve(
        instance.sign_in.routes, server=instance.certificates.context,
        client=instance.client_context,
    ) as site:  # fmt: skip
        answer = (await site.raw(head.encode() + body)).decode().lower()
    assert answer.startswith("http/1.1 200")
    assert "\r\nstrict-transport-security: max-age=31536000\r\n" in answer
    [cookie] = [row for row in answer.split("\r\n") if row.startswith("set-cookie: ")]
    assert cookie.startswith("set-cookie: __secure-merpati=mpr_")
    assert cookie.endswith("; secure")

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from merpati.services.sign_in import SignIn
from merpati.wire import totp
from tests.support.http import Answer
from tests.support.server import ANA, BUDI, PASSWORD
from tests.support.sign_in import SignInInstance

VERIFIER = "v" * 60
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REDIRECT = "https://app.example/done"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[SignInInstance]:
    async with SignInInstance(tmp_path) as made:
        yield made


class Program:
    """A mail program that has registered."""

    def __init__(self, instance: SignInInstance, *redirects: str) -> None:
        self.site = instance.site
        self.instance = instance
        self.redirects = redirects or (REDIRECT,)
        self.id = ""
        self.host = ""  # by which its pages are opened, where that matters

    async def register(self, **more: Any) -> Program:
        given = {"client_name": "Mailer", "redirect_uris": list(self.redirects), **more}
        answer = await self.site.post("/oauth/register", given)
        assert answer.status == 201, answer.body
        self.id = answer.json["client_id"]
        return self

    def asked(self, **change: str | None) -> dict[str, str]:
        given: dict[str, str | None] = {
            "client_id": self.id, "redirect_uri": self.redirects[0], "response_type": "code",
            "scope": "mail offline_access", "state": "st&te=1", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256", **change,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    async def page(self, **change: str | None) -> Answer:
        return await self.site.get(f"/oauth/authorize?{urlencode(self.asked(**change))}")

    async def form(self, path: str, **fields: str) -> Answer:
        named = {"host": self.host, "origin": f"http://{self.host}"} if self.host else {}
        body = urlencode(fields).encode()
        return await self.site.ask("POST", path, body, content_type=FORM, **named)

    async def decide(
        self, name: str = ANA, password: str = PASSWORD, decision: str = "allow", **change: Any
    ) -> Answer:
        fields = {**self.asked(**change), "name": name, "password": password}
        return await self.form("/oauth/authorize", decision=decision, **fields)

    async def code(self, **change: Any) -> str:
        answer = await self.decide(**change)
        assert answer.status == 303, answer.body
        return back(answer)["code"]

    async def token(self, code: str, **change: str) -> Answer:
        fields = {
            "grant_type": "authorization_code", "client_id": self.id, "code": code,
            "redirect_uri": self.redirects[0], "code_verifier": VERIFIER, **change,
        }  # fmt: skip
        return await self.form("/oauth/token", **fields)

    async def tokens(self, **change: Any) -> dict[str, Any]:
        answer = await self.token(await self.code(**change))
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def refresh(self, token: str) -> Answer:
        return await self.form(
            "/oauth/token", grant_type="refresh_token", client_id=self.id, refresh_token=token
        )


def back(answer: Answer) -> dict[str, str]:
    """What a redirect tells the program."""
    found = parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True)
    return {name: values[0] for name, values in found.items()}


@pytest.fixture
async def program(instance: SignInInstance) -> Program:
    return await Program(instance).register()


# Metadata


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
async def test_the_metadata_says_where_everything_is(instance: SignInInstance, name: str) -> None:
    answer = await instance.site.get(f"/.well-known/{name}")
    assert answer.status == 200
    told = answer.json
    assert told["issuer"] == "https://mail.example.org"
    assert told["code_challenge_methods_supported"] == ["S256"]
    for key in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri"):
        assert told[key].startswith("https://mail.example.org/oauth/")
        path = urlsplit(told[key]).path
        assert (await instance.site.get(path)).status != 404


# Registration


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/done", "javascript:alert(1)", "data:text/html,x", "https://",
        "https://app.example/#x", "https://a@app.example/", "app:/done", "//app.example/",
        "https://app.example/ x", "https://app.example/\\x", "ftp.example:/x\n", "file:///etc/passwd",
        "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "https://[::1", "",
        "com.example.app://host/path", "vbscript:x", "https://app.example:99999/",
    ],
)  # fmt: skip
async def test_a_redirect_uri_that_anybody_could_read_is_refused(
    instance: SignInInstance, uri: str
) -> None:
    answer = await instance.site.post("/oauth/register", {"redirect_uris": [uri]})
    assert (answer.status, answer.json["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "document",
    [
        [], "x", {"redirect_uris": REDIRECT}, {"redirect_uris": [1]}, {"redirect_uris": []}, {},
        {"redirect_uris": [REDIRECT] * 11},
        {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_basic"},
        {"redirect_uris": [REDIRECT], "grant_types": ["implicit"]},
        {"redirect_uris": [REDIRECT], "client_name": "a\u202eb"},
    ],
)  # fmt: skip
async def test_wrong_metadata_is_refused(instance: SignInInstance, document: Any) -> None:
    answer = await instance.site.post("/oauth/register", document)
    assert answer.status == 400
    assert answer.json["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}


async def test_registering_is_limited(instance: SignInInstance) -> None:
    last = 201
    for _ in range(21):
        last = (await instance.site.post("/oauth/register", {"redirect_uris": [REDIRECT]})).status
    assert last == 429


# The code flow


async def test_a_program_gets_tokens_that_work(instance: SignInInstance, program: Program) -> None:
    answer = await program.decide()
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{REDIRECT}?")
    told = back(answer)
    assert told["state"] == "st&te=1"
    assert told["iss"] == "https://mail.example.org"
    tokens = (await program.token(told["code"])).json
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "mail offline_access"
    account = await instance.sign_in.http.account(f"Bearer {tokens['access_token']}", "", "jmap")
    assert account.id == instance.ana.id


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp", "managesieve"])
async def test_the_token_opens_every_mail_protocol(
    instance: SignInInstance, program: Program, protocol: str
) -> None:
    token = (await program.tokens())["access_token"]
    message = f"n,a={ANA},\x01auth=Bearer {token}\x01\x01".encode()
    exchange = SignIn(instance.login, "OAUTHBEARER", "192.0.2.1", protocol)
    await exchange.begin(b64encode(message))
    assert exchange.account is not None
    assert exchange.account.id == instance.ana.id
    history = await instance.sign_in.history.of_account(instance.ana.id, 5)
    assert ("token", protocol) in {(one.means, one.protocol) for one in history}


async def test_an_application_is_kept_from_what_is_the_persons_own(
    instance: SignInInstance, program: Program
) -> None:
    tokens = await program.tokens()
    bearer = f"Bearer {tokens['access_token']}"
    for path in ("/auth/me", "/auth/sessions", "/auth/app-passwords", "/auth/history"):
        answer = await instance.site.get(path, authorization=bearer)
        assert (answer.status, answer.json["code"]) == (403, "denied")
    cookie = f"merpati={tokens['refresh_token']}"
    origin = f"http://127.0.0.1:{instance.site.port}"
    answer = await instance.site.post("/auth/refresh", {}, cookie=cookie, origin=origin)
    assert answer.status == 401


async def test_without_the_scope_mail_no_mail_is_seen(
    instance: SignInInstance, program: Program
) -> None:
    token = (await program.tokens(scope="openid"))["access_token"]
    assert await instance.sign_in.sessions.owner(token, "jmap") == 0
    answer = await instance.site.get("/oauth/userinfo", authorization=f"Bearer {token}")
    assert answer.json == {"sub": answer.json["sub"]}


async def test_the_person_ends_it(instance: SignInInstance, program: Program) -> None:
    tokens = await program.tokens()
    ana = await instance.signed_in()
    shown = (await ana.get("/auth/sessions")).json["sessions"]
    [one] = [one for one in shown if one["kind"] == "application"]
    assert (one["client"], one["scope"]) == ("Mailer", "mail offline_access")
    assert (await ana.ask("DELETE", f"/auth/sessions/{one['id']}")).status == 204
    assert await instance.sign_in.sessions.owner(tokens["access_token"], "imap") == 0
    assert (await program.refresh(tokens["refresh_token"])).json["error"] == "invalid_grant"


async def test_saying_no_gives_nothing(program: Program) -> None:
    answer = await program.decide(name="", password="", decision="deny")
    assert answer.status == 303
    assert back(answer) == {
        "error": "access_denied", "state": "st&te=1", "iss": "https://mail.example.org",
    }  # fmt: skip


async def test_a_wrong_password_asks_again(program: Program) -> None:
    answer = await program.decide(password="wrong")
    assert answer.status == 200
    assert "That was not right." in answer.body.decode()
    assert "wrong" not in re.findall(r'value="([^"]*)"', answer.body.decode())


# The page


async def test_the_page_says_who_asks_for_what_and_runs_nothing(program: Program) -> None:
    answer = await program.page(login_hint='ana@example.org"><script>')
    text = answer.body.decode()
    assert answer.status == 200
    assert "Let Mailer in?" in text
    assert "read, change and send your mail" in text
    assert "app.example" in text
    assert "<script" not in text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example" in policy
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_name_of_a_program_is_only_text(instance: SignInInstance) -> None:
    program = await Program(instance).register(client_name="<img src=x onerror=alert(1)>")
    text = (await program.page()).body.decode()
    assert "<img" not in text
    assert html.escape("<img src=x") in text


async def test_the_page_speaks_indonesian(program: Program) -> None:
    query = urlencode(program.asked())
    answer = await program.site.get(f"/oauth/authorize?{query}", accept_language="id-ID,id;q=0.9")
    assert "Izinkan Mailer?" in answer.body.decode()
    assert '<html lang="id">' in answer.body.decode()


async def test_another_site_cannot_send_the_form(program: Program) -> None:
    body = urlencode({**program.asked(), "name": ANA, "password": PASSWORD, "decision": "allow"})
    answer = await program.site.ask(
        "POST", "/oauth/authorize", body.encode(), content_type=FORM, origin="https://evil.example"
    )
    assert answer.status == 403


# Attacks


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/", "https://app.example/done/", "https://app.example/done?x=1",
        "https://app.example/done/../x", "https://app.example.evil.example/done",
        "https://app.example:444/done", "http://app.example/done", "//evil.example", "",
        "https://app.example/done\r\nSet-Cookie: a=b", "https://app.example@evil.example/done",
        "HTTPS://app.example/done",
    ],
)  # fmt: skip
async def test_nobody_is_sent_where_the_program_did_not_say(program: Program, uri: str) -> None:
    for answer in (await program.page(redirect_uri=uri), await program.decide(redirect_uri=uri)):
        assert answer.status == 400
        assert "location" not in answer.headers


async def test_an_unknown_program_sends_nobody_anywhere(program: Program) -> None:
    answer = await program.page(client_id="other", response_type="token")
    assert answer.status == 400
    assert "location" not in answer.headers


async def test_a_port_of_this_machine_may_be_any(instance: SignInInstance) -> None:
    program = await Program(instance, "http://127.0.0.1/cb", "http://localhost:1/cb").register()
    for uri, status in (
        ("http://127.0.0.1:54321/cb", 200), ("http://localhost:2/cb", 200),
        ("http://127.0.0.1:54321/other", 400), ("http://[::1]:3/cb", 400),
        ("http://127.0.0.1:54321@evil.example/cb", 400),
    ):  # fmt: skip
        assert (await program.page(redirect_uri=uri)).status == status, uri


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"request": "x"}, "request_not_supported"),
    ],
)
async def test_the_program_is_told_what_is_wrong(
    program: Program, change: dict[str, str | None], error: str
) -> None:
    answer = await program.page(**change)
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{REDIRECT}?")
    assert back(answer)["error"] == error
    assert back(answer)["state"] == "st&te=1"


async def test_a_parameter_that_is_there_twice_is_refused(program: Program) -> None:
    query = urlencode(program.asked()) + "&scope=openid"
    assert (await program.site.get(f"/oauth/authorize?{query}")).status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 60}, {"code_verifier": ""}, {"code_verifier": CHALLENGE},
        {"redirect_uri": "https://app.example/other"},
    ],
)  # fmt: skip
async def test_a_code_alone_is_worth_nothing(program: Program, change: dict[str, str]) -> None:
    code = await program.code()
    answer = await program.token(code, **change)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    assert (await program.token(code)).status == 400


async def test_a_code_is_for_the_program_it_was_made_for(
    instance: SignInInstance, program: Program
) -> None:
    other = await Program(instance, REDIRECT).register()
    code = await program.code()
    assert (await other.token(code)).json["error"] == "invalid_grant"


async def test_a_code_that_is_used_twice_takes_back_what_it_gave(
    instance: SignInInstance, program: Program
) -> None:
    code = await program.code()
    first = (await program.token(code)).json
    assert (await program.token(code)).json["error"] == "invalid_grant"
    assert await instance.sign_in.sessions.owner(first["access_token"], "imap") == 0
    assert (await program.refresh(first["refresh_token"])).status == 400


async def test_a_code_is_good_for_five_minutes(instance: SignInInstance, program: Program) -> None:
    code = await program.code()
    instance.clock.advance(301)
    assert (await program.token(code)).status == 400


async def test_a_refresh_token_is_good_once_and_for_its_program(
    instance: SignInInstance, program: Program
) -> None:
    other = await Program(instance).register()
    tokens = await program.tokens()
    assert (await other.refresh(tokens["refresh_token"])).status == 400
    fresh = (await program.refresh(tokens["refresh_token"])).json
    assert fresh["refresh_token"] != tokens["refresh_token"]
    instance.clock.advance(31)
    assert (await program.refresh(tokens["refresh_token"])).status == 400
    assert (await program.refresh(fresh["refresh_token"])).status == 400
    assert await instance.sign_in.sessions.owner(fresh["access_token"], "imap") == 0


async def test_a_new_password_ends_applications(instance: SignInInstance, program: Program) -> None:
    tokens = await program.tokens()
    ana = await instance.signed_in()
    given = {"current": PASSWORD, "new": "correct horse battery"}
    assert (await ana.post("/auth/password", given)).status == 204
    assert await instance.sign_in.sessions.owner(tokens["access_token"], "imap") == 0


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "password", "username": ANA, "password": PASSWORD},
         "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"client_id": "other", "grant_type": "refresh_token"}, "invalid_client"),
    ],
)  # fmt: skip
async def test_other_ways_to_a_token_are_closed(
    program: Program, fields: dict[str, str], error: str
) -> None:
    answer = await program.form("/oauth/token", **{"client_id": program.id, **fields})
    assert answer.json["error"] == error
    assert "no-store" in answer.headers["cache-control"]


async def test_the_token_endpoint_takes_forms_alone(program: Program) -> None:
    answer = await program.site.post("/oauth/token", {"client_id": program.id})
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


# The second factor


async def test_a_second_factor_is_asked_for_here_too(
    instance: SignInInstance, program: Program
) -> None:
    ana = await instance.signed_in()
    secret = totp.secret((await ana.post("/auth/totp")).json["secret"])

    def code() -> str:
        return totp.code(secret, int(instance.clock.now() // 30))

    assert (await ana.post("/auth/totp/confirm", {"code": code()})).status == 200
    instance.clock.advance(60)
    page = await program.decide()
    assert page.status == 200
    text = page.body.decode()
    assert "One more step" in text
    kept = {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', text)
    }
    wrong = await program.form("/oauth/authorize", **{**kept, "code": "0", "decision": "allow"})
    assert wrong.status == 200
    other = {**kept, "scope": "mail openid", "code": code(), "decision": "allow"}
    assert (await program.form("/oauth/authorize", **other)).status == 200
    instance.clock.advance(30)
    kept["challenge"] = re.findall(
        r'name="challenge" value="([^"]*)"', (await program.decide()).body.decode()
    )[0]
    done = await program.form("/oauth/authorize", **kept, code=code(), decision="allow")
    assert done.status == 303
    assert (await program.token(back(done)["code"])).status == 200


# OpenID Connect


async def test_an_id_token_is_signed(instance: SignInInstance, program: Program) -> None:
    tokens = await program.tokens(scope="openid email profile", nonce="n0nce")
    header, claims, signature = tokens["id_token"].split(".")

    def decode(part: str) -> bytes:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))

    told = json.loads(decode(claims))
    assert told["iss"] == "https://mail.example.org"
    assert told["aud"] == program.id
    assert told["nonce"] == "n0nce"
    assert told["email"] == ANA
    assert told["exp"] > told["iat"]
    [key] = (await instance.site.get("/oauth/keys")).json["keys"]
    assert json.loads(decode(header)) == {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    numbers = [int.from_bytes(decode(key[name]), "big") for name in ("e", "n")]
    public = rsa.RSAPublicNumbers(*numbers).public_key()
    public.verify(
        decode(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    bearer = f"Bearer {tokens['access_token']}"
    info = (await instance.site.get("/oauth/userinfo", authorization=bearer)).json
    assert info["sub"] == told["sub"]


# Devices


async def test_a_device_is_let_in_elsewhere(instance: SignInInstance, program: Program) -> None:
    begun = (await program.form("/oauth/device", client_id=program.id, scope="mail")).json
    poll = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": program.id,
        "device_code": begun["device_code"],
    }  # fmt: skip
    assert (await program.form("/oauth/token", **poll)).json["error"] == "authorization_pending"
    assert (await program.form("/oauth/token", **poll)).json["error"] == "slow_down"
    page = await program.site.get(f"/oauth/activate?user_code={begun['user_code'].lower()}")
    assert "Let Mailer in?" in page.body.decode()
    given = {"user_code": begun["user_code"], "name": ANA, "password": PASSWORD}
    done = await program.form("/oauth/activate", **given, decision="allow")
    assert "The device is connected." in done.body.decode()
    instance.clock.advance(5)
    other = await Program(instance).register()
    stolen = await program.form("/oauth/token", **{**poll, "client_id": other.id})
    assert stolen.json["error"] == "expired_token"
    tokens = (await program.form("/oauth/token", **poll)).json
    assert await instance.sign_in.sessions.owner(tokens["access_token"], "imap") == instance.ana.id
    instance.clock.advance(5)
    assert (await program.form("/oauth/token", **poll)).json["error"] == "expired_token"


async def test_a_device_is_turned_away(instance: SignInInstance, program: Program) -> None:
    begun = (await program.form("/oauth/device", client_id=program.id)).json
    given = {"user_code": begun["user_code"], "name": ANA, "password": PASSWORD}
    await program.form("/oauth/activate", **given, decision="deny")
    answer = await program.form(
        "/oauth/token", grant_type="urn:ietf:params:oauth:grant-type:device_code",
        client_id=program.id, device_code=begun["device_code"],
    )  # fmt: skip
    assert answer.json["error"] == "access_denied"


async def test_codes_of_devices_cannot_be_guessed(program: Program) -> None:
    last = b""
    for number in range(60):
        last = (await program.site.get(f"/oauth/activate?user_code=BCDF-{number:04}")).body
    assert b"Not possible right now" in last


# Giving back, and looking at tokens


async def test_tokens_are_given_back(instance: SignInInstance, program: Program) -> None:
    other = await Program(instance).register()
    tokens = await program.tokens()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    for token in (access, refresh, "nothing"):
        assert (await other.form("/oauth/revoke", client_id=other.id, token=token)).status == 200
    owner = instance.sign_in.sessions.owner
    assert await owner(access, "imap") == instance.ana.id
    await program.form("/oauth/revoke", client_id=program.id, token=access)
    assert await owner(access, "imap") == 0
    fresh = (await program.refresh(refresh)).json
    await program.form("/oauth/revoke", client_id=program.id, token=fresh["refresh_token"])
    assert await owner(fresh["access_token"], "imap") == 0


async def test_a_token_is_shown_to_its_owner_alone(
    instance: SignInInstance, program: Program
) -> None:
    token = (await program.tokens())["access_token"]
    body = urlencode({"token": token}).encode()

    async def look(user: str) -> Any:
        answer = await instance.site.ask(
            "POST", "/oauth/introspect", body, user=user, content_type=FORM
        )
        return answer.json

    assert (await look(ANA))["client_id"] == program.id
    assert await look(BUDI) == {"active": False}
    answer = await instance.site.ask("POST", "/oauth/introspect", body, content_type=FORM)
    assert answer.status == 401


async def test_devices_of_one_address_are_limited(program: Program) -> None:
    answers = [await program.form("/oauth/device", client_id=program.id) for _ in range(31)]
    assert [answer.status for answer in answers] == [200] * 30 + [429]

"""What people set for themselves: signing in, filters, replies, devices; on a desk and a phone."""

from __future__ import annotations

import base64
import json
import smtplib
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from merpati.wire import totp
from tests.scenarios.test_compose import received
from tests.scenarios.webmail import (
    BUDI,
    SCREENSHOTS,
    WAYS,
    Person,
    Webmail,
    findings,
    need_pages,
    office,
)
from tests.support.instance import PASSWORD
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def webmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webmail]:
    need_pages()
    with office(tmp_path_factory.mktemp("settings"), need("chromium"), BUDI) as made:
        yield made


@pytest.fixture(scope="module", params=WAYS)
def person(webmail: Webmail, request: pytest.FixtureRequest) -> Iterator[Person]:
    made = Person.sign_in(webmail, request.param)
    yield made
    assert made.page.faults() == []


@pytest.fixture(autouse=True)
def in_the_inbox(person: Person) -> None:
    person.begin_again()


def post(webmail: Webmail, person: Person, subject: str) -> None:
    """A letter from Budi, sent as a mail program does."""
    port, context = webmail.server.port("submissions"), ssl._create_unverified_context()
    text = f"From: {BUDI}\r\nTo: {person.address}\r\nSubject: {subject}\r\n\r\nHalo.\r\n"
    with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client:
        client.login(BUDI, PASSWORD)
        client.sendmail(BUDI, [person.address], text)


def choose(person: Person, label: str, value: str) -> None:
    """An option of a list, by its value."""
    selector = json.dumps(f'dialog select[aria-label="{label}"]')
    person.page.wait(
        f"(one => {{ if (!one) return false; one.value = {json.dumps(value)};"
        " one.dispatchEvent(new Event('change', { bubbles: true })); return true; })"
        f"(document.querySelector({selector}))"
    )


def test_a_filter_is_written_as_sieve(webmail: Webmail, person: Person) -> None:
    person.settings("filters")
    person.press("set:newRule")
    person.fill("set:ruleName", "Faktur")
    person.fill("set:values", BUDI)
    choose(person, person.name("set:folder"), "Archive")
    assert findings(person.page) == []
    person.press("set:save")
    person.sees("set:saved")
    script = webmail.server.run("sieve", "show", person.address, "filters").stdout
    assert "# rule: Faktur" in script
    assert 'if address :contains "from" "budi@a.id" {' in script
    assert 'fileinto "Archive";' in script
    post(webmail, person, "Faktur 1")
    person.begin_again()
    person.folder("archive")
    person.row("Faktur 1")


def test_an_automatic_reply_is_turned_on(webmail: Webmail, person: Person) -> None:
    person.settings("reply")
    person.fill("set:vacationSubject", f"Cuti {person.language}")
    person.fill("set:vacationText", "Saya kembali hari Senin.")
    person.press("set:vacationOn", "set:save")
    person.sees("set:saved")
    on = json.dumps(person.word("vacationState.on", part=2))
    person.page.wait(f"document.querySelector('.state').innerText === {on}")
    post(webmail, person, "Ada?")
    assert "Saya kembali hari Senin." in received(webmail, f"Cuti {person.language}")


def test_a_device_gets_a_password_and_loses_it(webmail: Webmail, person: Person) -> None:
    person.settings("security")
    person.press("set:deviceAdd")
    person.fill("set:deviceName", "Ponsel")
    person.press("set:add")
    secret = person.page.wait("document.querySelector('dialog .password code')?.innerText")
    assert findings(person.page) == []
    port = webmail.server.port("submissions")
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client:
        client.login(person.address, secret)
    person.press("set:done", f"={person.name('set:remove')}: Ponsel", "set:remove")
    person.sees("set:deviceNone")
    with (
        smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client,
        pytest.raises(smtplib.SMTPAuthenticationError),
    ):
        client.login(person.address, secret)


def sign_out(person: Person) -> None:
    person.page.click(".top [aria-haspopup=menu]")
    person.press("signOut")
    person.page.wait("document.querySelector('input[type=password]')")


def with_password(person: Person) -> None:
    person.fill("address", person.address)
    person.fill("password", PASSWORD)
    person.press("signIn")


def let_in_by_passkey(webmail: Webmail, person: Person) -> None:
    """A program asks to be let in, and the passkey is enough."""
    done = f"http://127.0.0.1:{webmail.server.port('http')}/done"
    asked = urllib.request.Request(
        f"{webmail.url}/oauth/register",
        json.dumps({"client_name": "Surat", "redirect_uris": [done]}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        client = json.load(answer)["client_id"]
    query = urllib.parse.urlencode(
        {
            "client_id": client, "redirect_uri": done, "response_type": "code", "scope": "mail",
            "code_challenge": "c" * 43, "code_challenge_method": "S256",
        }
    )  # fmt: skip
    person.page.open(f"{webmail.url}/oauth/authorize?{query}")
    assert findings(person.page) == []
    way = f"{person.language}-{'phone' if person.phone else 'desk'}-light"
    person.page.screenshot(SCREENSHOTS / way / "oauth.png")
    person.press("withPasskey")
    person.page.wait("document.forms[0]?.dataset.options")
    assert findings(person.page) == []
    person.page.screenshot(SCREENSHOTS / way / "oauth-passkey.png")
    person.press("withPasskey")
    person.page.wait("location.pathname === '/done' && location.search.includes('code=')")
    person.page.open(webmail.url)


def test_a_passkey_lets_one_in(webmail: Webmail, person: Person) -> None:
    page = person.page
    page.send("WebAuthn.enable")
    page.send(
        "WebAuthn.addVirtualAuthenticator",
        options={
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        },
    )  # fmt: skip
    person.settings("security")
    person.press("set:passkeyAdd")
    person.fill("set:passkeyName", "Kunci")
    person.press("set:add")
    page.wait("document.querySelector('.codes, .line b')")
    person.press("set:done")
    page.wait_text("Kunci")
    let_in_by_passkey(webmail, person)
    person.begin_again()
    sign_out(person)
    person.press("withPasskey")
    page.wait("document.querySelector('main .scroller[aria-busy=false]')")
    person.settings("security")
    person.press(f"={person.name('set:remove')}: Kunci")
    person.sees("set:passkeyNone")


def test_a_second_step_and_a_code_for_when_it_is_lost(webmail: Webmail, person: Person) -> None:
    person.settings("security")
    person.press("set:totpTurnOn")
    secret = person.page.wait("document.querySelector('dialog form code')?.innerText")
    key = base64.b32decode(secret.replace(" ", ""))
    person.fill("set:code", totp.code(key, int(time.time()) // 30))
    assert findings(person.page) == []
    person.press("set:confirm")
    person.page.wait("document.querySelectorAll('dialog .codes code').length > 5")
    recovery = person.page.run("document.querySelector('dialog .codes code').innerText")
    person.press("set:done")
    person.sees("set:totpOn")
    person.begin_again()
    sign_out(person)
    with_password(person)
    person.sees("totpLead")
    person.fill("code", "000000")
    person.press("continue")
    person.sees("wrongCode")
    person.press("useRecovery")
    person.fill("recoveryCode", recovery)
    person.press("continue")
    person.page.wait("document.querySelector('main .scroller[aria-busy=false]')")
    person.settings("security")
    person.sees("set:recoveryLeft", 9)
    person.press("set:totpTurnOff")
    person.sees("set:totpOff")


def test_where_one_is_signed_in_is_seen_and_ended(webmail: Webmail, person: Person) -> None:
    other = webmail.sign_in(who=person.address)
    person.settings("security")
    person.press("set:endOthers")
    person.sees("set:endedOthers")
    other.send("Page.reload")
    other.wait("document.querySelector('input[type=password]')")

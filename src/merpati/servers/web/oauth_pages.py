"""The pages on which people let programs in: plain HTML, English and Indonesian.

None has a script but the one that asks for a passkey, which browsers give to scripts alone.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any, Final

from starlette.responses import HTMLResponse, Response

_STYLE: Final = """
:root { color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif }
main { max-width: 26rem; margin: 8vh auto; padding: 0 1.5rem }
h1 { font-size: 1.4rem } label { display: block; margin: 1rem 0 .25rem }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; border-radius: .4rem;
  border: 1px solid GrayText }
button { font: inherit; padding: .6rem 1.4rem; margin: 1.5rem .5rem 0 0; border-radius: .5rem;
  border: 1px solid #0b6a66; background: #0b6a66; color: #fff; cursor: pointer }
button[value=deny], button[value=passkey] { background: transparent; color: inherit;
  border-color: GrayText }
:focus-visible { outline: 3px solid #0b6a66; outline-offset: 2px }
.wrong { color: #b3261e } @media (prefers-color-scheme: dark) { .wrong { color: #f2b8b5 } }
"""
_SCRIPT: Final = """
const form = document.forms[0], [ask, send] = form.querySelectorAll("button");
async function answer() {
  try {
    const asked = JSON.parse(form.dataset.options);
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    const found = await navigator.credentials.get({ publicKey });
    form.elements.credential.value = JSON.stringify(found);
    form.requestSubmit(send);
  } catch {
    document.querySelector(".wrong").hidden = false;
  }
}
ask.addEventListener("click", answer);
"""


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


# Of each text: English, Indonesian.
_TEXTS: Final = {
    "allow-title": ("Let {client} in?", "Izinkan {client}?"),
    "unnamed": ("an unnamed program", "program tanpa nama"),
    "will": ("It will be able to:", "Program ini akan dapat:"),
    "mail": (
        "read, change and send your mail",
        "membaca, mengubah, dan mengirim surat Anda",
    ),
    "openid": ("know which account is yours", "mengetahui akun Anda"),
    "email": ("know your address", "mengetahui alamat Anda"),
    "profile": ("know your name", "mengetahui nama Anda"),
    "offline_access": (
        "do so until you end it in the settings",
        "melakukannya sampai Anda mencabutnya di pengaturan",
    ),
    "trust": (
        "Anybody can call a program so. Go on only if you have just started it yourself.",
        "Siapa pun dapat memberi nama itu. Lanjutkan hanya jika Anda sendiri baru memulainya.",
    ),
    "where": ("You will be sent on to {place}.", "Anda akan diteruskan ke {place}."),
    "name": ("Address", "Alamat"),
    "password": ("Password", "Kata sandi"),
    "code": (
        "Code of your authenticator app, or a recovery code",
        "Kode dari aplikasi autentikator, atau kode pemulihan",
    ),
    "passkey": ("Use a passkey", "Masuk dengan passkey"),
    "passkey-why": (
        "Your browser asks for your finger, face or PIN. By giving it you let {client} in.",
        "Peramban meminta jari, wajah, atau PIN Anda; dengan itu Anda mengizinkan {client}.",
    ),
    "no-passkey": (
        "That did not work. Try again, or go back and use the password.",
        "Itu tidak berhasil. Coba lagi, atau kembali dan pakai kata sandi.",
    ),
    "second": ("One more step", "Satu langkah lagi"),
    "allow": ("Allow", "Izinkan"),
    "deny": ("Do not allow", "Jangan izinkan"),
    "next": ("Next", "Lanjut"),
    "device-title": ("Connect a device", "Hubungkan perangkat"),
    "device-code": ("The code that the device shows", "Kode yang ditampilkan perangkat"),
    "no-device": (
        "No device waits with this code.",
        "Tidak ada perangkat yang menunggu dengan kode ini.",
    ),
    "auth-failed": ("That was not right.", "Itu tidak benar."),
    "too-many": (
        "Too many wrong attempts; wait a while.",
        "Terlalu banyak percobaan yang salah; tunggu sebentar.",
    ),
    "unsupported": (
        "Passkeys need a host name in the address of this page.",
        "Passkey memerlukan nama host di alamat halaman ini.",
    ),
    "done": ("The device is connected.", "Perangkat sudah terhubung."),
    "denied": ("The device was not let in.", "Perangkat tidak diizinkan."),
    "close": ("You can close this page.", "Anda dapat menutup halaman ini."),
    "refused": ("This does not work", "Ini tidak dapat dilakukan"),
    "refused-why": (
        "The program has asked wrongly: {why}.",
        "Program meminta dengan cara yang salah: {why}.",
    ),
    "later": ("Not possible right now; try again.", "Sedang tidak dapat dilakukan; coba lagi."),
}

Say = Callable[[str], str]


def language(accepted: str) -> str:
    """Indonesian, "id", when a browser asks for it before English; else "en"."""
    wanted = accepted[:200].lower()
    places = {name: wanted.find(name) for name in ("id", "en")}
    is_indonesian = places["id"] >= 0 and (places["en"] < 0 or places["id"] < places["en"])
    return "id" if is_indonesian else "en"


def consent(
    lang: str,
    client: str,
    scopes: Sequence[str],
    kept: Mapping[str, str],
    *,
    place: str = "",
    target: str = "",
    name: str = "",
    wrong: str = "",
) -> Response:
    """Asks for name and password, and whether the program may come in.

    Args:
        lang: "en" or "id".
        client: What the program calls itself.
        scopes: What it asks for.
        kept: Fields that come back with the answer.
        place: Where the browser goes next, as people read it.
        target: The same for the content security policy.
        name: The address that the program believes the person has.
        wrong: What was wrong the last time: "auth-failed", "too-many" or "unsupported".
    """
    say = _say(lang)
    title = say("allow-title").format(client=client or say("unnamed"))
    parts = [
        f"<p>{escape(say('will'))}</p><ul>",
        *(f"<li>{escape(say(scope))}</li>" for scope in scopes),
        f"</ul><p>{escape(say('trust'))}</p>",
        f"<p>{escape(say('where').format(place=place))}</p>" if place else "",
        _wrong(say, wrong),
        '<form method="post">',
        _hidden(kept),
        f'<label for="name">{escape(say("name"))}</label>',
        '<input id="name" name="name" type="email" autocomplete="username" autofocus',
        f' value="{escape(name)}">',
        f'<label for="password">{escape(say("password"))}</label><input id="password"',
        ' name="password" type="password" autocomplete="current-password">',
        _buttons(say),
    ]
    return _page(lang, title, "".join(parts), target)


def second(lang: str, kept: Mapping[str, str], *, target: str = "", wrong: str = "") -> Response:
    """Asks for the second factor; allowing it allows what was asked before."""
    say = _say(lang)
    body = (
        f'{_wrong(say, wrong)}<form method="post">{_hidden(kept)}'
        f'<label for="code">{escape(say("code"))}</label><input id="code" name="code"'
        f' autocomplete="one-time-code" autofocus required>{_buttons(say)}'
    )
    return _page(lang, say("second"), body, target)


def passkey(
    lang: str, client: str, kept: Mapping[str, str], options: Mapping[str, Any], *, target: str = ""
) -> Response:
    """Asks for a passkey; giving it allows what was asked before."""
    say = _say(lang)
    why = say("passkey-why").format(client=client or say("unnamed"))
    body = (
        f"<p>{escape(why)}</p>"
        f'<p class="wrong" role="alert" hidden>{escape(say("no-passkey"))}</p>'
        f'<form method="post" data-options="{escape(json.dumps(options))}">{_hidden(kept)}'
        '<input type="hidden" name="credential">'
        f'<button type="button" autofocus>{escape(say("passkey"))}</button>'
        '<button name="decision" value="allow" hidden></button>'
        f'<button name="decision" value="deny">{escape(say("deny"))}</button></form>'
        f"<script>{_SCRIPT}</script>"
    )
    return _page(lang, say("passkey"), body, target, script=_SCRIPT)


def device(lang: str, *, code: str = "", wrong: str = "") -> Response:
    """Asks for the code that a device shows."""
    say = _say(lang)
    body = (
        f'{_wrong(say, wrong)}<form method="get"><label for="user_code">'
        f'{escape(say("device-code"))}</label><input id="user_code" name="user_code"'
        f' autocapitalize="characters" autocomplete="off" autofocus required'
        f' value="{escape(code)}">'
        f"<button>{escape(say('next'))}</button></form>"
    )
    return _page(lang, say("device-title"), body)


def over(lang: str, *, allowed: bool) -> Response:
    """A device was let in, or not."""
    say = _say(lang)
    return _page(lang, say("done" if allowed else "denied"), f"<p>{escape(say('close'))}</p>")


def refused(lang: str, why: str, status: int = 400) -> Response:
    """The program has made a mistake that the person alone may hear of."""
    say = _say(lang)
    body = f"<p>{escape(say('refused-why').format(why=why))}</p>"
    return _page(lang, say("refused"), body, status=status)


def later(lang: str) -> Response:
    """It is not possible now."""
    say = _say(lang)
    return _page(lang, say("refused"), f"<p>{escape(say('later'))}</p>", status=503)


def _say(lang: str) -> Say:
    index = int(lang == "id")
    return lambda key: _TEXTS[key][index]


def _wrong(say: Say, key: str) -> str:
    return f'<p class="wrong" role="alert">{escape(say(key))}</p>' if key else ""


def _hidden(kept: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in kept.items()
    )


def _buttons(say: Say) -> str:
    return (
        f'<button name="decision" value="allow">{escape(say("allow"))}</button>'
        f'<button name="decision" value="passkey" formnovalidate>{escape(say("passkey"))}</button>'
        f'<button name="decision" value="deny" formnovalidate>{escape(say("deny"))}</button></form>'
    )


def _page(
    lang: str, title: str, body: str, target: str = "", status: int = 200, *, script: str = ""
) -> Response:
    page = (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><main><h1>{escape(title)}</h1>{body}</main></html>\n"
    )
    # Browsers apply form-action to where an answer to the form sends them, too.
    headers = {
        "cache-control": "no-store",
        "content-security-policy": f"default-src 'none'; style-src {_hash(_STYLE)};"
        f"{f' script-src {_hash(script)};' if script else ''}"
        f" base-uri 'none'; frame-ancestors 'none'; form-action 'self' {target}".rstrip(),
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    return HTMLResponse(page, status, headers)

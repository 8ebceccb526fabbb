"""`merpati account sign-in` and `app-password`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "passwords of single devices": "kata sandi untuk masing-masing perangkat",
    "how somebody signs in, and from where": "bagaimana seseorang masuk, dan dari mana",
    "add: how long it is good; 0: for ever": "add: berapa lama berlaku; 0: selamanya",
    "add: some of {names}; imap,smtp if not said": (
        "add: sebagian dari {names}; imap,smtp bila tidak disebut"
    ),
    "add: such as 192.0.2.0/24,2001:db8::/32; from anywhere if not said": (
        "add: misalnya 192.0.2.0/24,2001:db8::/32; dari mana saja bila tidak disebut"
    ),
    "add: what device or program it is for": "add: untuk perangkat atau program apa",
    "revoke: which one, as list shows it": "revoke: yang mana, seperti ditampilkan list",
    "end all sessions, in the browser too": "akhiri semua sesi, juga di peramban",
    ("take away authenticator app, passkeys and recovery codes, of somebody who lost them"): (
        "cabut aplikasi autentikator, passkey, dan kode pemulihan dari orang yang"
        " kehilangan semuanya"
    ),
    "whether the account's own password works in the browser alone": (
        "apakah kata sandi akun hanya berlaku di peramban"
    ),
    "password       in the browser alone": "kata sandi     hanya di peramban",
    "password       everywhere": "kata sandi     di mana saja",
    "anywhere": "di mana saja",
    "from the command line": "dari baris perintah",
    "--days is 0 or more": "--days adalah 0 atau lebih",
    "say which one: merpati account app-password ADDRESS revoke ID": (
        "sebutkan yang mana: merpati account app-password ALAMAT revoke ID"
    ),
    "there is a second factor; take it away first with --password-only": (
        "ada faktor kedua; cabut dahulu dengan --password-only"
    ),
    "last used": "terakhir dipakai",
    "session": "sesi",
    "from": "dari",
    "client": "klien",
    "No session.": "Tidak ada sesi.",
    "Nobody has signed in yet.": "Belum ada yang masuk.",
    "App password of {address} for {protocols}, shown only now:": (
        "Kata sandi aplikasi {address} untuk {protocols:text}, hanya ditampilkan sekarang:"
    ),
    "{address} signs in with the password alone.": "{address} masuk dengan kata sandi saja.",
    "All sessions of {address} have ended.": "Semua sesi {address} sudah berakhir.",
    "App password {id} of {address} works no longer.": (
        "Kata sandi aplikasi {id} dari {address} tidak berlaku lagi."
    ),
    "for": "untuk",
    "ends": "berakhir",
    "last at": "terakhir",
    "protocol": "protokol",
    "by": "dengan",
    "times": "kali",
    "The password of {address} works in the browser alone.": (
        "Kata sandi {address} hanya berlaku di peramban."
    ),
    "The password of {address} works in every program.": (
        "Kata sandi {address} berlaku di semua program."
    ),
    "second factor  an authenticator app, {passkeys} passkeys, {codes} recovery codes": (
        "faktor kedua   aplikasi autentikator, {passkeys} passkey, {codes} kode pemulihan"
    ),
    "second factor  no authenticator app, {passkeys} passkeys, {codes} recovery codes": (
        "faktor kedua   tanpa aplikasi autentikator, {passkeys} passkey, {codes} kode pemulihan"
    ),
    "No app password yet.": "Belum ada kata sandi aplikasi.",
}

"""What can be wrong in merpati.toml, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "{place} {name} is missing: add a line such as {line}": (
        "{place:text} {name} tidak ada: tambahkan baris seperti {line:text}"
    ),
    "{place} is too small: write {least} or more.": (
        "{place:text} terlalu kecil: tulis {least} atau lebih."
    ),
    "{place} is too large: write {most} or less.": (
        "{place:text} terlalu besar: tulis {most} atau kurang."
    ),
    "{place} is neither true nor false: write one of them, without quotes.": (
        "{place:text} bukan true atau false: tulis salah satunya, tanpa tanda kutip."
    ),
    "{place} is not a whole number: write digits, without quotes or a point.": (
        "{place:text} bukan bilangan bulat: tulis angka, tanpa tanda kutip atau titik."
    ),
    "{place} is not a whole number of seconds: round it.": (
        "{place:text} bukan bilangan bulat detik: bulatkan."
    ),
    "{place} is not a number: write digits, without quotes.": (
        "{place:text} bukan bilangan: tulis angka, tanpa tanda kutip."
    ),
    "{place} is not a text: write it in quotes.": (
        "{place:text} bukan teks: tulis dalam tanda kutip."
    ),
    "{place} is not a duration: write seconds, or a text such as {examples}.": (
        "{place:text} bukan durasi: tulis detik, atau teks seperti {examples:list}."
    ),
    "{place} is not a size: write bytes, or a text such as {examples}.": (
        "{place:text} bukan ukuran: tulis byte, atau teks seperti {examples:list}."
    ),
    "{place} is not a path: write a file or folder, in quotes.": (
        "{place:text} bukan jalur: tulis berkas atau folder, dalam tanda kutip."
    ),
    "{place} has {value}, which is no network: write one such as {examples}.": (
        "{place:text} berisi {value:text}, yang bukan jaringan: tulis seperti {examples:list}."
    ),
    "{file}: [{table}] {problem}": "{file:text}: [{table}] {problem:said}",
    "{file}: {name} stands outside a table: move it below [{table}]": (
        "{file:text}: {name} berada di luar tabel: pindahkan ke bawah [{table}]"
    ),
    (
        '{file}: challenge = "dns-01" in [acme] needs a name server that takes updates: set'
        " server in [dns_update]."
    ): (
        '{file:text}: challenge = "dns-01" di [acme] memerlukan server nama yang menerima'
        " pembaruan: setel server di [dns_update]."
    ),
    "did you mean [{near}]?": "maksud Anda [{near}]?",
    "there are {names}.": "yang ada {names:text}.",
    (
        'hostname = "{value}" is not a host name: write letters, digits, hyphens and dots, such'
        ' as "{example}".'
    ): (
        'hostname = "{value}" bukan nama host: tulis huruf, angka, tanda hubung, dan titik,'
        ' misalnya "{example}".'
    ),
    'dsn is missing: engine = "postgresql" needs a line such as {line}': (
        'dsn tidak ada: engine = "postgresql" memerlukan baris seperti {line:text}'
    ),
    'dsn is set, but the engine is sqlite: set engine = "postgresql".': (
        'dsn disetel, tetapi engine-nya sqlite: setel engine = "postgresql".'
    ),
    (
        "certificate lists {one} and key {other} files: name one key for each certificate, in"
        " the same order."
    ): (
        "certificate menyebut {one} berkas dan key {other}: sebutkan satu kunci untuk tiap"
        " sertifikat, dengan urutan yang sama."
    ),
    '{name} has "{value}", which is no address: write one such as {examples}.': (
        '{name:text} berisi "{value}", yang bukan alamat: tulis seperti {examples:list}.'
    ),
    (
        "host must be 127.0.0.1 for lmtp, which believes whoever connects: set it, or {line},"
        " or a path instead of the port."
    ): (
        "host harus 127.0.0.1 untuk lmtp, yang mempercayai siapa pun yang terhubung: setel itu,"
        " atau {line:text}, atau path sebagai ganti porta."
    ),
    (
        "port is missing: {service} needs a line such as port = {port} (or a path, for a unix"
        " socket)"
    ): (
        "port tidak ada: {service} memerlukan baris seperti port = {port} (atau path, untuk"
        " soket unix)"
    ),
    "path and port are both set for {service}: remove one of them.": (
        "path dan port sama-sama disetel untuk {service}: hapus salah satunya."
    ),
    '{name} = "{value}" is no address: write one such as {examples}.': (
        '{name:text} = "{value}" bukan alamat: tulis seperti {examples:list}.'
    ),
    (
        "networks and sender are needed for a device listener, which asks for no password: add"
        " {one} and {other}"
    ): (
        "networks dan sender diperlukan untuk listener device, yang tidak meminta kata sandi:"
        " tambahkan {one:text} dan {other:text}"
    ),
    ('sender = "{value}" is no address: write one of an account here, such as "{example}".'): (
        'sender = "{value}" bukan alamat: tulis alamat sebuah akun di sini, misalnya "{example}".'
    ),
    (
        "sender, recipients and messages_per_hour are for device listeners only: remove them,"
        ' or set service = "device".'
    ): (
        "sender, recipients, dan messages_per_hour hanya untuk listener device: hapus, atau"
        ' setel service = "device".'
    ),
    'time = "{value}" is no time of day: write one such as "{example}".': (
        'time = "{value}" bukan jam: tulis seperti "{example}".'
    ),
    "{name} holds what is not an address: {value}": (
        "{name} berisi yang bukan alamat: {value:text}"
    ),
    "key_name and key_secret go together: set both, or none.": (
        "key_name dan key_secret berpasangan: setel keduanya, atau tidak sama sekali."
    ),
    (
        'trusted_forwarders holds "{value}", which is neither an address nor a network: write'
        ' "{one}" or "{other}".'
    ): (
        'trusted_forwarders berisi "{value}", yang bukan alamat ataupun jaringan: tulis "{one}"'
        ' atau "{other}".'
    ),
    '{name} holds "{value}", which is not a domain.': (
        '{name} berisi "{value}", yang bukan domain.'
    ),
    "unsubscribe_url must begin with https:// (RFC 8058 3.1).": (
        "unsubscribe_url harus diawali https:// (RFC 8058 3.1)."
    ),
    'separator must be one character such as "+" or "-", or empty.': (
        'separator harus satu karakter seperti "+" atau "-", atau kosong.'
    ),
    "contact is not an address: {value}": "contact bukan alamat: {value:text}",
    'There is no set of ports "{name}": use standard, high or high+N.': (
        'Tidak ada set porta "{name}": pakai standard, high, atau high+N.'
    ),
    "{name} leads beyond port {last}: add {most} at most.": (
        "{name} melewati porta {last}: tambahkan paling banyak {most}."
    ),
    (
        "There is no configuration file: not given with -c, not in ${variable}, and neither"
        ' {one} nor {other} exists; make one with "merpati init", or name yours with -c.'
    ): (
        "Tidak ada berkas konfigurasi: tidak diberikan dengan -c, tidak di ${variable}, dan"
        ' {one} maupun {other} tidak ada; buat dengan "merpati init", atau sebutkan milik Anda'
        " dengan -c."
    ),
    "{file}: {name} is a table: begin it with a line [{table}]": (
        "{file:text}: {name} adalah tabel: awali dengan baris [{table}]"
    ),
    "{place} is not known: {hint}": "{place:text} tidak dikenal: {hint:said}",
    'did you mean "{near}"?': 'maksud Anda "{near}"?',
    "write one of {words}.": "tulis salah satu dari {words:text}.",
    '{place} has no setting "{name}": {hint}': (
        '{place:text} tidak punya pengaturan "{name}": {hint:said}'
    ),
    "target and bucket are both set: keep one of them.": (
        "target dan bucket sama-sama disetel: pertahankan salah satunya."
    ),
    "a bucket wants passphrase_file and bucket_key_file, too.": (
        "bucket juga memerlukan passphrase_file dan bucket_key_file."
    ),
    "addresses: {value} is no address": "addresses: {value:text} bukan alamat",
}

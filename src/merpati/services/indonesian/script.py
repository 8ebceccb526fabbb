"""What a Sieve script did, in Indonesian: the sentences of `wire/sieve/explain.py`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "{test} is true: {found}": "{test:text} benar: {found:said}",
    "{test} is false: {found}": "{test:text} salah: {found:said}",
    "found nothing, wanted {what}": "tidak ada yang ditemukan, yang dicari {what:text}",
    "found {values}, wanted {what}": "ditemukan {values:text}, yang dicari {what:text}",
    "the variable {name} is now {value}": "variabel {name} sekarang {value:text}",
    "the flags are now {flags}": "tandanya sekarang {flags:text}",
    "the loop looks at part {number}, {type}": "perulangan melihat bagian {number}, {type}",
    "the loop ends here": "perulangan berakhir di sini",
    "the script {name} begins": "skrip {name:text} dimulai",
    "the script {name} is left out: {reason}": "skrip {name:text} dilewati: {reason:said}",
    "it was included before": "sudah disertakan sebelumnya",
    "there is none": "tidak ada",
    "the script ends here, and the one that included it goes on": (
        "skrip berakhir di sini, dan yang menyertakannya dilanjutkan"
    ),
    "the script ends here": "skrip berakhir di sini",
    "no command decided otherwise, so the message is kept": (
        "tidak ada perintah yang memutuskan lain, jadi pesan disimpan"
    ),
    "the script ends itself: {text}": "skrip mengakhiri dirinya: {text:text}",
    "the script takes too long; use fewer or simpler tests": (
        "skrip terlalu lama; pakai uji yang lebih sedikit atau lebih sederhana"
    ),
    "the script makes more than {limit} characters of text; use less": (
        "skrip membuat lebih dari {limit} karakter teks; kurangi"
    ),
    "the script wants more than {limit} actions": "skrip meminta lebih dari {limit} tindakan",
    "the script redirects to more than {limit} addresses": (
        "skrip meneruskan ke lebih dari {limit} alamat"
    ),
    "the script sends more than {limit} notifications": (
        "skrip mengirim lebih dari {limit} pemberitahuan"
    ),
    "the script includes more than {limit} scripts": "skrip menyertakan lebih dari {limit} skrip",
    "scripts include each other more than {limit} deep": (
        "skrip saling menyertakan lebih dari {limit} tingkat"
    ),
    "the script {name} would include itself; that is not allowed": (
        "skrip {name:text} akan menyertakan dirinya sendiri; itu tidak diizinkan"
    ),
    "there is no script {name} to include; make it, or use :optional": (
        "tidak ada skrip {name:text} untuk disertakan; buatlah, atau pakai :optional"
    ),
    "there is no list {name} here that could be looked into": (
        "tidak ada daftar {name:text} di sini yang dapat diperiksa"
    ),
    "the message cannot be rejected twice": "pesan tidak dapat ditolak dua kali",
    "a message cannot be both rejected and {other}": (
        "pesan tidak dapat sekaligus ditolak dan {other:said}"
    ),
    "vacation can be used only once": "vacation hanya dapat dipakai sekali",
    "{name} is no name for a mailbox": "{name:text} bukan nama kotak surat",
    "{name} is no address to send to": "{name:text} bukan alamat tujuan",
    "{name} is no name of a header field": "{name:text} bukan nama ruas kepala",
    "notifications cannot be sent to {name}": "pemberitahuan tidak dapat dikirim ke {name:text}",
    "{name} is no value for {tag}": "{name:text} bukan nilai untuk {tag}",
    "{name} is not known here; the test ihave did not find it": (
        "{name:text} tidak dikenal di sini; uji ihave tidak menemukannya"
    ),
    "the variable {name} was set before it was made global": (
        "variabel {name:text} disetel sebelum dijadikan global"
    ),
    "{command}: the message is kept": "{command}: pesan disimpan",
    "{command}: no copy is kept because of this rule": (
        "{command}: tidak ada salinan yang disimpan karena aturan ini"
    ),
    '{command}: filed into "{mailbox}"': '{command}: dimasukkan ke "{mailbox}"',
    "{command}: sent on to {address}": "{command}: diteruskan ke {address:text}",
    '{command}: refused with "{reason}"': '{command}: ditolak dengan "{reason}"',
    "{command}: the sender is answered, if due": (
        "{command}: pengirim dibalas, bila sudah waktunya"
    ),
    "{command}: told {method}": "{command}: memberi tahu {method:text}",
    "{command}: {name} cannot be added": "{command}: {name} tidak dapat ditambahkan",
    "{command}: {count} of {name}": "{command}: {count} dari {name}",
    "{command}: a part of {type}": "{command}: sebuah bagian {type}",
    "{command}: the whole message": "{command}: seluruh pesan",
    "{command}: the message is now within a new one": (
        "{command}: pesan sekarang berada di dalam pesan baru"
    ),
}

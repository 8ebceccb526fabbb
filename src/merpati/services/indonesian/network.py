"""Why something elsewhere was not reached, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "The DNS lookup of {name} ({kind}) failed: {why}.": (
        "Pencarian DNS untuk {name:text} ({kind}) gagal: {why:said}."
    ),
    "The DNS lookup of {name} ({kind}) failed: {why}": (
        "Pencarian DNS untuk {name:text} ({kind}) gagal: {why:said}"
    ),
    "{server} answered {code}": "{server} menjawab {code}",
    "Too many DNS lookups are under way.": "Terlalu banyak pencarian DNS sedang berjalan.",
    "the DNS took too long to answer all questions": ("DNS terlalu lama menjawab semua pertanyaan"),
    "{name} did not answer.": "{name:text} tidak menjawab.",
    "{name} did not answer within {seconds} s": "{name:text} tidak menjawab dalam {seconds} detik",
    "{name} did not answer within {seconds} s.": (
        "{name:text} tidak menjawab dalam {seconds} detik."
    ),
    "{name} cannot be reached: {reason}.": "{name:text} tidak terjangkau: {reason:said}.",
    "{name} cannot be reached: {reason}": "{name:text} tidak terjangkau: {reason:said}",
    "connection refused": "koneksi ditolak",
    "no route to host": "tidak ada rute ke host",
    "network is unreachable": "jaringan tidak terjangkau",
    "The TLS handshake with {peer} failed: {reason}.": (
        "Jabat tangan TLS dengan {peer:text} gagal: {reason:text}."
    ),
    "The TLS session with {peer} failed: {reason}.": (
        "Sesi TLS dengan {peer:text} gagal: {reason:text}."
    ),
    "{name} has no address.": "{name:text} tidak punya alamat.",
    "{name} port {port} says nothing.": "{name:text} port {port} diam saja.",
    "it greets with: {greeting}": "sapaannya: {greeting:text}",
    "{host} answered with status {status}.": "{host} menjawab dengan status {status}.",
    "{host} is at an address that is not allowed.": ("{host} ada di alamat yang tidak diizinkan."),
    "{host} answered with more than {limit} bytes.": (
        "{host} menjawab dengan lebih dari {limit} bita."
    ),
    "The time server {address} did not answer.": "Server waktu {address} tidak menjawab.",
    "The time server {address} cannot be reached: {reason}.": (
        "Server waktu {address} tidak terjangkau: {reason:said}."
    ),
    "The time server {address} does not know the time.": (
        "Server waktu {address} tidak tahu jam berapa sekarang."
    ),
    "The time server {address} answered another question.": (
        "Server waktu {address} menjawab pertanyaan lain."
    ),
}

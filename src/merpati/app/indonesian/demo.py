"""`merpati demo`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "high, or high+N": "high, atau high+N",
    "Making a demo installation in {folder} ...": "Membuat instalasi demo di {folder:text} ...",
    "Merpati, a demo. Everything listens on 127.0.0.1 only.": (
        "Merpati, demo. Semuanya hanya mendengarkan di 127.0.0.1."
    ),
    "accounts   {one}   {two}   {three}": "akun       {one}   {two}   {three}",
    "password   {password}   (all three)": "kata sandi {password}   (ketiganya)",
    "web        {one}   {two}": "web        {one}   {two}",
    "health     {one}   /readyz   /metrics": "kesehatan  {one}   /readyz   /metrics",
    "Try:  {command}": "Coba: {command:text}",
    "Ctrl-C stops it.": "Ctrl-C menghentikannya.",
    "A demo installation in var/demo, made when there is none, and served until Ctrl-C.": (
        "Instalasi demo di var/demo, dibuat bila belum ada, dan dijalankan sampai Ctrl-C."
    ),
}

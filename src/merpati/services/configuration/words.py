"""What a plan says to people: each step as a sentence, in English and Bahasa Indonesia."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct


class Book(Struct, frozen=True):
    """The words of one language; what `fields` does not have is named as in the text."""

    kinds: Mapping[str, str]
    actions: Mapping[str, str]
    fields: Mapping[str, str]
    yes: str
    no: str
    password: str
    set: str


_KINDS: Final = {
    "domain": ("the domain", "domain"),
    "account": ("the account", "akun"),
    "shared": ("the shared mailbox", "kotak surat bersama"),
    "alias": ("the alias", "alias"),
    "list": ("the list", "milis"),
    "delegate": ("the rights of", "hak"),
    "rule": ("the rule of the queue:", "aturan antrean:"),
}
_ACTIONS: Final = {
    "add": ("add {what}", "tambah {what}"),
    "change": ("change {what}: {more}", "ubah {what}: {more}"),
    "remove": ("remove {what}", "hapus {what}"),
    "erase": ("erase {what} with all its mail", "hapus {what} dengan semua suratnya"),
}
_FIELDS: Final = {
    "name": "nama", "admin": "administrator", "disabled": "nonaktif", "language": "bahasa",
    "quota": "kuota", "quota_emails": "kuota surat", "addresses": "alamat",
    "second_names": "nama kedua", "targets": "tujuan", "members": "anggota",
    "owners": "pemilik", "posters": "pengirim", "posting": "yang boleh mengirim",
    "others": "kiriman orang lain", "moderated": "dimoderasi", "joining": "bergabung",
    "audience": "sasaran", "replies": "balasan ke", "archive": "arsip",
    "password_hash": "kata sandi", "sender": "pengirim", "recipient": "penerima",
    "destination": "tujuan", "reason": "alasan",
}  # fmt: skip
ENGLISH: Final = Book(
    kinds={kind: words[0] for kind, words in _KINDS.items()},
    actions={action: words[0] for action, words in _ACTIONS.items()},
    fields={}, yes="yes", no="no", password="another password",  # noqa: S106 -- words
    set="set",
)  # fmt: skip
INDONESIAN: Final = Book(
    kinds={kind: words[1] for kind, words in _KINDS.items()},
    actions={action: words[1] for action, words in _ACTIONS.items()},
    fields=_FIELDS, yes="ya", no="tidak", password="kata sandi lain",  # noqa: S106 -- words
    set="ada",
)  # fmt: skip
ERASED: Final = frozenset({"account", "shared"})  # goes with its mail
GROWING: Final = ("addresses",)  # only ever added to: mail may come to them


def book(language: str) -> Book:
    """The words of a language."""
    return INDONESIAN if language == "id" else ENGLISH


def thing(kind: str, subject: str, words: Book) -> str:
    """What a step is about: "the account ani@example.org"."""
    return f"{words.kinds[kind]} {subject}"


def added(kind: str, subject: str, new: Mapping[str, Any], words: Book) -> str:
    """A thing that comes, with what is said of it."""
    said = {key: value for key, value in new.items() if value not in (None, "", 0, False, [])}
    text = words.actions["add"].format(what=thing(kind, subject, words))
    if not said:
        return text
    told = (
        f"{_name(key, words)} {words.set if key == 'password_hash' else _value(value, words)}"
        for key, value in said.items()
    )
    return f"{text}: {', '.join(told)}"


def changed(
    kind: str, subject: str, old: Mapping[str, Any], new: Mapping[str, Any], words: Book
) -> str:
    """A thing that changes, field by field."""
    more = ", ".join(_differs(key, old[key], value, words) for key, value in new.items())
    return words.actions["change"].format(what=thing(kind, subject, words), more=more)


def removed(kind: str, subject: str, words: Book) -> str:
    """A thing that goes."""
    action = "erase" if kind in ERASED else "remove"
    return words.actions[action].format(what=thing(kind, subject, words))


def _differs(key: str, old: Any, new: Any, words: Book) -> str:
    if key == "password_hash":
        return words.password
    if isinstance(new, list):
        more, less = sorted(set(new) - set(old or [])), sorted(set(old or []) - set(new))
        if key in GROWING:
            less = []
        said = [f"+{one}" for one in more] + [f"-{one}" for one in less]
        return f"{_name(key, words)} {_joined(said)}"
    return f"{_name(key, words)} {_value(old, words)} -> {_value(new, words)}"


def _name(key: str, words: Book) -> str:
    return words.fields.get(key, key if "." in key else key.replace("_", " "))


def _value(value: Any, words: Book) -> str:
    if isinstance(value, bool):
        return words.yes if value else words.no
    if isinstance(value, list):
        return _joined(value)
    return f'"{value}"' if isinstance(value, str) else str(value)


def _joined(things: Sequence[str]) -> str:
    """Things of one word stand beside each other, others are set apart."""
    return (", " if any(" " in one for one in things) else " ").join(things)

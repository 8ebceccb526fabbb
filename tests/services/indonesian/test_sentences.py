"""Every sentence of the doctor, of DNS records and of the judgement exists in Indonesian."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import msgspec
import pytest

from merpati.base import phrases
from merpati.model.event import Event, EventKind
from merpati.services.administration import trace_words
from merpati.services.diagnose import publish
from merpati.services.diagnose.publish import Home
from merpati.services.indonesian import PHRASES, SERVICES, say
from tests.support import dictionaries

DOCTOR: Final = Path(__file__).parents[2] / "corpora" / "doctor"
DIAGNOSE: Final = Path(publish.__file__).parent
CHECKS: Final = ("authenticity", "block_lists", "local", "reachability", "transport")

# Sentences put together of parts that are words, too; the cases above have each as a whole.
COMPOSED: Final = {"DMARC reports are not sent to x1.", "x0."}


def told() -> list[tuple[str, str]]:
    """Each sentence of the doctor's cases, with the case it is of."""
    found: dict[str, str] = {}
    for file in sorted(DOCTOR.glob("*.toml")):
        for one in tomllib.loads(file.read_text()).get("wanted", []):
            for part in ("what", "why", "do"):
                found.setdefault(one[part], file.stem)
    return [(text, name) for text, name in found.items() if text]


@pytest.mark.parametrize(("text", "case"), told())
def test_the_doctor_speaks_indonesian(text: str, case: str) -> None:
    found = say(text, "id")
    assert found != text, case
    left = dictionaries.english_in(found)
    assert not left, f"{found!r} still has {left}"


def test_findings_that_have_no_case_are_told_in_indonesian_too() -> None:
    texts = [
        text
        for name in CHECKS
        for call in ("problem", "warning", "found", "bad")
        for at in (1, 2, 3)
        for text in dictionaries.arguments(DIAGNOSE / f"{name}.py", call, at)
    ]
    assert len(texts) >= 150
    assert {text for text in texts if not PHRASES.knows(text)} == COMPOSED


def test_sound_findings_are_told_in_indonesian_too() -> None:
    texts = [
        text for name in CHECKS for text in dictionaries.arguments(DIAGNOSE / f"{name}.py", "ok")
    ]
    assert len(texts) >= 12
    missing = [text for text in texts if not PHRASES.knows(text)]
    assert missing == []


def test_what_a_record_is_for_is_said_in_indonesian() -> None:
    texts = dictionaries.arguments(DIAGNOSE / "publish.py", "Record", at=3)
    home = Home(domain="a.id", hostname="mail.a.id")
    texts += [*publish.notes(home), publish.ADDRESS, publish.ADDRESS_6]
    assert len(texts) >= 15
    assert [text for text in texts if not PHRASES.knows(text)] == []


@pytest.mark.parametrize(
    ("english", "indonesian"),
    [
        (
            ("DMARC fails: nothing vouches for b.id: SPF says fail, and there is no DKIM"
             " signature; b.id asks to reject such mail"),
            ("DMARC gagal: tidak ada yang menjamin b.id: SPF menyatakan fail, dan tidak ada tanda"
             " tangan DKIM; b.id meminta agar surat seperti itu ditolak"),
        ),
        (
            "DMARC passes: SPF vouches for b.id and DKIM vouches for b.id",
            "DMARC lolos: SPF menjamin b.id dan DKIM menjamin b.id",
        ),
    ],
)  # fmt: skip
def test_the_trace_tells_the_judgement_in_indonesian(english: str, indonesian: str) -> None:
    step = Event(
        trace="t", at=1, kind=EventKind.JUDGED, about="", account_id=0,
        detail={"spf": "fail", "dkim": "none", "dmarc": "fail", "why": english},
    )  # fmt: skip
    assert trace_words.sentence(step, "id").endswith(f"; {indonesian}")
    assert trace_words.sentence(step, "en").endswith(f"; {english}")


@pytest.mark.parametrize("book", SERVICES)
def test_an_entry_uses_no_field_that_its_english_has_not(book: dict[str, str]) -> None:
    assert dictionaries.unknown_fields(book) == []


def test_no_entry_stands_in_two_dictionaries() -> None:
    count = sum(map(len, SERVICES))
    assert count == len({english for book in SERVICES for english in book})


def test_all_languages_of_accounts_are_spoken() -> None:
    assert phrases.LANGUAGES == ("en", "id")
    assert msgspec.json.encode(say("Remove all but one.", "id"))

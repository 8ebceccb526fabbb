"""Office documents: their text, and bombs that go off harmlessly."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.services import office
from tests.support import documents as made

SHEET = """<worksheet><sheetData><row><c t="s"><v>0</v></c><c><v>1234.5</v></c></row></sheetData>
</worksheet>"""
SHARED = "<sst><si><t>Total</t></si></sst>"


def words(document: bytes) -> list[str]:
    text, cut = office.text(document, 1000)
    assert not cut
    return text.split()


def test_a_letter_is_read_run_by_run() -> None:
    assert words(made.docx("Hello</w:t></w:r><w:r><w:t>World", "Next")) == ["HelloWorld", "Next"]


def test_a_sheet_is_its_texts_numbers_and_names() -> None:
    document = made.archive(
        xl__workbook_xml='<workbook><sheets><sheet name="Budget"/></sheets></workbook>',
        xl__sharedStrings_xml=SHARED, xl__worksheets__sheet1_xml=SHEET,
    )  # fmt: skip
    assert sorted(words(document)) == ["1234.5", "Budget", "Total"]


def test_slides_and_opendocument_are_read() -> None:
    slides = made.archive(ppt__slides__slide1_xml="<p:sld><a:p><a:t>Title</a:t></a:p></p:sld>")
    assert words(slides) == ["Title"]
    text = "<office:body><text:p>One<text:s/>two</text:p><text:p>three</text:p></office:body>"
    assert words(made.archive(content_xml=text)) == ["One", "two", "three"]


@pytest.mark.parametrize(
    "document",
    [
        made.archive(readme_xml="<a/>"),
        made.archive(word__document_xml='<!DOCTYPE x [<!ENTITY a "b">]><t>&a;</t>'),
        made.archive(word__document_xml='<!DOCTYPE x SYSTEM "file:///etc/passwd"><t/>'),
        made.archive(word__document_xml="<a>" * 100_000),
        made.archive(word__document_xml="<t>not closed"),
        made.docx("x")[:-30],
        b"PK\x03\x04 nothing",
    ],
    ids=["other", "entities", "external", "deep", "open", "torn", "nothing"],
)
def test_what_is_broken_or_hostile_is_refused(document: bytes) -> None:
    with pytest.raises(SyntaxFault):
        office.text(document, 1000)


def test_a_bomb_is_unpacked_no_further_than_its_limits() -> None:
    bomb = made.archive(word__document_xml=b"<x><t>" + b"a" * 50_000_000 + b"</t></x>")
    began = time.process_time()
    text, cut = office.text(bomb, 1000)
    assert cut
    assert len(text) == 1000
    assert time.process_time() - began < 1
    silent = made.archive(word__document_xml=b"<x>" + b" " * 100_000_000 + b"</x>")
    assert office.text(silent, 1000) == ("", True)


@given(st.binary(max_size=200), st.integers(0, 150))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int) -> None:
    good = made.docx("hello")
    for document in (noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            office.text(document, 1000)
        except SyntaxFault:
            continue

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import subject, words
from tests.support.growth import LINEAR, growth

IMAPTEST = Path(__file__).parents[2] / "corpora/imaptest"


def test_subjects_sort_as_imaptest_expects() -> None:
    mbox = (IMAPTEST / "sort-subject.mbox").read_bytes()
    messages = re.split(rb"^From .*\n", mbox, flags=re.MULTILINE)[1:]
    keys = []
    for number, message in enumerate(messages, 1):
        found = re.match(rb"Subject: (.*)\n", message)
        text = subject.base_subject(words.decode(found[1])) if found else ""
        keys.append((text.upper(), number))
    script = (IMAPTEST / "sort-subject").read_text()
    wanted = re.search(r"^\* sort (.*)$", script, re.MULTILINE)
    assert wanted is not None
    assert [number for _, number in sorted(keys)] == list(map(int, wanted[1].split()))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("Hello", "Hello"),
        ("  Hello \t  there ", "Hello there"),
        ("Re: Hello", "Hello"),
        ("RE : Fw: FWD:Hello", "Hello"),
        ("re[2]: Hello", "Hello"),
        ("[list] Re: [list] Hello", "Hello"),
        ("[a][b]", "[b]"),
        ("[a] [b] c", "c"),
        ("[a] Re:", ""),
        ("Hello (fwd) (FWD)", "Hello"),
        ("(fwd)", ""),
        ("[fwd: Re: Hello]", "Hello"),
        ("Re: [Fwd: [fwd: Hello (fwd)]]", "Hello"),
        ("[fwd: a] b", "b"),
        ("Regarding: Hello", "Regarding: Hello"),
        ("Aw: Hello", "Aw: Hello"),
        ("[unclosed Hello", "[unclosed Hello"),
        ("Re: [a", "[a"),
    ],
)
def test_the_base_subject_is_that_of_rfc_5256(text: str, wanted: str) -> None:
    assert subject.base_subject(text) == wanted


@given(st.text(st.sampled_from("[]: refwdRFWD()\tx"), max_size=40))
def test_the_base_subject_has_no_space_around_it_and_is_part_of_the_subject(text: str) -> None:
    base = subject.base_subject(text)
    assert base == base.strip(" ")
    assert base in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("unit", [b"[a]", b"re:", b"[fwd:", b"(fwd)", b" ", b"[", b"]", b"re[a"])
def test_a_subject_is_read_in_linear_time(unit: bytes) -> None:
    assert growth(lambda raw: subject.base_subject(raw.decode()), unit, 20_000) < LINEAR
    assert growth(lambda raw: subject.base_subject(raw.decode() + "]"), unit, 20_000) < LINEAR


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"", []),
        (b"<a@b>", [b"<a@b>"]),
        (b" <a@b>\r\n <c@d> (x) <e@f>", [b"<a@b>", b"<c@d>", b"<e@f>"]),
        (b"<a@b><c@d>", [b"<a@b>", b"<c@d>"]),
        (b"<a@\r\n b>", [b"<a@b>"]),
        (b"a@b", [b"<a@b>"]),
        (b"Your message of today", []),
        (b"Message of <a@b> today", [b"<a@b>"]),
        (b"<>", []),
        (b"< >", []),
        (b"<" + b"a" * 1_000 + b">", []),
    ],
)
def test_message_ids_are_found(raw: bytes, wanted: list[bytes]) -> None:
    assert subject.message_ids(raw) == wanted


def test_of_too_many_ids_the_root_and_the_nearest_are_kept() -> None:
    found = subject.message_ids(b"".join(b"<%d>" % number for number in range(5_000)))
    assert len(found) == subject.MAX_IDS
    assert (found[0], found[1], found[-1]) == (b"<0>", b"<4001>", b"<4999>")


@pytest.mark.parametrize("unit", [b"<", b">", b"<a", b"<a>", b" "])
def test_message_ids_are_found_in_linear_time(unit: bytes) -> None:
    assert growth(subject.message_ids, unit, 50_000) < LINEAR


@given(
    st.text(st.sampled_from("<<<>>>ab@ \t."), max_size=12).map(str.encode)
    | st.lists(st.sampled_from([b"<a@b>", b"<c>", b" ", b"\t", b"d"]), max_size=6).map(b"".join)
)
def test_plain_ids_are_read_like_any_others(raw: bytes) -> None:
    quick = subject.message_ids(raw)
    with pytest.MonkeyPatch.context() as patch:
        for pattern in ("_LONE_ID", "_PLAIN_IDS"):
            patch.setattr(subject, pattern, re.compile(rb"(?!)"))
        assert quick == subject.message_ids(raw)

from __future__ import annotations

import mmap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.wire.sieve import edits
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.interpreter import run
from merpati.wire.sieve.message import read
from merpati.wire.sieve.program import SieveFault, decode, encode
from tests.support.sieve_cases import SieveCase, drive, load, shown

CASES = [case for case in load() if "problems" not in case.facts]
WRONG = [case for case in load() if "problems" in case.facts]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_example_does_what_its_rfc_says(case: SieveCase) -> None:
    program = compile_script(case.script)
    outcome = drive(decode(encode(program)), case.message, case.envelope(), case.facts)
    assert [shown(action) for action in outcome.actions] == case.actions
    assert (outcome.fault.kind if outcome.fault else "") == case.facts.get("fault", "")
    if "remembers" in case.facts:
        assert [one.unique_id for one in outcome.remembered] == case.facts["remembers"]
    if {"holds", "lacks", "same"} & case.facts.keys():
        edited = edits.render(case.message, outcome.editions[-1]).decode()
        for text in case.facts.get("holds", []):
            assert text in edited
        for text in case.facts.get("lacks", []):
            assert text not in edited
        assert not case.facts.get("same") or edited.encode() == case.message


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_an_example_that_is_wrong_is_told_so(case: SieveCase) -> None:
    with pytest.raises(SieveFault) as fault:
        compile_script(case.script)
    assert [str(problem) for problem in fault.value.problems] == case.facts["problems"]


EVERYTHING = compile_script(b"""
require ["variables", "relational", "regex", "body", "date", "index", "mime", "foreverypart",
  "extracttext", "editheader", "replace", "enclose", "envelope", "subaddress", "duplicate",
  "imap4flags", "fileinto", "copy", "comparator-i;unicode-casemap", "vacation", "enotify"];
if header :matches "subject" "*?" { addflag "${1}"; addheader "X-Was" "${0}"; }
if header :regex :index 1 :last ["from", "received"] "(.)(.)" { set "a" "${1}${2}"; }
if address :detail :count "gt" ["from", "to", "x-to"] "0" { set "b" "b"; }
if address :comparator "i;unicode-casemap" :contains "from" "ss" { set "b" "c"; }
if date :originalzone "date" "std11" "x" { set "c" "c"; }
if date :index 1 "received" "julian" "54157" { set "c" "d"; }
if anyof (body :raw :contains "a", body :content ["", "text"] :matches "*b*", body "c") { keep; }
if envelope :user "from" "a" { keep; }
if duplicate { keep; }
if header :mime :anychild :param ["name", "filename"] ["content-type"] "x" { keep; }
foreverypart :name "l" {
  extracttext :upper "t"; fileinto :copy "x";
  foreverypart { if header :mime :type "content-type" "text" { replace "gone"; } }
  if exists :mime "content-id" { break :name "l"; }
}
deleteheader :matches "received" "*"; deleteheader :index 1 "from";
enclose :subject "${a}" :headers ["from", "to"] "text ${t}";
addheader :last "X-Last" "${a}";
if body :contains "text" { addheader "X-Body" "yes"; }
vacation "${t}"; notify :message "${t}" "mailto:a@example.com";
""")  # fmt: skip
PIECES = st.sampled_from(
    [
        *(b"From: a@b\r\n", b"From: <\r\n", b"Received: x; Mon, 1 Jan 2024 00:00:00 +0000\r\n"),
        *(b"Date: 31 Feb 2024\r\n", b"Subject: =?utf-8?q?=FF?=\r\n", b"\r\n", b"\n", b"\r", b"--b"),
        *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"--b--", b"\xff\x00"),
        *(b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n", b" x:"),
        *(b"Content-Type: text/html; charset=utf-16\r\n", b"Message-ID: <a@b>\r\n", b"<p>ab"),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=6), max_size=25).map(b"".join))
@example(b"")
@example(b"\r\n")
def test_any_message_can_be_looked_at_and_changed(message: bytes) -> None:
    case = SieveCase("", b"", message, {})
    outcome = drive(EVERYTHING, message, case.envelope(), explained=True)
    assert outcome.fault is None or outcome.fault.kind == "two-vacations"
    for edition in outcome.editions:
        edits.render(message, edition)


def test_a_message_may_be_a_memory_map() -> None:
    message = b"Subject: a\r\n\r\nbody text\r\n"
    mapped = mmap.mmap(-1, len(message))
    mapped.write(message)
    program = compile_script(
        b'require ["body", "editheader", "foreverypart", "replace"];'
        b'if body :contains "body" { addheader "X" "y"; foreverypart { replace "z"; } }'
    )
    steps = run(program, read(mapped), SieveCase("", b"", b"", {}).envelope())
    with pytest.raises(StopIteration) as end:
        next(steps)
    edition = end.value.value.editions[0]
    assert edits.render(mapped, edition).startswith(b"X: y\r\nSubject: a\r\n")
    assert edits.render(mapped, edition).endswith(b"\r\n\r\nz")

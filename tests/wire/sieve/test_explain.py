from __future__ import annotations

import string

from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.explain import SENTENCES, note
from tests.support.sieve_cases import SieveCase, drive

ENVELOPE = SieveCase("", b"", b"", {}).envelope()
SCRIPT = b"""require ["fileinto", "variables", "include"];
if allof (header :contains "subject" ["offer", "invoice"],
          not size :over 1M) {
    set "box" "Invoices";
    fileinto "${box}";
}
include "rest";
"""


def test_every_line_tells_what_it_did() -> None:
    message = b"Subject: Your invoice\r\n\r\nx\r\n"
    facts = {"scripts": {"personal rest": "if true { stop; }"}}
    outcome = drive(compile_script(SCRIPT), message, ENVELOPE, facts, explained=True)
    assert [(one.script, one.line, one.kind, one.text) for one in outcome.notes] == [
        ("", 2, "test",
         'header is true: found "Your invoice", wanted contains "offer", "invoice"'),
        ("", 3, "test", "size is false: the message has 28 bytes"),
        ("", 4, "set", 'the variable box is now "Invoices"'),
        ("", 5, "action", 'fileinto: filed into "Invoices"'),
        ("", 7, "include", "the script rest begins"),
        ("rest", 1, "stop", "the script ends here"),
    ]  # fmt: skip


def test_nothing_is_told_unless_asked() -> None:
    assert drive(compile_script(b"if true { keep; }"), b"\r\n", ENVELOPE).notes == ()


def test_a_fault_is_told_with_its_line() -> None:
    outcome = drive(
        compile_script(b'require "ihave";\nerror "no way";'), b"\r\n", ENVELOPE, explained=True
    )
    assert outcome.fault is not None
    assert (outcome.fault.line, outcome.fault.text) == (2, "the script ends itself: no way")
    assert outcome.notes[-1] == outcome.fault


def test_every_sentence_can_be_made_from_its_values() -> None:
    for kind, sentence in SENTENCES.items():
        names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
        assert "{" not in note(1, kind, dict.fromkeys(names, "x")).text


def test_long_values_are_cut() -> None:
    told = note(1, "set", {"name": "a", "value": "x" * 1_000})
    assert len(told.text) < 200
    listed = note(1, "flags", {"flags": ["f"] * 50})
    assert len(listed.values["flags"]) == 11  # type: ignore[arg-type]

from __future__ import annotations

from contextlib import suppress
from time import process_time

import pytest

from merpati.wire.sieve.actions import Keep
from merpati.wire.sieve.budget import Limits
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.grammar import MAX_NESTING
from merpati.wire.sieve.program import SieveFault
from tests.support.growth import LINEAR, growth
from tests.support.sieve_cases import SieveCase, drive

ENVELOPE = SieveCase("", b"", b"", {}).envelope()
SECONDS = 2.0  # of the processor, at most, for anything a script can do
SUBJECT = b"Subject: " + b"a" * 60_000 + b"\r\n\r\nx\r\n"
LOOPS = b"""require ["foreverypart", "mime"];
foreverypart { if header :mime :anychild :contains "x" "y" { keep; } }"""

BOMBS = {
    "many asterisks": (
        b'if header :matches "subject" "' + b"*a" * 3_000 + b'*b" { keep; }',
        SUBJECT,
    ),
    "asterisks and question marks": (
        b'if header :matches "subject" "' + b"*?" * 3_000 + b'??b" { keep; }',
        SUBJECT,
    ),
    "question marks within": (
        b'if header :matches "subject" "*' + b"a?" * 3_500 + b'b*" { keep; }',
        SUBJECT,
    ),
    "the classic": (b'if header :matches "subject" "*?*?*?*?*?*?*?*??b" { keep; }', SUBJECT),
    "nested repeats": (
        b'require "regex"; if header :regex "subject" "((a+)+)+$b" { keep; }',
        SUBJECT,
    ),
    "counted repeats": (
        b'require "regex"; if header :regex "subject" "((a{0,100}){0,10}b)" { keep; }',
        SUBJECT,
    ),
    "many tests": (
        b"".join(b'if header :contains "subject" "b%d" { keep; }\n' % i for i in range(10_000)),
        SUBJECT,
    ),
    "many keys": (
        b'if header :contains "subject" ['
        + b",".join(b'"b%d"' % i for i in range(50_000))
        + b"] { keep; }",
        SUBJECT,
    ),
    "many fields and keys": (
        b'if header :value "gt" "x" ['
        + b",".join(b'"%d"' % i for i in range(20_000))
        + b"] { keep; }",
        b"x: 0\r\n" * 2_000 + b"\r\n",
    ),
    "loops within loops": (
        LOOPS,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 9_000,
    ),
    "a large body": (
        b'require "body"; if body :text :matches "*x?y*" { keep; }',
        b"Content-Type: text/html\r\n\r\n" + b"<p>ab &amp; cd\r\n" * 700_000,
    ),
}


def bomb(require: bytes = b"") -> bytes:
    require = require or b'"variables"'
    return b"require [%b];" % require


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_script_stays_within_its_budget(name: str) -> None:
    script, message = BOMBS[name]
    program = compile_script(b'require ["relational"];' + script if b":value" in script else script)
    began = process_time()
    outcome = drive(program, message, ENVELOPE)
    assert process_time() - began < SECONDS
    assert all(isinstance(action, Keep) for action in outcome.actions)


def test_variables_cannot_grow_without_end() -> None:
    double = b'set "a" "${a}${a}${a}${a}${a}${a}${a}${a}${a}${a}";'
    outcome = drive(
        compile_script(bomb() + b'set "a" "0123456789";' + double * 500), b"\r\n", ENVELOPE
    )
    assert outcome.fault is not None
    assert outcome.fault.kind == "too-much-text"
    assert outcome.actions == (Keep(implicit=True),)


def test_a_long_value_is_cut_and_no_error() -> None:
    script = (
        bomb(b'"variables", "fileinto"')
        + b'set "a" "0123456789"; '
        + (b'set "a" "${a}${a}"; ' * 5 + b'set :length "n" "${a}"; fileinto "${n}";')
    )
    outcome = drive(compile_script(script), b"\r\n", ENVELOPE, limits=Limits(variable=100))
    assert [getattr(action, "mailbox", "") for action in outcome.actions] == ["100"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (
            'require "fileinto";' + "".join(f'fileinto "{i}";' for i in range(65)),
            "too-many-actions",
        ),
        ("".join(f'redirect "a{i}@example.com";' for i in range(17)), "too-many-redirects"),
        (
            'require "enotify";' + 'notify "mailto:a@example.com";' * 17,
            "too-many-notifications",
        ),
        ('require "include"; include "0";', "too-deep"),
        ('require "include";' + 'include "end";' * 101, "too-many-includes"),
    ],
)
def test_actions_and_includes_are_bounded(script: str, kind: str) -> None:
    chain = {f"personal {i}": f'require "include"; include "{i + 1}";' for i in range(50)}
    facts = {"scripts": {**chain, "personal end": "keep;"}}
    outcome = drive(compile_script(script.encode()), b"\r\n", ENVELOPE, facts)
    assert outcome.fault is not None
    assert outcome.fault.kind == kind
    assert outcome.actions == (Keep(implicit=True),)


def test_included_scripts_share_one_budget() -> None:
    tests = 'if header :matches "subject" "*a*a*a*a*b" { keep; }' * 50
    facts = {"scripts": {"personal x": tests}}
    began = process_time()
    outcome = drive(
        compile_script(b'require "include";' + b'include "x";' * 100), SUBJECT, ENVELOPE, facts
    )
    assert process_time() - began < SECONDS + 2  # the compiler runs, too
    assert outcome.fault is not None
    assert outcome.fault.kind == "too-much-work"


@pytest.mark.parametrize(
    "opening", [b"if true {", b"if not ", b"if anyof (", b"{", b"if allof(not "]
)
def test_deep_nesting_is_refused_and_not_followed(opening: bytes) -> None:
    with pytest.raises(SieveFault):
        compile_script(opening * 5_000)


def test_what_nests_as_deep_as_allowed_runs() -> None:
    depth = MAX_NESTING - 2
    program = compile_script(b"if true {" * depth + b"discard;" + b"}" * depth)
    assert type(drive(program, b"\r\n", ENVELOPE).actions[0]).__name__ == "Discard"


def test_a_script_that_is_too_long_is_refused_at_once() -> None:
    with pytest.raises(SieveFault, match="longer than 1048576 bytes"):
        compile_script(b'redirect "' + b"a" * 10_000_000 + b'";')


@pytest.mark.parametrize(
    ("unit", "start"),
    [
        (b'if header "a" "b" { keep; } ', b""),
        (b'elsif header "a" "b" { keep; } ', b"if true {}"),
        (b'"x",', b'if header "a" ['),
        (b"# comment\n", b""),
        (b"/* ", b""),
        (b'"', b""),
        (b"text:\n", b""),
        (b"x ", b""),
        (b"${hex:", b'require "encoded-character"; redirect "'),
        (b"${a.", b'require "variables"; redirect "'),
        (b"};", b""),
    ],
)
def test_compiling_is_linear(unit: bytes, start: bytes) -> None:
    def compile_it(data: bytes) -> None:
        with suppress(SieveFault):
            compile_script(data)

    assert growth(compile_it, unit, 12_000, start) < LINEAR


def test_a_budget_ends_at_the_same_place_each_time() -> None:
    script = 'if header :contains "subject" "b" { discard; }\n' * 1_000
    outcomes = [
        drive(compile_script(script.encode()), SUBJECT, ENVELOPE, limits=Limits(work=5_000))
        for _ in range(2)
    ]
    assert outcomes[0].fault == outcomes[1].fault
    assert outcomes[0].fault is not None

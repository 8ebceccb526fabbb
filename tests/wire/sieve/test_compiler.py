from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.sieve import program, vocabulary
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.grammar import MAX_PROBLEMS
from merpati.wire.sieve.program import SieveFault


def problems(script: str) -> list[str]:
    with pytest.raises(SieveFault) as fault:
        compile_script(script.encode())
    return [str(problem) for problem in fault.value.problems]


def compiled_or_problems(source: bytes) -> program.Program | list[program.Problem]:
    try:
        return compile_script(source)
    except SieveFault as fault:
        return fault.problems


@given(st.binary(max_size=300))
def test_any_bytes_are_a_program_or_a_list_of_problems(data: bytes) -> None:
    compiled = compiled_or_problems(data)
    if isinstance(compiled, list):
        assert compiled
        assert compiled == sorted(compiled)
    else:
        assert program.decode(program.encode(compiled)) == compiled


@given(
    st.lists(
        st.sampled_from(
            ["if", "elsif", "else", "not", "anyof", "true", "keep", "header", ":is", ":count",
             '"a"',
             '["a","b"]', "{", "}", "(", ")", ";", ",", "require", '"fileinto"', "fileinto", "10K",
             "foreverypart", "break", "# c\n", "set", '"${1}"', "text:\nx\n.\n"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_any_words_are_a_program_or_a_list_of_problems(words: list[str]) -> None:
    compiled = compiled_or_problems(" ".join(words).encode())
    assert not isinstance(compiled, list) or compiled == sorted(compiled) != []


def test_every_mistake_is_told_with_its_line_and_column() -> None:
    script = 'keep 1;\n  fileinto "x";\nif header :iz "a" "b" { discard }\nstop;\n}\n'
    assert problems(script) == [
        'line 1, column 1: "keep" takes no arguments (1 given)',
        'line 2, column 3: "fileinto" needs: require "fileinto";',
        'line 3, column 11: "header" knows no ":iz"',
        'line 3, column 31: ";" is missing after the arguments of "discard"',
        'line 5, column 1: this "}" closes nothing; remove it',
    ]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("keep", '";" is missing after the arguments of "keep"'),
        ("if true keep;", '"if" takes a block of commands in braces'),
        ("if { keep; }", '"if" takes one test'),
        ("if (true, false) { keep; }", '"if" takes one test'),
        ("if anyof true { keep; }", '"anyof" takes tests in parentheses'),
        ("else { keep; }", '"else" must follow the block of an "if"'),
        ("if true {} keep; elsif true {}", '"elsif" must follow the block of an "if"'),
        ("if true {} else {} elsif true {}", '"else" ends an "if"'),
        ("keep; require []", "a string in quotes should stand here"),
        ('keep; require "copy";', '"require" must stand before all other commands'),
        ("true;", '"true" is a test; it can stand behind if'),
        ("if keep {}", '"keep" is a command, not a test'),
        ("if frob {}", '"frob" is no test'),
        ("frob;", 'there is no command "frob"'),
        ('redirect "nobody";', "'nobody' is no address"),
        ('redirect "a@b, c@d";', "is no address"),
        ("if size 10 {}", '"size" needs :over or :under'),
        ("if size :over :under 10 {}", '":under" cannot follow ":over"'),
        ('if header "a" :is "b" {}', '":is" must stand before the other arguments'),
        ('if header :is :contains "a" "b" {}', '":contains" cannot follow ":is"'),
        ('if header :comparator "i;none" "a" "b" {}', "'i;none' should be one of"),
        ('if header :comparator ["i;octet"] "a" "b" {}', "should be followed by a string"),
        ('require "editheader"; addheader ":a" "b";', "':a' is no name of a header field"),
        ("if size :over 99999999999999999999 {}", "this number is over"),
        ("if size :over 1X {}", "a number is digits and perhaps one of K, M, G"),
        ('require "index"; if header :index 0 "a" "b" {}', "counts from 1"),
        ('require "envelope"; if envelope "sender" "b" {}', "'sender' should be one of"),
        ('require "envelope"; if envelope "orcpt" "b" {}', '"orcpt" needs: require "envelope-dsn"'),
        ('require "date"; if currentdate "hours" "1" {}', "'hours' is no part of a date"),
        ('require "date"; if currentdate :zone "CET" "hour" "1" {}', "'CET' is no time zone"),
        ('require "relational"; if header :value "more" "a" "b" {}', "'more' should be one of gt"),
        ('require "fileinto"; fileinto "";', "'' is no name for a mailbox"),
        ('require "enotify"; notify "me";', "'me' is no URI"),
        ('require "enotify"; notify "mailto:";', "names nobody to write to"),
        ('require "enotify"; notify :importance "4" "mailto:a@b.c";', "'4' should be one of"),
        ('require "include"; include "a/\u0007";', "no script can have this name"),
        ('require "vacation"; vacation :fcc "x" "y";', '":fcc" needs: require "fcc";'),
        ('require ["vacation", "fcc", "mailbox"]; vacation :create "y";', 'nothing without ":fcc"'),
        ('require "imap4flags"; setflag "v" "x";', 'needs: require "variables";'),
        ('require "mime"; if header :anychild "a" "b" {}', '":anychild" means nothing without'),
        ('require "redirect-dsn"; redirect :notify "SOME" "a@b.c";', 'should be "NEVER"'),
        (
            'require "redirect-deliverby"; redirect :bymode "return" "a@b.c";',
            "mean nothing without a time",
        ),
        ('require "mboxmetadata"; if metadata "INBOX" "x" "y" {}', "is no annotation"),
        ('if header "a" "b" { keep; ', "is not closed"),
        ('"a"; keep;', "a command should begin here"),
        ("keep; \u00e4;", "means nothing here"),
        ("keep; /* x", "this comment never ends"),
        ('require "reject"; reject text:\nabc\n', 'this "text:" never ends'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_a_sentence(script: str, text: str) -> None:
    assert any(text in problem for problem in problems(script)), problems(script)


def test_bytes_that_are_no_utf8_are_told_with_their_line() -> None:
    with pytest.raises(SieveFault, match="line 2, column 3: these bytes are not UTF-8"):
        compile_script(b"keep;\n# \xff")
    with pytest.raises(SieveFault, match="line 1, column 6: a NUL is not allowed"):
        compile_script(b"keep;\0")


def test_no_more_problems_are_told_than_a_person_will_read() -> None:
    assert len(problems("frob;\n" * 500)) == MAX_PROBLEMS
    assert len(problems("1;\n" * 500)) == MAX_PROBLEMS


def test_line_ends_and_case_do_not_matter() -> None:
    wanted = compile_script(b'require "fileinto";\r\nif header :is "a" "b" { fileinto "x"; }')
    assert compile_script(b'REQUIRE "fileinto";\nIF HEADER :IS "a" "b" { FileInto "x"; }') == wanted
    assert compile_script(b"\xef\xbb\xbf" + b'require "fileinto";\nif header :is "a" "b" '
                          b'{ fileinto "x"; }') == wanted  # fmt: skip


def test_the_program_knows_what_it_requires() -> None:
    compiled = compile_script(b'require ["vacation-seconds", "fileinto"]; keep;')
    assert compiled.requires == ["fileinto", "vacation", "vacation-seconds"]


def test_an_extension_that_is_switched_off_is_not_known() -> None:
    allowed = vocabulary.EXTENSIONS - {"regex"}
    with pytest.raises(SieveFault, match='the extension "regex" is not known here'):
        compile_script(b'require "regex"; keep;', extensions=allowed)


def test_a_stored_program_of_another_format_is_compiled_again() -> None:
    compiled = compile_script(b"keep;")
    other = program.Program(compiled.steps, compiled.first, [], format=program.FORMAT + 1)
    with pytest.raises(SyntaxFault, match="compile it again"):
        program.decode(program.encode(other))
    with pytest.raises(SyntaxFault, match="compile it again"):
        program.decode(b"\x00")


def test_every_extension_of_the_tables_can_be_required() -> None:
    words = [*vocabulary.COMMANDS.values(), *vocabulary.TESTS.values()]
    needed = {need for word in words for need in word.needs}
    needed |= {tag.needs for word in words for tag in word.tags} - {""}
    assert needed <= vocabulary.EXTENSIONS
    names = ", ".join(f'"{name}"' for name in sorted(vocabulary.EXTENSIONS))
    assert compile_script(f"require [{names}];".encode()).first == program.END
    assert not vocabulary.COMMANDS.keys() & vocabulary.TESTS.keys()

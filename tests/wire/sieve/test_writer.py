from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.sieve import grammar, writer
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.grammar import Node, Number, Strings, Tag, Tree
from tests.support.sieve_cases import SieveCase, load

NAMES = st.sampled_from(["keep", "header", "if", "x_1"])
ARGUMENTS = st.one_of(
    st.sampled_from(["is", "contains"]).map(Tag),
    st.integers(0, 2**40).map(Number),
    st.builds(
        lambda texts: Strings([text.replace("\0", "") for text in texts], listed=True),
        st.lists(st.text('ab"\\.\n{é', max_size=6), min_size=1, max_size=3),
    ),
    st.text('ab"\\. \n', max_size=9).map(lambda text: Strings([text])),
)


def crlf(argument: object) -> object:
    if isinstance(argument, Strings):
        texts = [text.replace("\n", "\r\n") for text in argument.texts]
        return Strings(texts, argument.listed)
    return argument


def nodes(depth: int) -> st.SearchStrategy[Node]:
    children = nodes(depth - 1) if depth else None
    arguments = st.lists(ARGUMENTS.map(crlf), max_size=3)
    tests = st.lists(children, max_size=2) if children is not None else st.just([])
    block = st.none() | st.lists(children, max_size=2) if children is not None else st.none()
    return st.builds(
        lambda name, given, below, inside: Node(
            name, arguments=given, tests=below, grouped=len(below) > 1, block=inside
        ),
        NAMES, arguments, tests, block,
    )  # fmt: skip


def bare(node: Node) -> object:
    given = [
        Strings(one.texts, one.listed)
        if isinstance(one, Strings)
        else Number(one.value)
        if isinstance(one, Number)
        else Tag(one.name)
        for one in node.arguments
    ]
    below = [bare(test) for test in node.tests]
    block = None if node.block is None else [bare(one) for one in node.block]
    return node.name, given, below, node.grouped, block


def as_test(node: Node) -> Node:
    node.block = None
    node.tests = [as_test(test) for test in node.tests]
    return node


def as_command(node: Node) -> Node:
    node.tests = [as_test(test) for test in node.tests]
    node.block = None if node.block is None else [as_command(one) for one in node.block]
    return node


@given(st.lists(nodes(2).map(as_command), max_size=3))
def test_any_tree_that_is_written_reads_the_same(commands: list[Node]) -> None:
    tree = grammar.read(writer.write(Tree(commands)))
    assert [bare(one) for one in tree.commands] == [bare(one) for one in commands]


@pytest.mark.parametrize(
    "case", [one for one in load() if "problems" not in one.facts], ids=lambda case: case.name
)
def test_an_example_written_again_is_the_same_program(case: SieveCase) -> None:
    written = writer.write(grammar.read(case.script))
    again = compile_script(written)
    wanted = compile_script(case.script)
    assert again.requires == wanted.requires
    assert [(step.name, step.arguments, step.tags) for step in again.steps] == [
        (step.name, step.arguments, step.tags) for step in wanted.steps
    ]
    assert writer.write(grammar.read(written)) == written


def test_comments_are_kept() -> None:
    script = b"""# before
if true { # first
    keep; # behind
    /* last */
} # closed
# the end
"""
    written = writer.write(grammar.read(script)).decode()
    assert written.split("\r\n") == [
        "# before",
        "if true {",
        "    # first",
        "    keep; # behind",
        "    /* last */",
        "} # closed",
        "# the end",
        "",
    ]


def test_long_strings_are_written_in_lines() -> None:
    assert writer.string("a\r\n.b\r\n") == "text:\r\na\r\n..b\r\n.\r\n"
    assert writer.string('a"\\') == '"a\\"\\\\"'


def test_a_comment_among_arguments_is_moved_before_its_command_and_stays_there() -> None:
    script = b"keep;\n\nif # one\n  anyof (true, # two\n false) { stop; }"
    written = writer.write(grammar.read(script))
    assert written.decode().split("\r\n")[:4] == ["keep;", "", "# one", "# two"]
    assert writer.write(grammar.read(written)) == written

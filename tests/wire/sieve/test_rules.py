from __future__ import annotations

from merpati.wire.sieve import grammar
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.rules import Other, Rule, Sheet, parse_rules, requirements, write_rules

SCRIPT = b"""# Filters of Ani
require ["fileinto", "copy"];

# rule: Invoices
# id: 7
# Everything of the shop, too.
if anyof (header :contains "subject" "invoice", address :domain "from" "shop.example") {
    fileinto "Invoices"; # for the tax
    stop;
}
elsif size :over 10M { discard; }

redirect :copy "me@example.net"; # by hand

# rule:[Newsletters]
if exists "list-id" { fileinto "Lists"; }

# rule: Away
# until: 2026-12-31
#| if true {
#|     vacation "gone";
#| }
# bye
"""


def test_rules_and_what_is_between_them_are_told_apart() -> None:
    sheet = parse_rules(SCRIPT)
    assert sheet.requires == ["fileinto", "copy"]
    assert sheet.preamble == ["# Filters of Ani"]
    assert sheet.closing == ["# bye"]
    invoices, redirect, newsletters, away = sheet.blocks
    assert isinstance(invoices, Rule)
    assert (invoices.name, invoices.keys, invoices.enabled) == ("Invoices", {"id": "7"}, True)
    assert [node.name for node in invoices.branches] == ["if", "elsif"]
    assert invoices.branches[0].comments[0] == "# Everything of the shop, too."
    assert isinstance(redirect, Other)
    assert isinstance(newsletters, Rule)
    assert newsletters.name == "Newsletters"
    assert isinstance(away, Rule)
    assert (away.enabled, away.keys) == (False, {"until": "2026-12-31"})
    assert [node.name for node in away.branches] == ["if"]


def test_what_is_written_reads_the_same_and_keeps_what_people_wrote() -> None:
    written = write_rules(parse_rules(SCRIPT))
    assert write_rules(parse_rules(written)) == written
    for text in (b"# for the tax", b"# by hand", b"# Everything of the shop", b"# bye"):
        assert text in written
    assert compile_script(written).requires == ["copy", "fileinto"]


def test_a_rule_is_switched_on_and_brings_its_extension() -> None:
    sheet = parse_rules(SCRIPT)
    away = sheet.blocks[-1]
    assert isinstance(away, Rule)
    away.enabled = True
    written = write_rules(sheet)
    assert b"#|" not in written
    assert compile_script(written).requires == ["copy", "fileinto", "vacation"]


def test_a_rule_is_switched_off_whatever_it_says() -> None:
    branches = grammar.read(b"if true { reject text:\n# rule: x\n.dot\n\n.\n; }").commands
    sheet = Sheet([Rule("A\r\nkeep;", branches, enabled=False)])
    written = write_rules(sheet)
    assert compile_script(written).steps == []
    rule = parse_rules(written).blocks[0]
    assert isinstance(rule, Rule)
    assert rule.name == "A keep;"
    assert rule.branches[0].block is not None
    assert write_rules(Sheet([Rule("A keep;", rule.branches, enabled=False)])) == written


def test_comments_that_only_look_like_a_rule_are_kept() -> None:
    script = b"# rule: broken\r\n#| if if if\r\n# rule: none follows\r\n"
    sheet = parse_rules(script)
    assert sheet.blocks == []
    assert write_rules(sheet).split() == script.split()


def test_requirements_are_seen_from_the_commands() -> None:
    nodes = grammar.read(
        b'if allof (header :comparator "i;ascii-numeric" :value "gt" "x" "1",'
        b' envelope :detail "orcpt" "b") { fileinto :create "x"; }'
    ).commands
    assert requirements(nodes) == {
        "comparator-i;ascii-numeric", "relational", "envelope", "subaddress", "envelope-dsn",
        "fileinto", "mailbox",
    }  # fmt: skip

"""Makes what the webmail's filter editor knows of Sieve, and examples for its tests.

The editor reads and writes rules in the same form as `merpati.wire.sieve.rules`. So that the
two cannot part, the extensions that commands need come from the server's own tables, and the
examples say what the server makes of some scripts. Without arguments it writes the files; with
`--check` it only says which are stale.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.sieve import checks, vocabulary
from merpati.wire.sieve.rules import Rule, parse_rules, write_rules

VOCABULARY: Final = "web/src/mail/settings/sieve/vocabulary.json"
EXAMPLES: Final = "web/tests/mail/settings/sieve_examples.json"

SCRIPTS: Final = (
    b"",
    b"# only a comment\n",
    b"keep;",
    b'require ["fileinto"]; # why\n# rule: A\nif true { fileinto "A"; }',
    b"""# Filters of Ani
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
""",
    b"# rule: \n# rule: B\nif true { keep; }\n# rule: C\n#| not ( a script\nstop;",
    b'# rule: off\n#| redirect "a@b.example";\n#| stop;\n# rule: on\nif true {\n\n  keep;\n}\n',
    b'# rule: T\nif header :comparator "i;ascii-numeric" :value "gt" "x-n" "5" { discard; }',
    b'# rule: E\nif envelope :is ["from", "notify"] ["a", "b"] { keep; }',
    b"/* two\nlines */ # rule: K\nif not anyof (not true, allof (false)) { keep; } /* t */ # u\n",
    b"# rule: Text\nif true { reject text: # note\n..dot\n.one\n.\n; }\nelse { keep; }\n# end\n",
    b"""# rule: Long
if header :is ["from", "to", "cc", "bcc", "sender", "reply-to", "x-a-long-name", "x-another"]
    ["one", "two"] { addflag ["\\Seen", "$label1"]; keep; }""",
    '# rule: Bahasa \u2603 \U0001f426\nif header "subject" "\u00e9\\"\\\\" { stop; }'.encode(),
    b"# rule: A\n# key: v\n# other\n# key: w\nif size :over 1048576 { keep; # k\n # last\n }",
    b"if true { keep; } elsif false { stop; } else { discard; }\n\n\n# tail",
    b'require "variables";\nset "a" "b";\n\n# rule: V\n# id: x\n\nif string "${a}" "b" {\n}\n',
    b'if test ("x) { keep; }',
    b"if true { keep }",
    b"keep; }",
    b"if (true) { keep; }",
    b"if anyof (true, ) { keep; }",
    b"\xef\xbb\xbfkeep;\r\nstop;\r\n",
)


CORPUS: Final = "tests/corpora/sieve"
PER_FILE: Final = 25  # scripts of each file of the corpus


def scripts() -> list[bytes]:
    """Those above, and some of each standard's own examples."""
    found = list(SCRIPTS)
    for file in sorted(Path(CORPUS).glob("*.toml")):
        cases = tomllib.loads(file.read_text())["case"]
        found += [case["script"].encode() for case in cases[:PER_FILE]]
    return list(dict.fromkeys(found))


def words() -> dict[str, Any]:
    """The extensions that commands, tests and their tags need."""
    both = vocabulary.TESTS | vocabulary.COMMANDS
    told = {
        name: {
            "needs": word.needs[0] if word.needs else "",
            "tags": [[tag.name, tag.needs] for tag in word.tags if tag.needs],
        }
        for name, word in sorted(both.items())
    }
    comparators = {one for one in vocabulary.EXTENSIONS if one.startswith("comparator-")}
    return {
        "words": {name: word for name, word in told.items() if word["needs"] or word["tags"]},
        "envelope": checks.ENVELOPE_PARTS,
        "comparators": sorted(comparators - vocabulary.ALWAYS),
    }


def example(script: bytes) -> dict[str, Any]:
    """What the server makes of a script; `written` is None when it does not follow the grammar."""
    told: dict[str, Any] = {"script": script.decode(), "written": None, "blocks": []}
    try:
        sheet = parse_rules(script)
    except SyntaxFault:
        return told
    told["blocks"] = [
        {"name": one.name, "enabled": one.enabled, "keys": one.keys}
        if isinstance(one, Rule)
        else None
        for one in sheet.blocks
    ]
    told["written"] = write_rules(sheet).decode()
    return told


def files() -> dict[str, str]:
    """The files' contents by their paths."""
    contents = {VOCABULARY: words(), EXAMPLES: [example(script) for script in scripts()]}
    return {
        path: json.dumps(what, indent=1, ensure_ascii=False) + "\n"
        for path, what in contents.items()
    }


def main() -> int:
    """Write the files, or check them."""
    stale = 0
    for path, text in files().items():
        file = Path(path)
        if file.is_file() and file.read_text() == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{path} is stale: run python -m tools.web_sieve")
            stale = 1
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())

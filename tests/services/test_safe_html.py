"""What of hostile HTML the server lets through: elements, attributes, addresses, in all cases."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.services import safe_css, safe_html
from merpati.services.safe_html import ATTRIBUTES, TAGS, Image, clean

CORPUS: Final = Path(__file__).parents[1] / "corpora" / "hostile-html"
PROBE: Final = "https://probe.example"
CASES: Final = [
    pytest.param(line, id=f"{file.stem}-{n}")
    for file in sorted(CORPUS.glob("*.txt"))
    for n, line in enumerate(file.read_text("utf-8").split("\n"), 1)
    if line
]
STYLE_LOADS: Final = re.compile(
    r"url|import|expression|@font|\\|behavior|binding|src", re.IGNORECASE
)


def armed(case: str) -> str:
    run = f"new Image().src='{PROBE}/ran'"
    return case.replace("RUN()", run).replace("PROBE", PROBE).replace("HOST", "probe.example")


class Structure(HTMLParser):
    """Every element and attribute of what came out."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))


def check(safe: safe_html.Safe) -> None:
    """Raise AssertionError when anything is left that could run, load, or lead astray."""
    assert "<!--" not in safe.html
    for tag, attributes in Structure(safe.html).seen:
        assert tag in TAGS
        allowed = ATTRIBUTES.get(tag, frozenset()) | ATTRIBUTES["*"] | {"rel"}
        assert attributes.keys() <= allowed
        if "src" in attributes:
            assert re.fullmatch(
                r"mp-image:\d+|data:image/(png|gif|jpe?g|webp);.*", attributes["src"]
            )
        if "href" in attributes:
            assert re.match(r"https?://|mailto:|tel:|#", attributes["href"], re.IGNORECASE)
        check_style(attributes.get("style", ""))
    check_style(safe.css)
    assert "<" not in safe.css
    for image in safe.images:
        assert bool(image.cid) is not image.url.startswith("https://")


def check_style(style: str) -> None:
    assert STYLE_LOADS.search(style) is None
    assert not re.search(r"position\s*:|z-index|transform|animation|--", style)


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 300


@pytest.mark.parametrize("case", CASES)
def test_nothing_hostile_is_let_through(case: str) -> None:
    safe = clean(armed(case))
    check(safe)
    # What came out is read the same a second time: no mutation is waiting in it.
    assert clean(safe.html.replace(safe_html.PLACE, "https://x.example/")).html.count("<") == (
        safe.html.count("<")
    )


@given(st.text(alphabet="<>/=\"'!-?[]ab stylescriptimgsvgmathonerror&;:(){}@\\\0\n", max_size=300))
def test_any_text_is_made_safe(text: str) -> None:
    check(clean(text))


@given(st.text(max_size=200))
def test_any_style_is_made_safe(text: str) -> None:
    check_style(safe_css.declarations(text))
    check_style(safe_css.sheet(text))


def test_designed_mail_keeps_its_look() -> None:
    safe = clean(
        "<style>.a { color: #333; padding: 4px } @media (max-width: 600px) { .a { width: 100% } }"
        '</style><table bgcolor="#eee" width="600"><tr><td class="a" style="font-family: Arial,'
        " 'Helvetica Neue'; margin: 0 auto\"><b>Hi</b> <font color=red>you</font></table>"
    )
    assert safe.css == ".a{color:#333;padding:4px}@media (max-width: 600px){.a{width:100%}}"
    assert 'bgcolor="#eee"' in safe.html
    assert "font-family:Arial, 'Helvetica Neue';margin:0 auto" in safe.html


def test_images_are_numbered_and_their_addresses_taken_out() -> None:
    safe = clean(
        "<img src=cid:a@b><img src=http://i.example/1.png><img src=//i.example/2.png>"
        "<img src=cid:a@b><img src=relative.png>"
    )
    assert safe.images == [
        Image("a@b", ""),
        Image("", "https://i.example/1.png"),
        Image("", "https://i.example/2.png"),
    ]
    assert re.findall(r'src="([^"]*)"', safe.html) == [f"mp-image:{n}" for n in (0, 1, 2, 0)]


def test_trackers_are_named() -> None:
    safe = clean(
        "<img src=https://x.list-manage.com/o.gif><img src=https://p.example/1 width=1 height=1>"
        "<img src=https://p.example/2 style='width:1px'><img src=https://p.example/3 width=300>"
    )
    assert [one.tracker for one in safe.images] == ["Mailchimp", "p.example", "p.example", ""]


@pytest.mark.parametrize(
    "markup",
    ["<div>" * 30_000, "<style>" * 200_000, "<" * 900_000],
)
def test_nothing_takes_long(markup: str) -> None:
    start = time.process_time()
    safe = clean(markup)
    assert time.process_time() - start < 15
    assert len(safe.html) < 5 * safe_html.MAX_HTML

"""Finds dead relative links and dead anchors in the Markdown pages of the tree.

Links to the outside (`https:`, `mailto:`) are not asked: the check works
without a network. Anchors follow GitHub's rule: the heading in lower case,
without punctuation, spaces as hyphens, `-1`, `-2` ... for repetitions.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SKIPPED: Final = frozenset({"node_modules", "var", "build", "dist", "corpora", "results"})

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE: Final = re.compile(r"(`+)(?:.*?[^`])?\1(?!`)")
_INLINE: Final = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
_REFERENCE: Final = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?")
_HTML: Final = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)[\"']", re.IGNORECASE)
_HTML_ANCHOR: Final = re.compile(r"<[a-z]+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)
_HEADING: Final = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_LINK_TEXT: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SCHEME: Final = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def pages(root: Path) -> list[Path]:
    """Every Markdown file below `root`, without hidden, built and foreign folders."""
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [
            name for name in subfolders if not name.startswith(".") and name not in SKIPPED
        ]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(found)


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines outside fenced code blocks."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line.strip(" `~"):
                fence = ""
        elif mark:
            fence = mark.group(1)
        else:
            yield number, line


def slug(heading: str) -> str:
    """The anchor GitHub gives to a heading (before numbering repetitions)."""
    text = _LINK_TEXT.sub(r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Every anchor a page offers."""
    seen: Counter[str] = Counter()
    out: set[str] = set()
    for _number, line in _prose(text):
        out.update(_HTML_ANCHOR.findall(line))
        heading = _HEADING.match(line)
        if heading:
            name = slug(heading.group(1))
            out.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return out


def links(text: str) -> Iterator[tuple[int, str]]:
    """Every link of a page with its line; code is not looked at."""
    for number, raw in _prose(text):
        line = _CODE.sub("", raw)
        for pattern in (_INLINE, _REFERENCE, _HTML):
            for target in pattern.findall(line):
                yield number, target


def _fault_of(page: Path, target: str, root: Path) -> str:
    """Why `target` is dead when followed from `page`; empty when it is not."""
    path, _, anchor = target.partition("#")
    place = page
    if path:
        base = root if path.startswith("/") else page.parent
        place = (base / unquote(path.split("?")[0]).lstrip("/")).resolve()
        if not place.exists():
            return f"dead link: {target}"
        if not place.is_relative_to(root.resolve()):
            return f"link out of the tree: {target}"
    if (
        anchor
        and place.suffix == ".md"
        and unquote(anchor) not in anchors(place.read_text("utf-8"))
    ):
        return f"dead anchor: {target}"
    return ""


def check(root: Path) -> list[str]:
    """One line per dead link or anchor."""
    errors = []
    for page in pages(root):
        for number, target in links(page.read_text("utf-8")):
            why = "" if _SCHEME.match(target) else _fault_of(page, target, root)
            if why:
                errors.append(f"{page.relative_to(root)}:{number}: {why}")
    return errors


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what is dead; 1 when something is."""
    parser = argparse.ArgumentParser(description="finds dead links in the Markdown pages")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args(argv).root
    errors = check(root)
    for error in errors:
        print(error)
    print(f"links: {len(errors)} dead in {len(pages(root))} pages")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())

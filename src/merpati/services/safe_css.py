"""The styles of a message, without anything that loads, moves over our own marks, or hides from us.

What comes out is written anew from a list of properties and a narrow alphabet of values: no
escapes, no strings with anything but names in them, no functions but those of colours and
lengths. So nothing depends on reading CSS as a browser does: what is misread is still harmless.
"""

from __future__ import annotations

import re
from typing import Final

MAX_SHEET: Final = 200_000  # characters of all style sheets of a message
MAX_RULES: Final = 2_000
MAX_VALUE: Final = 300
OWN_PREFIX: Final = "mp-"  # of our own marks in the frame

_BOX: Final = (
    "margin margin-top margin-right margin-bottom margin-left padding padding-top padding-right"
    " padding-bottom padding-left width min-width max-width height min-height max-height"
)
_BORDER: Final = (
    "border border-collapse border-spacing border-radius border-color border-style border-width"
    " border-top-left-radius border-top-right-radius border-bottom-left-radius"
    " border-bottom-right-radius box-sizing "
) + " ".join(
    [
        f"border-{side}{part}"
        for side in ("top", "right", "bottom", "left")
        for part in ("", "-color", "-style", "-width")
    ]
)
PROPERTIES: Final = frozenset(
    (
        f"{_BOX} {_BORDER} background background-color background-repeat background-position"
        " background-size color direction display empty-cells float clear font font-family"
        " font-size font-style font-variant font-weight letter-spacing line-height list-style"
        " list-style-type list-style-position opacity overflow overflow-x overflow-y"
        " overflow-wrap word-break word-wrap word-spacing white-space table-layout text-align"
        " text-decoration text-decoration-color text-decoration-line text-indent text-overflow"
        " text-transform unicode-bidi vertical-align visibility caption-side outline hyphens"
        " mso-line-height-rule page-break-inside page-break-before page-break-after"
    ).split()
)
FUNCTIONS: Final = frozenset({"rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp"})

_VALUE: Final = re.compile(rf"[\w\s#%.,!'\"()+*/-]{{1,{MAX_VALUE}}}", re.ASCII)
_FUNCTION: Final = re.compile(r"([\w-]*)\s*\(")
_URL: Final = re.compile(r"\burl\s*\([^)]{0,2000}\)?", re.IGNORECASE)
_NEGATIVE: Final = re.compile(r"(?:^|[\s(,*+/])-")
_SELECTOR: Final = re.compile(r"[\w\s.#>+~*,:-]{1,500}", re.ASCII)
_PSEUDO: Final = re.compile(r":(?!(?:hover|focus|first-child|last-child|link|visited)\b)")
_MEDIA: Final = re.compile(r"@media\s+[\w\s(),:.-]{1,200}", re.ASCII | re.IGNORECASE)
_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)


def declarations(text: str) -> str:
    """Those of a style attribute or a rule that may stay, as `name:value;name:value`."""
    if "/*" in text:
        text = _COMMENT.sub(" ", text[:MAX_SHEET])
    kept = []
    for one in _split(text):
        name, colon, value = one.partition(":")
        name = name.strip().lower()
        value = value.strip()
        if not colon or name not in PROPERTIES or not value:
            continue
        if name == "background":
            value = _URL.sub(" ", value).strip()
        if _is_harmless(name, value):
            kept.append(f"{name}:{value}")
    return ";".join(kept)


def _split(text: str) -> list[str]:
    """At semicolons; those within brackets or quotes cut a value that is refused anyway."""
    return text[:MAX_SHEET].split(";")


def _is_harmless(name: str, value: str) -> bool:
    if _VALUE.fullmatch(value) is None:
        return False
    if value.count("(") != value.count(")") or value.count('"') % 2 or value.count("'") % 2:
        return False
    lower = value.lower()
    if any(found not in FUNCTIONS for found in _FUNCTION.findall(lower)):
        return False
    # Nothing is drawn over what we ourselves say in the frame.
    return not (name.startswith("margin") and _NEGATIVE.search(lower) is not None)


def sheet(text: str) -> str:
    """A style sheet of the rules that may stay."""
    text = _COMMENT.sub(" ", text[:MAX_SHEET])
    kept: list[str] = []
    at, in_media = 0, False
    for _ in range(MAX_RULES):
        start = text.find("{", at)
        if start < 0:
            break
        prelude = text[at:start]
        if in_media and "}" in prelude:
            in_media = False
            kept.append("}")
        prelude = prelude.rpartition("}")[2].rpartition(";")[2].strip()
        if prelude.startswith("@"):
            if not in_media and _MEDIA.fullmatch(prelude) is not None:
                kept.append(prelude + "{")
                in_media, at = True, start + 1
            else:
                at = _end_of_block(text, start)
            continue
        end = text.find("}", start)
        if end < 0:
            break
        if (rule := _rule(prelude, text[start + 1 : end])) is not None:
            kept.append(rule)
        at = end + 1
    if in_media:
        kept.append("}")
    return "".join(kept)


def _rule(selector: str, body: str) -> str | None:
    if _SELECTOR.fullmatch(selector) is None or _PSEUDO.search(selector) is not None:
        return None
    if OWN_PREFIX in selector.lower() or "{" in body:
        return None
    style = declarations(body)
    return f"{selector}{{{style}}}" if style else None


_BRACE: Final = re.compile(r"[{}]")


def _end_of_block(text: str, start: int) -> int:
    """The place behind the block that begins at `start`."""
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return len(text)

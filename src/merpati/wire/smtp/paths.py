"""Mail addresses as SMTP writes them (RFC 5321 4.1.2), with UTF-8 (RFC 6531 3.3).

A `Path` holds the address itself: the local part without quotes, the domain in
lower case. Writing it puts quotes where they are needed and nowhere else, so
two spellings of one mailbox give equal values.

Only what stands after the last `@` outside of quotes routes mail. `a%b@c` and
`a!b@c` are plain local parts at `c`, `"a@b"@c` needs its quotes, and the source
route of `<@a,@b:c@d>` is read and dropped (RFC 5321 appendix C), so no way of
writing an address makes this server a relay.

Internationalised domains are kept as the U-labels they came in; `ascii_domain`
gives what DNS and peers without SMTPUTF8 need. Python's `idna` codec is the
standard of 2003, which sends mail for faß.de to fass.de, takes other characters
for dots, and has been quadratic (CVE-2022-45061). The rule of IDNA 2008 is
short once a label is in lower case and NFC: each character must belong to the
permitted categories, then Punycode (RFC 5891 5, RFC 5892 2).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.quirks import TOLERATED, Quirk, Quirks

LOCAL_PART_LIMIT: Final = 64  # octets, RFC 5321 4.5.3.1.1
DOMAIN_LIMIT: Final = 255  # octets, RFC 5321 4.5.3.1.2
LABEL_LIMIT: Final = 63  # octets of an A-label, RFC 1035 2.3.4
# RFC 5321 4.5.3.1.3 asks for 256 at least; senders with long local parts exceed it.
PATH_LIMIT: Final = 512

# Control characters of ASCII and Latin-1, Unicode's line ends, lone surrogates.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATEXT: Final = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-"
_DOT_STRING: Final = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*")
_LOOSE_DOT_STRING: Final = re.compile(rf"[{_ATEXT}.]+")
# Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\[ -~])*)"')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_TO_QUOTE: Final = re.compile(r'(["\\])')
_ASCII_DOMAIN: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_LOOSE_ASCII_DOMAIN: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
# A-d-l = At-domain *( "," At-domain ), then a colon; its domains are not looked at.
_SOURCE_ROUTE: Final = re.compile(r"@[^@,:<>\s\"]+(?:,@[^@,:<>\s\"]+)*:")
# RFC 5892 2.1 to 2.6: letters, marks and digits, and the exceptions that are permitted.
_PERMITTED: Final = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})
_EXCEPTIONS: Final = frozenset(
    "ßς\u06fd\u06fe\u0f0b\u3007\u00b7\u0375\u05f3\u05f4\u30fb\u200c\u200d"
)


class Path(Struct, frozen=True):
    """An address, or the null path `<>` when both parts are empty.

    Attributes:
        local: the local part as meant: no quotes, no backslashes.
        domain: lower case, U-labels as they came; or an address literal as
            `[192.0.2.1]` or `[IPv6:2001:db8::1]`; empty for a bare `postmaster`.
    """

    local: str
    domain: str

    @property
    def is_null(self) -> bool:
        """True for `<>`, the sender of notifications (RFC 5321 4.5.5)."""
        return not self.local and not self.domain

    @property
    def is_ascii(self) -> bool:
        """True when a peer without SMTPUTF8 can be given the address as it stands."""
        return self.local.isascii() and self.domain.isascii()

    @property
    def is_literal(self) -> bool:
        """True when the domain is an address in brackets."""
        return self.domain.startswith("[")

    def ascii_domain(self) -> str:
        """The domain with A-labels (`xn--`) for DNS and for peers without SMTPUTF8.

        Raises:
            SyntaxFault: the domain is not valid; never for a `Path` that was parsed.
        """
        return self.domain if self.domain.isascii() else _a_labels(self.domain)

    def __str__(self) -> str:
        """The address without angle brackets; `parse_address` reads it back."""
        local = self.local if _DOT_STRING.fullmatch(self.local) else _quote(self)
        return f"{local}@{self.domain}" if self.domain else local


NULL: Final = Path("", "")


def parse_path(text: str, quirks: Quirks = TOLERATED) -> Path:
    """A path in its angle brackets, as in MAIL and RCPT: `<a@b>`, `<@r:a@b>`, `<>`, `<postmaster>`.

    Raises:
        SyntaxFault: it is not one.
    """
    if len(text) < 2 or text[0] != "<" or text[-1] != ">":
        raise SyntaxFault("an address must stand in angle brackets: <name@domain>")
    if text == "<>":
        return NULL
    inner = text[1:-1]
    if inner.startswith("@"):
        route = _SOURCE_ROUTE.match(inner[:PATH_LIMIT])
        if route is None:
            raise SyntaxFault("a source route must be written <@host,@host:name@domain>")
        inner = inner[route.end() :]
    return _parse_mailbox(inner, quirks)


def parse_address(text: str, quirks: Quirks = TOLERATED) -> Path:
    """An address as people write it in a configuration or on a command line.

    `name@domain` or `<name@domain>`; the empty string and `<>` are the null
    path, and `postmaster` alone is allowed. No source routes.

    Raises:
        SyntaxFault: it is not one.
    """
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    return _parse_mailbox(text, quirks) if text else NULL


def parse_domain(text: str, quirks: Quirks = TOLERATED) -> str:
    """A domain or an address literal, in the form `Path.domain` has.

    Raises:
        SyntaxFault: it is neither.
    """
    domain = text.lower()
    if len(domain) <= DOMAIN_LIMIT:
        if _ASCII_DOMAIN.fullmatch(domain):
            return domain
        if not domain.isascii():
            domain = unicodedata.normalize("NFC", domain)
            _a_labels(domain)
            return domain
        if text.startswith("["):
            return _parse_literal(text)
        if Quirk.UNDERSCORE_IN_DOMAIN in quirks and _is_loose_domain(domain):
            return domain
    raise SyntaxFault("the domain of an address must be letters, digits and hyphens between dots")


def _parse_mailbox(text: str, quirks: Quirks) -> Path:
    """Mailbox = Local-part "@" ( Domain / address-literal ), or `postmaster` alone."""
    if len(text) > PATH_LIMIT:
        raise SyntaxFault(f"the address is longer than {PATH_LIMIT} characters")
    if not text.isprintable() and _CONTROL.search(text):  # the first is quick and too strict
        raise SyntaxFault("an address must not contain control characters")
    # The domain of a valid address has no "@", so the last one always divides.
    local, at, domain = text.rpartition("@")
    if not at:
        if text.lower() == "postmaster":
            return Path(text, "")
        raise SyntaxFault("an address must have a domain: name@domain")
    if not _DOT_STRING.fullmatch(local):
        local = _parse_odd_local_part(local, quirks)
    if len(local) > LOCAL_PART_LIMIT or not local.isascii():
        _check_length(local, quirks)
    return Path(local, parse_domain(domain, quirks))


def _parse_odd_local_part(text: str, quirks: Quirks) -> str:
    """Quoted-string, or a dot-string with dots where they should not be."""
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return _QUOTED_PAIR.sub(r"\1", quoted[1])
    if Quirk.DOTS_IN_LOCAL_PART in quirks and _LOOSE_DOT_STRING.fullmatch(text):
        return text
    raise SyntaxFault("the part of an address before @ must be plain characters or quoted")


def _check_length(local: str, quirks: Quirks) -> None:
    limit = PATH_LIMIT if Quirk.LONG_LOCAL_PART in quirks else LOCAL_PART_LIMIT
    if len(local.encode()) > limit:
        raise SyntaxFault(f"the part of an address before @ is longer than {limit} octets")


def _parse_literal(text: str) -> str:
    """address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]", written in its canonical form."""
    inner = text[1:-1]
    try:
        if text.endswith("]") and len(text) <= LABEL_LIMIT:
            if inner[:5].upper() == "IPV6:":
                if "%" not in inner:  # a zone means nothing to anyone else
                    return f"[IPv6:{IPv6Address(inner[5:])}]"
            else:
                return f"[{IPv4Address(inner)}]"
    except AddressValueError:
        pass
    raise SyntaxFault("an address literal must be [192.0.2.1] or [IPv6:2001:db8::1]")


def _is_loose_domain(domain: str) -> bool:
    """A domain with underscores and, without them, the hyphens where they belong."""
    return "_" in domain and _LOOSE_ASCII_DOMAIN.fullmatch(domain) is not None


def _quote(path: Path) -> str:
    """The local part as a Quoted-string; nothing for the null path."""
    if path.is_null:
        return ""
    return '"' + _TO_QUOTE.sub(r"\\\1", path.local) + '"'


@lru_cache(maxsize=1024)
def _a_labels(domain: str) -> str:
    """The domain with each label that is not ASCII turned into an A-label (RFC 5891 5)."""
    if len(domain.encode("utf-8", "replace")) > DOMAIN_LIMIT:
        raise SyntaxFault(f"the domain is longer than {DOMAIN_LIMIT} octets")
    labels = [label if label.isascii() else _a_label(label) for label in domain.split(".")]
    text = ".".join(labels)
    if len(text) > DOMAIN_LIMIT or not _ASCII_DOMAIN.fullmatch(text):
        raise SyntaxFault("the internationalised domain is too long or has an empty label")
    return text


def _a_label(label: str) -> str:
    """One U-label, in lower case and NFC, as its A-label."""
    if len(label) > LABEL_LIMIT or unicodedata.category(label[0]).startswith("M"):
        raise SyntaxFault("a label of the internationalised domain is too long or begins wrongly")
    for character in label:  # at most 63, and only for domains that are not ASCII
        if not character.isascii() and not _is_permitted(character):
            raise SyntaxFault(
                f"the character U+{ord(character):04X} is not allowed in a domain (RFC 5892)"
            )
    if label[0] == "-" or label[-1] == "-" or label[2:4] == "--":
        raise SyntaxFault("a label of the internationalised domain has hyphens where none may be")
    encoded = "xn--" + label.encode("punycode").decode("ascii")
    if len(encoded) > LABEL_LIMIT:
        raise SyntaxFault("a label of the internationalised domain is too long")
    return encoded


def _is_permitted(character: str) -> bool:
    """PVALID of RFC 5892 3, taking the contextual characters for permitted."""
    if character in _EXCEPTIONS:
        return True
    if unicodedata.category(character) not in _PERMITTED:
        return False
    folded = unicodedata.normalize("NFKC", character).casefold()
    return unicodedata.normalize("NFKC", folded) == character

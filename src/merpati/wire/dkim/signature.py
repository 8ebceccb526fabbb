"""What a DKIM-Signature field says (RFC 6376 3.5), and the part of it that ARC shares."""

from __future__ import annotations

import re
from typing import Final, cast

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import Form
from merpati.wire.dkim.tags import Tags, require, shown
from merpati.wire.smtp.paths import Path, parse_domain

ALGORITHMS: Final = frozenset({"rsa-sha256", "ed25519-sha256"})
"""RFC 8301 3.1 forbids rsa-sha1; RFC 8463 adds Ed25519."""
MAX_NAMES: Final = 500
"""Names in "h"; the longest lists seen have some 80."""

_FIELD_NAMES: Final = bytes(range(0x21, 0x7F))  # and the colons between them, RFC 6376 2.10
_DOMAIN: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_SELECTOR: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_FORMS: Final = frozenset({"simple", "relaxed"})
_QUOTED: Final = re.compile(rb"=([0-9A-F]{2})")


class Signature(msgspec.Struct, frozen=True):
    """One signature over fields and body.

    Attributes:
        algorithm: of `ALGORITHMS`.
        domain: d=, with A-labels, lower case.
        selector: s=, likewise.
        signed: h=, names in lower case, in order.
        header_form: how fields were canonicalised.
        body_form: how the body was.
        body_hash: bh=.
        signature: b=.
        identity: i=, or "@" and the domain.
        length: l=, the octets of the body that its signer covered; None: all.
        signed_at: t=, Unix seconds.
        expires_at: x=.
    """

    algorithm: str
    domain: str
    selector: str
    signed: tuple[bytes, ...]
    header_form: Form
    body_form: Form
    body_hash: bytes
    signature: bytes
    identity: str = ""
    length: int | None = None
    signed_at: int | None = None
    expires_at: int | None = None

    @property
    def key_name(self) -> str:
        """Where the DNS has the key."""
        return f"{self.selector}._domainkey.{self.domain}"


def parse(value: bytes) -> Signature:
    """Read the value of a DKIM-Signature field.

    Raises:
        SyntaxFault: it is not one, or not of a kind known here.
    """
    tags = tag_list.parse(value)
    if require(tags, b"v") != b"1":
        raise SyntaxFault(f"the version {shown(tags[b'v'])} is not known")
    if b"dns/txt" not in tag_list.read_words(tags.get(b"q", b"dns/txt")):
        raise SyntaxFault("the key is not in the DNS")
    require(tags, b"h")
    common = read_common(tags)
    length = tags.get(b"l")
    if length is not None and (not length.isdigit() or len(length) > 76):
        raise SyntaxFault("the tag l is not a number")
    expires_at = tag_list.read_number(tags, b"x")
    if expires_at is not None and expires_at <= (common.signed_at or 0):
        raise SyntaxFault("the signature expires before it was made")
    return msgspec.structs.replace(
        common,
        identity=_identity(tags, common.domain),
        length=None if length is None else int(length[:20]),
        expires_at=expires_at,
    )


def read_common(tags: Tags, forms_meant: bytes = b"simple/simple") -> Signature:
    """What DKIM-Signature and ARC-Message-Signature (RFC 8617 4.1.2) have in common.

    Args:
        tags: Of the field.
        forms_meant: What "c" is when it is not there (RFC 6376 3.5).

    Raises:
        SyntaxFault: a tag is missing or wrong.
    """
    forms = tags.get(b"c", forms_meant).decode("latin-1").split("/")
    if len(forms) == 1:
        forms.append("simple")
    if len(forms) != 2 or not _FORMS.issuperset(forms):
        raise SyntaxFault(f"the canonicalization {shown(tags[b'c'])} is not known")
    if b"h" not in tags:
        raise SyntaxFault('the tag "h" is missing')
    signed = tag_list.read_words(tags[b"h"])
    if len(signed) > MAX_NAMES:
        raise SyntaxFault(f"more than {MAX_NAMES} fields are signed")
    if tags[b"h"].translate(None, _FIELD_NAMES + tag_list.FWS):
        raise SyntaxFault('the tag "h" names what cannot be a field')
    return Signature(
        algorithm=read_algorithm(tags),
        domain=read_domain(tags),
        selector=read_selector(tags),
        signed=tuple(filter(None, signed)),
        header_form=cast("Form", forms[0]),
        body_form=cast("Form", forms[1]),
        body_hash=tag_list.read_base64(require(tags, b"bh")),
        signature=tag_list.read_base64(require(tags, b"b")),
        signed_at=tag_list.read_number(tags, b"t"),
    )


def read_algorithm(tags: Tags) -> str:
    """The algorithm, of `ALGORITHMS`. Raises `SyntaxFault`."""
    algorithm = require(tags, b"a").decode("latin-1")
    if algorithm == "rsa-sha1":
        raise SyntaxFault("rsa-sha1 has been broken and counts no longer (RFC 8301)")
    if algorithm not in ALGORITHMS:
        raise SyntaxFault(f"the algorithm {shown(tags[b'a'])} is not known")
    return algorithm


def read_domain(tags: Tags) -> str:
    """The signing domain with A-labels, of two labels or more. Raises `SyntaxFault`."""
    domain = _a_labels(require(tags, b"d"))
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise SyntaxFault(f"{shown(tags[b'd'])} is not a domain that can sign")
    return domain


def read_selector(tags: Tags) -> str:
    """The selector with A-labels. Raises `SyntaxFault`."""
    selector = _a_labels(require(tags, b"s"))
    if len(selector) > 200 or not _SELECTOR.fullmatch(selector):
        raise SyntaxFault(f"{shown(tags[b's'])} is not a selector")
    return selector


def _identity(tags: Tags, domain: str) -> str:
    """The agent or user, whose domain must be the signing one or below it.

    Raises:
        SyntaxFault: it is not.
    """
    raw = tags.get(b"i")
    if raw is None:
        return "@" + domain
    bare = raw.translate(None, tag_list.FWS)  # dkim-quoted-printable, RFC 6376 2.11
    plain = _QUOTED.sub(lambda match: bytes([int(match[1], 16)]), bare)
    local, at, host = plain.rpartition(b"@")
    named = _a_labels(host)
    if not at or not (named == domain or named.endswith("." + domain)):
        raise SyntaxFault(f'the tag "i" {shown(raw)} does not belong to {domain}')
    return f"{local.decode('utf-8', 'replace')}@{named}"


def _a_labels(name: bytes) -> str:
    """A name as the DNS has it; RFC 8616 4 lets signatures name it in UTF-8."""
    if name.isascii():
        return name.decode().lower()
    try:
        return Path("", parse_domain(name.decode("utf-8"))).ascii_domain()
    except UnicodeDecodeError:
        raise SyntaxFault(f"{shown(name)} is not a name in the DNS") from None

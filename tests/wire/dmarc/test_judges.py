"""Others' verdicts on the same mail: libopendmarc (Debian) and authheaders.

Both find organizations by a list of public suffixes, so the domains here are such that the
list and the tree walk agree; both know RFC 7489 only, so np and t are left out.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
from pathlib import Path
from typing import Any, Final

import pytest

from merpati.wire.dkim.verifier import DkimResult, DkimVerdict
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict, evaluate
from merpati.wire.spf.verdict import SpfResult, SpfVerdict
from tests.support import programs
from tests.support.zone import Zone

RECORDS: Final = (
    "v=DMARC1; p=none",
    "v=DMARC1; p=quarantine; sp=reject",
    "v=DMARC1; p=reject; adkim=s; aspf=s",
    "v=DMARC1; p=reject; sp=none; adkim=s",
    "v=DMARC1 ; p = reject ; aspf = s ; rua=mailto:a@example.com",
)
AUTHORS: Final = ("example.com", "mail.example.com", "a.b.example.com")
IDENTIFIERS: Final = ("", "example.com", "mail.example.com", "other.com", "xexample.com", "com")
CASES: Final = list(itertools.product(RECORDS, AUTHORS, IDENTIFIERS, IDENTIFIERS))

# dmarc.h
PASS, REJECT, QUARANTINE, NONE = 15, 16, 17, 18
MAILFROM, OUTCOME_PASS, OUTCOME_FAIL = 1, 1, 2


def ours(record: str, author: str, spf: str, dkim: str) -> DmarcResult:
    zone = Zone({"_dmarc.example.com": {"TXT": record}, author: {"A": "192.0.2.1"}})
    spf_result = SpfResult(SpfVerdict.PASS if spf else SpfVerdict.FAIL, spf or author, "")
    signatures = (DkimResult(DkimVerdict.PASS, "", dkim),) if dkim else ()
    return zone.answer(evaluate(author, spf_result, signatures))


@pytest.fixture(scope="module")
def opendmarc(tmp_path_factory: pytest.TempPathFactory) -> Any:
    name = ctypes.util.find_library("opendmarc")
    if name is None:
        programs.missing("libopendmarc is missing; apt-get install opendmarc")
    library = ctypes.CDLL(name)
    library.opendmarc_policy_connect_init.restype = ctypes.c_void_p
    suffixes: Path = tmp_path_factory.mktemp("opendmarc") / "suffixes"
    suffixes.write_text("com\n")
    assert library.opendmarc_tld_read_file(str(suffixes).encode(), b"//", b"*.", b"!") == 0
    return library


def theirs(library: Any, record: str, author: str, spf: str, dkim: str) -> int:
    context = ctypes.c_void_p(library.opendmarc_policy_connect_init(b"192.0.2.1", 4))
    try:
        store_spf, store_dkim = (
            library.opendmarc_policy_store_spf,
            library.opendmarc_policy_store_dkim,
        )
        assert library.opendmarc_policy_store_from_domain(context, author.encode()) == 0
        outcome = OUTCOME_PASS if spf else OUTCOME_FAIL
        store_spf(context, (spf or author).encode(), outcome, MAILFROM, b"")
        if dkim:
            store_dkim(context, dkim.encode(), b"s", OUTCOME_PASS, b"")
        organization = b"example.com"
        library.opendmarc_policy_store_dmarc(
            context,
            record.encode(),
            author.encode(),
            organization if author != "example.com" else None,
        )
        return int(library.opendmarc_get_policy_to_enforce(context))
    finally:
        library.opendmarc_policy_connect_shutdown(context)


def too_lenient(record: str, author: str, identifier: str, tag: str) -> bool:
    """Where libopendmarc 1.4.2 lets pass what neither RFC does: it takes a public suffix for
    aligned with all below it, and in strict mode a subdomain for the domain itself."""
    below = f"{tag}=s" in record.replace(" ", "") and identifier.endswith(f".{author}")
    return identifier == "com" or below


def test_opendmarc_comes_to_the_same(opendmarc: Any) -> None:
    words = {PASS: "pass", REJECT: "reject", QUARANTINE: "quarantine", NONE: "none"}
    seen = set()
    for case in CASES:
        record, author, spf, dkim = case
        if too_lenient(record, author, spf, "aspf") or too_lenient(record, author, dkim, "adkim"):
            continue
        mine, other = ours(*case), words[theirs(opendmarc, *case)]
        passed = mine.verdict is DmarcVerdict.PASS
        assert ("pass" if passed else mine.policy.value) == other, (case, mine)
        seen.add(other)
    assert seen == set(words.values())


def test_authheaders_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    authheaders: Any = pytest.importorskip("authheaders")
    authres: Any = pytest.importorskip("authres")
    suffixes = {"com"}

    def organization(domain: str) -> str:
        labels = domain.split(".")
        return domain if domain in suffixes else ".".join(labels[-2:])

    monkeypatch.setattr(authheaders, "get_org_domain", organization)
    monkeypatch.setattr("authheaders.dmarc_lookup.get_org_domain", organization)
    for case in CASES:
        record, author, spf, dkim = case
        records = {"_dmarc.example.com": record}
        result, _, _, policy = authheaders.dmarc_per_from(
            author,
            authres.SPFAuthenticationResult(
                result="pass" if spf else "fail", smtp_mailfrom=f"a@{spf or author}"
            ),
            authres.DKIMAuthenticationResult(result="pass" if dkim else "none", header_d=dkim),
            dnsfunc=lambda name, records=records: records.get(name, ""),
        )
        mine = ours(*case)
        assert mine.verdict.value == result, (case, mine)
        if result == "fail" and author != "example.com":
            assert mine.policy.value == policy, (case, mine)

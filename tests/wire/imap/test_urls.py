from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import fetch, urls
from merpati.wire.imap.urls import Access, ImapUrl, Permit

TOKEN = b"01" + b"ab" * 32
PIECES = [
    *(b"imap://", b"ana", b"@", b"example.org", b":143", b"/INBOX", b"/a/b", b"/;UID=", b"7"),
    *(b"/;SECTION=1.2", b"/;SECTION=HEADER", b"/;PARTIAL=1", b".2", b";URLAUTH=", b"user+b"),
    *(b"authuser", b":internal:", TOKEN, b";UIDVALIDITY=3", b"%20", b"%ff", b";EXPIRE="),
]


def section(text: bytes) -> fetch.Section:
    return fetch.read_section(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b";UID=20", ImapUrl("", "", 143, "", 0, 20, section(b""))),
        (b"/;uid=20", ImapUrl("", "", 143, "", 0, 20, section(b""))),
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            ImapUrl("", "", 143, "Drafts", 385759045, 20, section(b"HEADER")),
        ),
        (
            b"/a/b%20c/;UID=1/;SECTION=1.2.MIME/;PARTIAL=10.20",
            ImapUrl("", "", 143, "a/b c", 0, 1, section(b"1.2.MIME"), (10, 20)),
        ),
        (
            b"imap://ana%40x.org;AUTH=*@Mail.Example.org:993/Surat%20%C3%A9/;UID=4/;PARTIAL=5",
            ImapUrl("ana@x.org", "mail.example.org", 993, "Surat é", 0, 4, section(b""), (5, None)),
        ),
        (
            b"imap://a@x/INBOX/;UID=4/;SECTION=HEADER.FIELDS%20(To%20Cc)",
            ImapUrl("a", "x", 143, "INBOX", 0, 4, section(b"HEADER.FIELDS (To Cc)")),
        ),
        (
            b"imap://a@x/INBOX/;UID=4;URLAUTH=anonymous",
            ImapUrl("a", "x", 143, "INBOX", 0, 4, section(b""), None, Permit(Access.ANONYMOUS)),
        ),
        (
            b"imap://a@x/INBOX/;UID=4;EXPIRE=2027-01-01T00:00:00+01:00;URLAUTH=submit+b@y:INTERNAL:"
            + TOKEN,
            ImapUrl(
                *("a", "x", 143, "INBOX", 0, 4, section(b""), None),
                Permit(Access.SUBMIT, "b@y", 1798758000.0, b"INTERNAL", TOKEN),
            ),
        ),
    ],
)
def test_a_url_names_a_message(text: bytes, expected: ImapUrl) -> None:
    found = urls.parse(text)
    assert msgspec.structs.replace(found, rump=b"") == expected
    again = urls.parse(urls.render(found))
    assert msgspec.structs.replace(again, rump=b"") == expected


def test_the_rump_is_all_that_the_token_vouches_for() -> None:
    rump = b"imap://a@x/INBOX/;uid=4;urlauth=user+b"
    assert urls.parse(rump).rump == rump
    assert urls.parse(urls.authorised(rump, b"INTERNAL", TOKEN.decode())).rump == rump


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"INBOX",
        b"/INBOX",
        b"imap://x/",
        b"imap://x/;UID=1",
        b"http://x/INBOX/;UID=1",
        b"/INBOX/;UID=0",
        b"/INBOX/;UID=4294967296",
        b"/INBOX/;UID=1/;SECTION=MIME",
        b"/INBOX/;UID=1/;PARTIAL=x",
        b"/INBOX/;UID=1/;SECTION=1]",
        b"/INBOX/;UID=1 ",
        b"/IN%0d%0aBOX/;UID=1",
        b"/IN%ffBOX/;UID=1",
        b"/INBOX/;UID=1;URLAUTH=user+",
        b"/INBOX/;UID=1;URLAUTH=nobody",
        b"/INBOX/;UID=1;URLAUTH=authuser:internal:12",
        b"/INBOX/;UID=1;EXPIRE=2027-01-01T00:00:00;URLAUTH=authuser",
        b"/INBOX/;UID=1;EXPIRE=2027-13-01T00:00:00Z;URLAUTH=authuser",
        b"/" + b"a" * urls.URL_MAX + b"/;UID=1",
    ],
)
def test_what_names_no_message_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        urls.parse(text)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=12).map(b"".join))
def test_any_bytes_are_a_url_or_a_fault(text: bytes) -> None:
    try:
        found = urls.parse(text)
    except SyntaxFault:
        return
    again = urls.parse(urls.render(found))
    assert msgspec.structs.replace(again, rump=b"") == msgspec.structs.replace(found, rump=b"")

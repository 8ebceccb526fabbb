from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.paths import NULL, Path, parse_address, parse_domain, parse_path
from merpati.wire.smtp.quirks import STRICT


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("<a@example.com>", "a", "example.com"),
        ("<Budi.Santoso@EXAMPLE.Co.Id>", "Budi.Santoso", "example.co.id"),
        ("<a+tag@b>", "a+tag", "b"),
        ('<"a b"@c>', "a b", "c"),
        ('<"plain"@c>', "plain", "c"),
        (r'<"a\"b\\c"@d>', 'a"b\\c', "d"),
        ('<"a@b"@c>', "a@b", "c"),
        ('<"a>b"@c>', "a>b", "c"),
        ("<@relay.example,@other.example:c@d>", "c", "d"),
        ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ("<a@[ipv6:2001:DB8:0::1]>", "a", "[IPv6:2001:db8::1]"),
        ("<postmaster>", "postmaster", ""),
        ("<PostMaster>", "PostMaster", ""),
        ("<>", "", ""),
        ("<用户@例え.テスト>", "用户", "例え.テスト"),
        ("<a@xn--strae-oqa.example>", "a", "xn--strae-oqa.example"),
    ],
)
def test_a_path_is_read(text: str, local: str, domain: str) -> None:
    assert parse_path(text) == Path(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "<a>",
        "<a@>",
        "<@b>",
        "<a b@c>",
        "<a@b@c>",
        "<a@b c>",
        "<a@-b.c>",
        "<a@b-.c>",
        "<a@b..c>",
        "<a@b.>",
        "<a@.b>",
        "<@a:b>",
        "<@a>",
        "<@a,b:c@d>",
        "<@a:@b:c@d>",
        '<"a@b>',
        '<"a"b@c>',
        "<a(comment)@b>",
        "<a@[1.2.3]>",
        "<a@[01.2.3.4]>",
        "<a@[IPv6:fe80::1%eth0]>",
        "<a@[tag:x]>",
        "<a@[192.0.2.1>",
        "<a\0@b>",
        '<"a\r\nRCPT TO:<x@y>"@b>',
        "<a\x85@b>",
        "<a\u2028@b>",
        "<a\ud800@b>",
        f"<a@{'x' * 64}.com>",
        f"<a@{'x.' * 130}com>",
        f"<{'a' * 600}@b>",
        f"<{'é' * 400}@b>",
    ],
)
def test_what_is_not_a_path_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_path(text)


@pytest.mark.parametrize("local", ["victim%target.example", "target.example!victim"])
def test_percent_hack_and_bang_path_are_plain_local_parts(local: str) -> None:
    path = parse_path(f"<{local}@here.example>")
    assert path == Path(local, "here.example")
    assert str(path) == f"{local}@here.example"


def test_a_source_route_is_not_taken_on_a_command_line() -> None:
    with pytest.raises(SyntaxFault):
        parse_address("@relay.example:a@b")


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ("a b", '"a b"@c'),
        ('a"b', r'"a\"b"@c'),
        ("a\\b", r'"a\\b"@c'),
        ("a..b", '"a..b"@c'),
        (".a", '".a"@c'),
        ("a@b", '"a@b"@c'),
        ("", '""@c'),
        ("a.b", "a.b@c"),
    ],
)
def test_quotes_are_written_only_where_needed(local: str, text: str) -> None:
    assert str(Path(local, "c")) == text
    assert parse_address(text) == Path(local, "c")


@pytest.mark.parametrize(
    "text", ["<a..b@docomo.ne.jp>", "<a.@c>", f"<{'v' * 65}@c>", "<a@my_host.example>"]
)
def test_each_quirk_is_refused_when_strict(text: str) -> None:
    path = parse_path(text)
    assert parse_path(f"<{path}>") == path
    with pytest.raises(SyntaxFault):
        parse_path(text, STRICT)


@pytest.mark.parametrize(
    ("domain", "ascii_domain"),
    [
        ("straße.example", "xn--strae-oqa.example"),  # not strasse: IDNA 2008
        ("βόλος.com", "xn--nxasmm1c.com"),  # RFC 3492's final sigma, as IDNA 2008 has it
        ("bücher.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("plain.example", "plain.example"),
    ],
)
def test_domains_in_other_scripts_have_an_ascii_form(domain: str, ascii_domain: str) -> None:
    assert Path("a", parse_domain(domain)).ascii_domain() == ascii_domain


def test_an_upper_case_and_a_decomposed_domain_are_the_same_domain() -> None:
    assert parse_domain("BÜCHER.example") == parse_domain("bu\u0308cher.example")


@pytest.mark.parametrize(
    "domain",
    [
        "a。com",  # a full stop the old codec took for a dot
        "ex\uff41mple.com",  # fullwidth a
        "a\u2100b.com",  # expands to a/c
        "\u0301a.com",  # begins with a mark
        "☃.com",
        "é b.com",
        "-é.com",
        "ab--é.com",
        "é..com",
        "é" * 60 + ".com",
        "\ud800.com",
    ],
)
def test_domains_that_idna_2008_forbids_are_refused(domain: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_domain(domain)


def test_the_null_path_and_its_text() -> None:
    assert parse_address("") == parse_address("<>") == NULL
    assert NULL.is_null
    assert str(NULL) == ""
    assert not Path("", "c").is_null


@given(
    st.one_of(
        st.text(max_size=40),
        st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=20)),
        st.from_regex(r'(<?"?[a-zé. @\\"%!]{0,9}"?@[A-Za-zÉ0-9.\[\]:-]{0,9}>?)', fullmatch=True),
    )
)
def test_any_text_is_an_address_that_writes_back_the_same_or_a_fault(text: str) -> None:
    for parse in (parse_address, parse_path):
        try:
            path = parse(text)
        except SyntaxFault:
            continue
        assert parse_address(str(path)) == path
        assert parse_path(f"<{path}>") == path
        assert path.ascii_domain().isascii()
        assert str(path).encode().decode() == str(path)

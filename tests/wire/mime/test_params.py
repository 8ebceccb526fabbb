from __future__ import annotations

import email
import email.policy
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.wire.mime import params, words
from tests.support.growth import LINEAR, growth

PARAM_BYTES = st.lists(
    st.sampled_from(
        [
            *(b"text/plain", b";", b"=", b'"', b"\\", b"(", b")", b" ", b"'", b"*", b"*0", b"*1*"),
            *(b"name", b"filename", b"charset", b"utf-8''", b"%41", b"%", b"\r\n ", b"=?utf-8?q?"),
        ]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)


@pytest.mark.parametrize(
    ("raw", "value", "found"),
    [
        (b"", "", {}),
        (b"text/plain", "text/plain", {}),
        (b"Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        (b'text/plain; charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        (b"text / plain ;\r\n\tformat = flowed", "text/plain", {"format": "flowed"}),
        (b'attachment; filename="a; \\"b\\" \\\\c"', "attachment", {"filename": 'a; "b" \\c'}),
        (b"m/mixed; boundary==_a=b", "m/mixed", {"boundary": "=_a=b"}),
        (b'm/mixed; boundary="a (b) c"', "m/mixed", {"boundary": "a (b) c"}),
        (
            b"text/plain (c; x=1 (d)); charset (e) = (f) us-ascii (g; y=2)",
            "text/plain",
            {"charset": "us-ascii"},
        ),
        (b"a/b;;; x=1; =2; y; z=", "a/b", {"x": "1", "z": ""}),
    ],
)
def test_value_and_parameters_are_read(raw: bytes, value: str, found: dict[str, str]) -> None:
    assert params.parse(raw) == (value, found)


@pytest.mark.parametrize(
    ("raw", "value", "found"),
    [
        (b"text/html charset=utf-8", "text/html", {"charset": "utf-8"}),
        (b"charset=utf-8; x=1", "", {"charset": "utf-8", "x": "1"}),
        (b"attachment; filename=my report.pdf", "attachment", {"filename": "my report.pdf"}),
        (b"attachment; filename=a (1).pdf; s=3", "attachment", {"filename": "a (1).pdf", "s": "3"}),
        (b"attachment; filename=a(.pdf; s=3", "attachment", {"filename": "a(.pdf", "s": "3"}),
        (b'a/b; name="open; charset=x', "a/b", {"name": "open", "charset": "x"}),
        (b'a/b; charset=utf-8"; name="x"', "a/b", {"charset": "utf-8", "name": "x"}),
        (b'a/b; name="C:\\temp\\x.txt"', "a/b", {"name": "C:\\temp\\x.txt"}),
        (b'a/b; name="=?utf-8?Q?=E2=82=AC?=.pdf"', "a/b", {"name": "€.pdf"}),
        (b"a/b; name==?utf-8?B?4oKs?=", "a/b", {"name": "€"}),
        (b'a/b; name="\xfc"', "a/b", {"name": "ü"}),
        ('a/b; name="ü"'.encode(), "a/b", {"name": "ü"}),
        (b'a/b; name="a\0\r\n b"', "a/b", {"name": "a b"}),
    ],
)
def test_what_real_senders_get_wrong_is_read(raw: bytes, value: str, found: dict[str, str]) -> None:
    assert params.parse(raw) == (value, found)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"a; name*=utf-8''%e2%82%ac%20x", "€ x"),
        (b"a; name*=iso-8859-1'en'%FC", "ü"),
        (b"a; name*=%41", "A"),
        (b"a; name*=''%C3%BC", "ü"),
        (b"a; name*=nonsense''%FC", "ü"),
        (b"a; name*=utf-8''50%", "50%"),
        (b'a; name*0="one "; name*1="two"', "one two"),
        (b"a; name*1=b; name*0=a", "ab"),
        (b"a; name*0*=utf-8''%e2%82; name*1*=%ac; name*2=\"%41\"", "€%41"),
        (b'a; name*0="=?utf-8?B?4oK"; name*1="s?="', "€"),
        (b"a; name*10=k; name*9=j; name*0=a", "ajk"),
    ],
)
def test_extended_and_continued_parameters_are_put_together(raw: bytes, name: str) -> None:
    assert params.parse(raw) == ("a", {"name": name})


@pytest.mark.parametrize(
    "raw",
    [
        b"a; name=safe.txt; name=bad.exe",
        b'a; name="safe.txt"; NAME=bad.exe',
        b"a; name=bad.exe; name*=utf-8''safe.txt",
        b"a; name=bad.exe; name*0=safe; name*1=.txt",
        b"a; name*0=bad.exe; name*=safe.txt",
        b"a; name*0=safe; name*1=.txt; name*0=bad",
        b"a; name*0=safe; name*2=.txt; name=bad.exe",
    ],
)
def test_one_rule_decides_among_several_forms_of_a_parameter(raw: bytes) -> None:
    assert params.parse(raw) == ("a", {"name": "safe.txt"})


def test_parameters_beyond_the_limit_are_left_out() -> None:
    raw = b"a/b" + b"".join(b"; p%d=1" % number for number in range(500))
    _, found = params.parse(raw)
    assert list(found) == [f"p{number}" for number in range(params.MAX_PARAMS)]


@given(PARAM_BYTES)
@example(b"a; name*='")
@example(b'a; name="\\')
@settings(max_examples=250)
def test_any_bytes_give_a_value_and_parameters(raw: bytes) -> None:
    value, found = params.parse(raw)
    assert value.encode() == value.encode().lower()
    assert len(found) <= params.MAX_PARAMS + 1
    for text in (value, *found.values()):
        assert not re.search(r"[\x00-\x08\x0a-\x1f]", text)
        text.encode()


@given(st.dictionaries(NAMES, st.text(max_size=100), max_size=5))
@example({"name": 'a"b\\c'})
@example({"name": "=?utf-8?q?x?="})
@example({"filename": "ü" * 100})
@example({"filename": "a%41'"})
@settings(max_examples=150)
def test_what_is_written_reads_the_same(found: dict[str, str]) -> None:
    written = params.format("text/plain", found)
    assert all(len(part) <= 255 for part in written.split(b"; "))
    wanted = {
        name: words.clean(text).encode("utf-8", "replace").decode() for name, text in found.items()
    }
    assert params.parse(written) == ("text/plain", wanted)
    assert params.parse(written.replace(b"; ", b";\r\n ")) == ("text/plain", wanted)


@given(st.dictionaries(NAMES, st.from_regex(r"[a-z0-9._ -]{1,30}", fullmatch=True), max_size=4))
@settings(max_examples=50)
def test_ordinary_parameters_read_as_the_standard_library_reads_them(
    found: dict[str, str],
) -> None:
    raw = params.format("text/plain", found)
    judged = email.message_from_bytes(b"Content-Type: " + raw, policy=email.policy.compat32)
    assert dict(judged.get_params([])[1:]) == params.parse(raw)[1]


@pytest.mark.parametrize(
    "unit",
    [
        *(b";", b"=", b'"', b'="', b'="\\', b"(", b"()", b"a=(;", b";a", b";a=", b"; name=a ("),
        *(b";n*0=a", b"\\", b" ", b"'", b"%", b"a/", b";a*=''%41", b' "', b"(\\"),
    ],
)
@pytest.mark.parametrize("start", [b"", b'a; name="'])
def test_time_grows_with_the_value_and_no_faster(unit: bytes, start: bytes) -> None:
    assert growth(params.parse, unit, 12_000, start) <= LINEAR

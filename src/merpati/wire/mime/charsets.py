"""Bytes in any charset that mail names, to text.

Labels are looked up in the table below and nowhere else: `codecs.lookup` would
also find codecs that are no charsets ("base64", "zlib", "unicode_escape"),
import modules by the sender's choice, and remember every unknown label for
ever. The table follows what browsers do (WHATWG Encoding): a label often means
a superset of what it says, as ISO-8859-1 in mail really is windows-1252.

Text without a label, or with a label nobody knows, is UTF-8 if it is valid
UTF-8, and otherwise windows-1252, in which any bytes mean something.
"""

from __future__ import annotations

import codecs
from typing import Final

# Python's codec, then the labels that mean it, in lower case.
_LABELS: Final = """
utf-8           utf-8 utf8 unicode-1-1-utf-8 utf8mb4 utf-8-sig x-utf-8
utf-7           utf-7 utf7 unicode-1-1-utf-7 x-unicode-2-0-utf-7
utf-16          utf-16 utf16 ucs-2 iso-10646-ucs-2 unicode csunicode
utf-16-le       utf-16le
utf-16-be       utf-16be
utf-32          utf-32 utf32 ucs-4 iso-10646-ucs-4
utf-32-le       utf-32le
utf-32-be       utf-32be
windows-1252    iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 iso-ir-100 latin1 latin-1
windows-1252    l1 ibm819 cp819 csisolatin1 windows-1252 cp1252 cp-1252 x-cp1252 win-1252
cp1250          windows-1250 cp1250 x-cp1250 win-1250
cp1251          windows-1251 cp1251 x-cp1251 win-1251 ansi-1251
cp1253          windows-1253 cp1253 x-cp1253
cp1254          windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9
cp1254          iso_8859-9:1989 iso-ir-148 latin5 l5 csisolatin5
cp1255          windows-1255 cp1255 x-cp1255
cp1256          windows-1256 cp1256 x-cp1256
cp1257          windows-1257 cp1257 x-cp1257
cp1258          windows-1258 cp1258 x-cp1258
cp874           windows-874 cp874 ms874 iso-8859-11 iso8859-11 tis-620 tis620 dos-874
iso8859-2       iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 iso-ir-101 latin2 latin-2
iso8859-2       l2 csisolatin2
iso8859-3       iso-8859-3 iso8859-3 iso88593 iso_8859-3 iso-ir-109 latin3 l3
iso8859-4       iso-8859-4 iso8859-4 iso88594 iso_8859-4 iso-ir-110 latin4 l4
iso8859-5       iso-8859-5 iso8859-5 iso88595 iso_8859-5 iso-ir-144 cyrillic
iso8859-6       iso-8859-6 iso8859-6 iso88596 iso_8859-6 iso-8859-6-e iso-8859-6-i arabic ecma-114
iso8859-6       iso-ir-127 asmo-708
iso8859-7       iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 ecma-118 elot_928 iso-ir-126
iso8859-8       iso-8859-8 iso8859-8 iso88598 iso_8859-8 iso-8859-8-e iso-8859-8-i hebrew logical
iso8859-8       visual iso-ir-138
iso8859-10      iso-8859-10 iso8859-10 iso885910 iso-ir-157 latin6 l6
iso8859-13      iso-8859-13 iso8859-13 iso885913
iso8859-14      iso-8859-14 iso8859-14 iso885914 latin8
iso8859-15      iso-8859-15 iso8859-15 iso885915 iso_8859-15 latin9 latin-9 l9
iso8859-16      iso-8859-16 iso8859-16 iso885916 latin10
koi8-r          koi8-r koi8_r koi8 koi cskoi8r
koi8-u          koi8-u koi8-ru
koi8-t          koi8-t
ptcp154         ptcp154 csptcp154 pt154 cp154
cp866           ibm866 cp866 866 csibm866
cp437           ibm437 cp437 437
cp850           ibm850 cp850 850
cp852           ibm852 cp852 852
cp855           ibm855 cp855 855
cp857           ibm857 cp857 857
cp858           ibm858 cp858 858 ibm00858
cp862           ibm862 cp862 862
cp864           ibm864 cp864 864
mac-roman       macintosh mac macroman x-mac-roman csmacintosh
mac-cyrillic    x-mac-cyrillic x-mac-ukrainian
mac-latin2      x-mac-ce x-mac-centraleurroman
mac-greek       x-mac-greek
mac-turkish     x-mac-turkish
gb18030         gb18030 gbk gb2312 gb_2312 gb_2312-80 gb2312-80 x-gbk chinese csgb2312 iso-ir-58
gb18030         euc-cn cp936 ms936 windows-936 csiso58gb231280 gb_18030
hz              hz-gb-2312 hz hz-gb
cp950           big5 big-5 cp950 ms950 csbig5 cn-big5 x-x-big5 windows-950
big5hkscs       big5-hkscs big5hkscs
cp949           euc-kr euckr cp949 ms949 ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean
cp949           ks_c_5601 windows-949 cseuckr csksc56011987 iso-ir-149 uhc
johab           johab cp1361
iso2022-kr      iso-2022-kr csiso2022kr
cp932           shift_jis shift-jis shiftjis sjis x-sjis ms_kanji ms932 windows-31j cp932
cp932           csshiftjis
euc-jp          euc-jp eucjp x-euc-jp cseucpkdfmtjapanese
iso2022-jp-ext  iso-2022-jp csiso2022jp iso-2022-jp-ms cp50220 cp50221 iso-2022-jp-ext
iso2022-jp-2    iso-2022-jp-1 iso-2022-jp-2
iso2022-jp-3    iso-2022-jp-3 iso-2022-jp-2004
"""
_CODECS: Final = {
    label: codec for codec, *labels in map(str.split, _LABELS.split("\n")[1:-1]) for label in labels
}

# windows-1252 with its five undefined bytes as the C1 controls they would be in
# ISO-8859-1 (WHATWG), so that it can decode anything.
_WINDOWS_1252: Final = "".join(
    bytes([byte]).decode("cp1252" if byte not in b"\x81\x8d\x8f\x90\x9d" else "latin-1")
    for byte in range(256)
)


def decode(data: bytes, label: str | None = None) -> str:
    """Text in the charset that `label` names; never raises.

    What the charset does not define becomes U+FFFD. The result holds no lone
    surrogates, so it can always be written as UTF-8.
    """
    codec = _codec(label) if label else None
    if codec is None:
        try:
            return data.decode()
        except UnicodeDecodeError:
            codec = "windows-1252"
    if codec == "windows-1252":
        return codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0]
    text = data.decode(codec, "replace")
    if codec == "utf-7":  # the one that can spell half a surrogate pair
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def known(label: str) -> bool:
    """True when this label names a charset that can be decoded."""
    return _codec(label) is not None or label.strip("\"' \t").lower() in {"us-ascii", "ascii"}


def _codec(label: str) -> str | None:
    """Python's codec for a label.

    None for "us-ascii" too: 8-bit text under it was mislabelled and is guessed
    at like text without a label.
    """
    codec = _CODECS.get(label)
    if codec is None:
        codec = _CODECS.get(label.strip("\"' \t").lower())
    return codec

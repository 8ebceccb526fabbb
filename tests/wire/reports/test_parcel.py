from __future__ import annotations

import gzip
import io
import zipfile
import zlib

import pytest

from merpati.base.faults import SyntaxFault
from merpati.wire.letter import File, Letter, compose
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.reports import parcel
from merpati.wire.reports.aggregate import MAX_XML, Published, Report, Row
from merpati.wire.reports.parcel import file_name, files, pack, subject, unpack

XML = b"<feedback>" + b"x" * 1000 + b"</feedback>"
REPORT = Report(
    org_name="", email="", report_id="id@here.test", begin=1013662812, end=1013749130,
    published=Published(domain="example.com"), rows=(Row(source_ip="192.0.2.1", count=1),),
)  # fmt: skip


def archive(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as one:
        one.writestr("report.xml", data)
        one.writestr("second.xml", b"another")
    return buffer.getvalue()


def streamed(data: bytes) -> bytes:
    """An archive whose sizes stand behind the data, as streaming programs write it."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.pieces: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, piece: object) -> int:
            self.pieces.append(bytes(memoryview(piece)))  # type: ignore[arg-type]
            return len(self.pieces[-1])

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr("report.xml", data)
    return b"".join(pipe.pieces)


@pytest.mark.parametrize(
    "packed",
    [XML, pack(XML), gzip.compress(XML, mtime=0), archive(XML), archive(XML, zipfile.ZIP_STORED),
     streamed(XML)],
    ids=["plain", "gzip", "gzip without a time", "zip", "zip stored", "streamed"],
)  # fmt: skip
def test_every_way_to_pack_is_understood(packed: bytes) -> None:
    assert unpack(packed) == XML


def test_packing_is_gzip_and_always_the_same() -> None:
    assert gzip.decompress(pack(XML)) == XML
    assert pack(XML) == pack(XML)


def test_a_bomb_is_refused_while_it_is_unpacked() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(bomb.compress(bytes(1 << 20)) for _ in range((MAX_XML >> 20) + 1))
    data += bomb.flush()
    assert len(data) < 100_000
    with pytest.raises(SyntaxFault, match="holds more than"):
        unpack(data)


@pytest.mark.parametrize(
    "packed",
    [
        pack(XML)[:-10],
        b"\x1f\x8bhello",
        archive(XML)[:20],
        archive(XML)[:60],
        archive(XML).replace(b"\x08\x00", b"\x0c\x00", 1),
        b"PK\x03\x04" + bytes(26).replace(b"\0", b"\1"),
        bytes(parcel.MAX_PACKED + 1),
    ],
    ids=["cut", "not gzip", "no file", "cut file", "unknown method", "nonsense", "too large"],
)
def test_what_is_damaged_is_refused(packed: bytes) -> None:
    with pytest.raises(SyntaxFault):
        unpack(packed)


def test_names_are_those_of_the_rfc() -> None:
    name = file_name("mail.receiver.example", REPORT)
    assert name == "mail.receiver.example!example.com!1013662812!1013749130.xml.gz"
    assert subject("here.test", REPORT) == (
        "Report Domain: example.com Submitter: here.test Report-ID: <id@here.test>"
    )


def letter(*attached: File) -> bytes:
    return compose(
        Letter(
            author=Mailbox("", "r", "here.test"), recipient="x@example.com", subject="Report",
            text="A report.\n", date=0.0, message_id="1@here.test", files=attached,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a!b!1!2.xml.gz", "application/gzip"), ("x", "application/zip"), ("x.xml", "text/plain"),
     ("r.zip", "application/x-unknown")],
)  # fmt: skip
def test_a_report_is_found_in_a_mail(name: str, kind: str) -> None:
    assert files(letter(File(name, kind, pack(XML)))) == [pack(XML)]


def test_a_mail_may_be_the_report_itself() -> None:
    mail = b"Content-Type: application/xml\r\n\r\n" + XML
    assert files(mail) == [XML]


def test_mail_without_a_report_has_none() -> None:
    assert files(letter(File("cat.jpg", "image/jpeg", b"cat"))) == []
    assert files(b"Subject: hi\r\n\r\nhello\r\n") == []


def test_only_so_many_files_of_a_mail_are_looked_at() -> None:
    many = [File(f"{n}.xml", "text/xml", b"x") for n in range(50)]
    assert len(files(letter(*many))) == parcel.MAX_FILES

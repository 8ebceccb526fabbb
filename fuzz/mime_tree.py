"""Any bytes are a message: its tree, structure, sections and texts come without an error."""

from __future__ import annotations

from pathlib import Path

from merpati.wire.imap import structure
from merpati.wire.mime import headers, section, subject, text, tree

DICTIONARY = [
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    b"Content-Type: multipart/digest; boundary=bb\n\n--bb\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%C3\r\n",
    b"\r\n--b\r\n",
    b"\r\n--b--\r\n",
    b"\n--bb \n",
    b"\r\n\r\n",
    b'To: g: <@r:a@b>, "q" (c) <a@b>;\r\n',
    b"&#x41;",
    b"<style>",
]
SEEDS = [
    b"".join(DICTIONARY),
    *(
        path.read_bytes()
        for path in sorted(Path(__file__).parents[1].glob("tests/corpora/mime4j/*.msg"))
        if path.stat().st_size < 10_000
    ),
]


def target(data: bytes) -> None:
    root = tree.parse(data)
    assert tree.decode(tree.encode(root)) == root
    structure.bodystructure(root, data)
    structure.body(root, data)
    found = headers.split(data)
    structure.envelope(found)
    for numbers in ((), (1,), (2,), (1, 1), (1, 2, 1)):
        for kind in (None, "HEADER", "TEXT", "MIME"):
            where = section.locate(root, numbers, kind)
            assert where is None or 0 <= where[0] <= where[1] <= len(data)
    section.fields(data, (root.header_start, root.body_start), [b"subject"], exclude=True)
    assert len(text.preview(data, root)) <= text.PREVIEW
    for said in text.searchable(data, root):
        said.encode()
    subject.message_ids(found.get(b"references") or b"")
    subject.base_subject(text.header_text(found))

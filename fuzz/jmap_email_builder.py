"""An Email object made into a message: whatever it holds, no field but its own comes of it."""

from __future__ import annotations

from merpati.base.faults import Fault, SyntaxFault
from merpati.wire.jmap import email_builder, requests
from merpati.wire.mime import headers, tree

SEEDS = [
    (
        b'{"from":[{"name":"A","email":"a@b.c"}],"subject":"x","textBody":[{"partId":"1","type":'
        b'"text/plain"}],"bodyValues":{"1":{"value":"hello"}}}'
    ),
    (
        b'{"header:X-A:asURLs:all":[["http://a"]],"header:List-Id":" x\\r\\n y","sentAt":'
        b'"2020-01-01T00:00:00Z","messageId":["a@b"],"bodyStructure":{"type":"multipart/mixed",'
        b'"subParts":[{"blobId":"B","type":"image/png","cid":"c","name":"\\u00e4.png","language":'
        b'["en"]},{"blobId":"M","type":"message/rfc822"}]}}'
    ),
    (
        b'{"htmlBody":[{"partId":"1","type":"text/html","header:Content-Description:asText":"d"}],'
        b'"bodyValues":{"1":{"value":"<p>","isTruncated":false}},"attachments":[{"blobId":"B",'
        b'"disposition":"inline","cid":"x"}],"to":[{"email":"half"}],"header:To:asRaw":null}'
    ),
]
DICTIONARY = [
    b"asGroupedAddresses",
    b"\\r\\nBcc: x",
    b"header:",
    b"subParts",
    b"charset",
    b'"size"',
]
BLOBS = {"B": bytes(range(256)) * 3, "M": b"Subject: \xc3\xa4\n\nbody"}


def target(data: bytes) -> None:
    try:
        email = requests.decode_json(data)
    except SyntaxFault:
        return
    if not isinstance(email, dict):
        return
    try:
        draft = email_builder.read(email)
    except Fault:
        return
    blobs = {name: BLOBS.get(name, b"?") for name in draft.blob_ids}
    content = b"".join(email_builder.pieces(draft, [], blobs, "BOUNDARY"))
    own = headers.split(content).fields
    given = len(draft.fields) + len(draft.root.fields)
    assert given <= len(own) <= given + 2, "a value began a field of its own"
    tree.parse(content)

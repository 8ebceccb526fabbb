"""DomainKeys Identified Mail (RFC 6376, 8301, 8463): a domain's signature of a message.

    results = yield from dkim.verify(content, now)       # a verdict for each signature
    field = dkim.sign(content, key, now)                 # to stand above the message

`Content` lets several rules share the work on one message.
"""

from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import SigningKey
from merpati.wire.dkim.signer import sign
from merpati.wire.dkim.verifier import DkimResult, DkimVerdict, verify

__all__ = ["Content", "DkimResult", "DkimVerdict", "SigningKey", "sign", "verify"]

"""MTA-STS records and policies: what was read is written back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import mta_sts

SEEDS: list[bytes] = [
    b"v=STSv1; id=20160831085700Z;",
    (
        b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
        b"max_age: 604800\r\n"
    ),
    b"version: STSv1\nmode: none\nmax_age: 0\n",
    b"version: STSv1\nmode: testing\nmx: a\nmax_age: 99999999999\nnew-field: \xc3\xa9\n",
]
DICTIONARY: list[bytes] = [b"*.", b"mx: ", b"max_age: ", b" \t", b"; ", b"id="]


def target(data: bytes) -> None:
    try:
        policy_id = mta_sts.parse_record(data)
    except SyntaxFault:
        pass
    else:
        assert mta_sts.parse_record(mta_sts.encode_record(policy_id)) == policy_id
    try:
        policy = mta_sts.parse_policy(data)
    except SyntaxFault:
        return
    assert mta_sts.parse_policy(mta_sts.encode_policy(policy)) == policy
    assert all(policy.allows(pattern.replace("*", "any")) for pattern in policy.mx)

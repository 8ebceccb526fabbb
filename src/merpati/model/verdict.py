"""What a message from outside came to when it was judged, and why."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # `merpati sendmail` takes mail over without judging it, and starts quickly
    from merpati.wire.arc import ArcResult
    from merpati.wire.authentication_results import AuthenticationResults
    from merpati.wire.dkim.verifier import DkimResult
    from merpati.wire.dmarc.evaluation import DmarcResult
    from merpati.wire.iprev import IprevResult
    from merpati.wire.mime.author import Author
    from merpati.wire.smtp.replies import Reply
    from merpati.wire.spf.verdict import SpfResult
    from merpati.wire.verdict_advice import Cause


class Action(Enum):
    """What is done with a message, from the mildest to the strictest."""

    ACCEPT = "accept"
    QUARANTINE = "quarantine"  # taken, and put into Junk
    DEFER = "defer"  # the sender is to try again
    REFUSE = "refuse"


class Override(Enum):
    """Why the policy of a domain was not followed (RFC 9990 3.1.6)."""

    LOCAL_POLICY = "local_policy"
    MAILING_LIST = "mailing_list"
    OTHER = "other"
    POLICY_TEST_MODE = "policy_test_mode"
    TRUSTED_FORWARDER = "trusted_forwarder"


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What each check found; None: it was not made."""

    author: Author
    spf: SpfResult
    dkim: tuple[DkimResult, ...] = ()
    dmarc: DmarcResult | None = None
    arc: ArcResult | None = None
    iprev: IprevResult | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a message, and why.

    Attributes:
        action: what to do.
        reasons: in words, the one that decided first.
        cause: what decided, for `wire.verdict_advice`; None for ACCEPT.
        reply: to the peer, for REFUSE and DEFER.
        header: field to put above the message, with CRLF.
        results: the same as values; their text (`render_value`) is what an ARC seal covers.
        drop: slices of the message that must not be kept: forged fields.
        findings: what each check found.
        override: why the domain's policy was not followed; None when it was.
        detail: the same for the trace.
    """

    action: Action
    reasons: tuple[str, ...]
    cause: Cause | None = None
    reply: Reply | None = None
    header: bytes = b""
    results: AuthenticationResults
    drop: tuple[tuple[int, int], ...] = ()
    findings: Findings
    override: Override | None = None
    detail: dict[str, Any] = {}

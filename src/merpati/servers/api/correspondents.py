"""Operations on whom one writes to: what a program completes addresses from."""

from __future__ import annotations

from merpati.base.faults import Fault, Kind
from merpati.servers.api.operation import Call, Operation, Who
from merpati.services.correspondents import Correspondents
from merpati.store.correspondents import Correspondent


async def show(call: Call) -> list[Correspondent]:
    """Made of the mail in the mailbox for sent mail; the latest first."""
    return await Correspondents(call.store).of(call.user.id)


async def forget(call: Call) -> None:
    """Raises Fault NOT_FOUND."""
    if not await Correspondents(call.store).forget(call.user.id, call.address):
        raise Fault(Kind.NOT_FOUND, "you have not written to this address")


OPERATIONS = (
    Operation(
        method="GET", path="/me/correspondents", name="listCorrespondents", topic="me", does=show,
        who=Who.USER, answer=list[Correspondent],
        text="Those whom I wrote to, for completing addresses.",
    ),
    Operation(
        method="DELETE", path="/me/correspondents/{address}", name="forgetCorrespondent",
        topic="me", does=forget, who=Who.USER,
        text="Suggest an address no more, until I write to it again.",
    ),
)  # fmt: skip

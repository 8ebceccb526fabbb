"""Label: the name and the colour of a keyword (`urn:merpati:jmap:labels`). No RFC has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.kind import Property, Update, server_set
from merpati.servers.jmap.rows import Rows
from merpati.store import labels, object_changes
from merpati.store.labels import Label
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import are_keywords, is_text, one_of

if TYPE_CHECKING:
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds

CAPABILITY: Final = "urn:merpati:jmap:labels"
LABELS_MAX: Final = 500  # of one account
NAME_MAX: Final = 100  # characters
COLORS: Final = ("gray", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")


def _is_keyword(value: Any) -> bool:
    return is_text(value) and value[:1] != "$" and are_keywords({value: True})


def _is_name(value: Any) -> bool:
    return is_text(value) and 0 < len(value.strip()) <= NAME_MAX and value.isprintable()


class Labels(Rows):
    """The data type."""

    name: ClassVar[str] = "Label"
    capability: ClassVar[str] = CAPABILITY
    kinds: ClassVar[Kinds | None] = object_changes.LABELS
    letter: ClassVar[str] = "L"
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "keyword": Property(_is_keyword, immutable=True),
        "name": Property(_is_name),
        "color": Property(one_of(*COLORS), "gray"),
    }

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """All labels of the account."""
        return [_object(one) for one in await labels.listing(tx, access.account_id)]

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: dict[str, Any]
    ) -> dict[str, Any]:
        """RFC 8620 5.3."""
        known = await labels.listing(tx, access.account_id)
        keyword = new["keyword"].lower()
        if any(one.keyword == keyword for one in known):
            raise wrong("there is a label of that keyword", "keyword")
        if len(known) >= LABELS_MAX:
            raise SetFault("overQuota", f"an account has at most {LABELS_MAX} labels")
        made = Label(keyword=keyword, name=new["name"].strip(), color=new["color"])
        return {"id": self.id_of(await labels.add(tx, access.account_id, made)), "keyword": keyword}

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8620 5.3."""
        new = update.new
        if new != update.old:
            changed = Label(
                id=self.number_of(update.id), keyword=new["keyword"], name=new["name"].strip(),
                color=new["color"],
            )  # fmt: skip
            await labels.change(tx, access.account_id, changed)
        return None

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8620 5.3."""
        if not await labels.remove(tx, access.account_id, self.number_of(id_)):
            raise SetFault("notFound")


def _object(one: Label) -> dict[str, Any]:
    return {
        "id": Labels.id_of(one.id),
        "keyword": one.keyword,
        "name": one.name,
        "color": one.color,
    }

"""Operations on the configuration as one text."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from merpati.servers.api.operation import Call, Operation
from merpati.services.configuration import apply, document
from merpati.services.configuration.plan import Plan
from merpati.store import configurations
from merpati.store.configurations import Version

TEXT_MAX = 8 << 20  # bytes of a request


class Asked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """In which language its comments, or the sentences of a plan, are."""

    language: str = ""


class Text(Struct, frozen=True, rename="camel"):
    """The configuration, TOML."""

    text: str


class Wanted(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A text, and what becomes of things that it does not have: by default they stay."""

    text: Annotated[str, Meta(max_length=TEXT_MAX)]
    remove: bool = False
    remove_accounts: bool = False


async def export(call: Call) -> Text:
    """Without passwords."""
    found = await call.store.scan(apply.gather)
    return Text(document.render(found, call.language))


async def compare(call: Call) -> Plan:
    """Nothing is changed."""
    wanted: Wanted = call.body
    return await call.store.scan(
        apply.difference, document.read(wanted.text), remove=wanted.remove,
        remove_accounts=wanted.remove_accounts, language=call.language,
    )  # fmt: skip


async def apply_text(call: Call) -> Plan:
    """All or nothing."""
    wanted: Wanted = call.body
    return await apply.apply(
        call.store, call.actor, call.now, document.read(wanted.text), call.services.ids.token,
        remove=wanted.remove, remove_accounts=wanted.remove_accounts, language=call.language,
    )  # fmt: skip


async def list_versions(call: Call) -> list[Version]:
    """The latest first."""
    return await call.store.read(configurations.listing)


async def show_version(call: Call) -> Text:
    """To be compared, and applied again."""
    number = call.number("number", "there is no such version")
    return Text(await call.store.read(configurations.text, number))


OPERATIONS = (
    Operation(
        method="GET", path="/configuration", name="exportConfiguration", topic="configuration",
        does=export, query=Asked, answer=Text,
        text="Everything that administrators arrange in the store, as one annotated text.",
    ),
    Operation(
        method="POST", path="/configuration/compare", name="compareConfiguration",
        topic="configuration", does=compare, query=Asked, body=Wanted, answer=Plan,
        body_max=TEXT_MAX,
        text="What applying a text would change, in words.",
    ),
    Operation(
        method="POST", path="/configuration/apply", name="applyConfiguration",
        topic="configuration", does=apply_text, query=Asked, body=Wanted, answer=Plan,
        body_max=TEXT_MAX,
        text="Change what a text says, all or nothing; each step is in the audit.",
    ),
    Operation(
        method="GET", path="/configuration/versions", name="listConfigurationVersions",
        topic="configuration", does=list_versions, answer=list[Version],
        text="Earlier versions, the latest first.",
    ),
    Operation(
        method="GET", path="/configuration/versions/{number}", name="showConfigurationVersion",
        topic="configuration", does=show_version, answer=Text,
        text="An earlier version; applying it with remove returns to it.",
    ),
)  # fmt: skip

"""Operations on webhooks: programs that are told of what happens."""

from __future__ import annotations

from merpati.servers.api.operation import Call, Operation
from merpati.servers.api.queries import Latest
from merpati.services.administration.hooks import (
    MadeWebhook,
    NewWebhook,
    TellingView,
    WebhookChange,
    WebhookView,
)


def _id(call: Call) -> int:
    return call.number("id", "there is no such webhook")


async def listing(call: Call) -> list[WebhookView]:
    """The oldest first."""
    return await call.services.hooks.listing()


async def add(call: Call) -> MadeWebhook:
    """Its secret is shown only now."""
    new: NewWebhook = call.body
    return await call.services.hooks.add(call.actor, new)


async def change(call: Call) -> MadeWebhook:
    """What is left out stays."""
    wanted: WebhookChange = call.body
    return await call.services.hooks.change(call.actor, _id(call), wanted)


async def remove(call: Call) -> None:
    """With what it was to be told."""
    await call.services.hooks.remove(call.actor, _id(call))


async def log(call: Call) -> list[TellingView]:
    """The latest first."""
    return await call.services.hooks.log(_id(call), call.query.limit)


async def test(call: Call) -> TellingView:
    """The answer is waited for, for a while."""
    return await call.services.hooks.test(_id(call))


_TOPIC = "webhooks"
OPERATIONS = (
    Operation(
        method="GET", path="/webhooks", name="listWebhooks", topic=_TOPIC, does=listing,
        answer=list[WebhookView], text="Programs that are told of what happens.",
    ),
    Operation(
        method="POST", path="/webhooks", name="addWebhook", topic=_TOPIC, does=add, status=201,
        body=NewWebhook, answer=MadeWebhook,
        text="Tell one more program; the secret that signs what it is told is shown only now.",
    ),
    Operation(
        method="PATCH", path="/webhooks/{id}", name="changeWebhook", topic=_TOPIC, does=change,
        body=WebhookChange, answer=MadeWebhook,
        text="Change a webhook, or switch it on or off; what is left out stays.",
    ),
    Operation(
        method="DELETE", path="/webhooks/{id}", name="removeWebhook", topic=_TOPIC, does=remove,
        text="Tell a program nothing more.",
    ),
    Operation(
        method="GET", path="/webhooks/{id}/deliveries", name="listDeliveries", topic=_TOPIC,
        does=log, query=Latest, answer=list[TellingView],
        text="What a program was told in the last week, and is to be told, the latest first.",
    ),
    Operation(
        method="POST", path="/webhooks/{id}/test", name="testWebhook", topic=_TOPIC, does=test,
        answer=TellingView,
        text="Have a program told that this is a test, and wait for what it says.",
    ),
)  # fmt: skip

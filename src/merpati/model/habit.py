"""What an account's outgoing mail is usually like, and whether it is still that person's.

A stolen password shows in mail to many people whom the account never wrote to. So one
measure decides, the *load*: each recipient elsewhere who is new to the account counts 1,
one it has written to before counts `FAMILIAR`. What is sent under odd circumstances counts
more: from a network the account never used, from many of them in a day, at an hour at which
it never writes. The load of the last hour and of the last day is held against what is
allowed: a number that people do not reach, or twice what the account's busiest hour and day
of late had. When more of the mail than usual cannot be delivered, less is allowed.

Circumstances count for what is sent under them and for nothing else, so one message from
a train does not turn the morning's newsletter into an attack.

A habit is learned from days that are over: what happens today does not vouch for itself.
It is a value of fixed size, kept as one row; all here is pure. Days and hours are those of
UTC: what an account never does needs no time zone.
"""

from __future__ import annotations

from typing import Final

import msgspec

HOUR: Final = 3_600_000  # ms
DAY: Final = 86_400_000  # ms

FAMILIAR: Final = 0.1  # load of a recipient who was written to before
FROM_NEW_NETWORK: Final = 2.0  # each of these multiplies the load
FROM_MANY_NETWORKS: Final = 2.0
AT_UNUSUAL_HOUR: Final = 1.7
MANY_NETWORKS: Final = 5  # new ones in one day
NETWORKS_SETTLED: Final = 3  # days with mail, then a network can be new
HOURS_SETTLED: Final = 10  # days with mail, then an hour can be unusual
HOUR_KNOWN: Final = 60  # days that an hour is remembered for
NETWORKS_KEPT: Final = 24
GROWTH: Final = 2.0  # times the busiest hour or day of late is no surprise
LEARNING: Final = 0.5  # how far the busiest moves towards a busier one, at the end of a day
FADING: Final = 0.98  # of the busiest, with each day: half in 34 days
FAILURES_MIN: Final = 5  # fewer are chance
FAILURES_COUNT: Final = 2.0  # a share of failures of 0.3 more than usual takes 0.6 away
TOLERANCE_MIN: Final = 0.25
SHARE_LEARNING: Final = 0.2
SHARE_MIN: Final = 10  # recipients of a day whose share of failures says something


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may go out; 0: any number.

    The first four are limits: what is beyond has to wait. Of the load (`strangers`) more
    than that is taken for a stolen password.
    """

    messages_per_hour: int = 0
    messages_per_day: int = 0
    recipients_per_hour: int = 0
    recipients_per_day: int = 0
    strangers_per_hour: int = 0
    strangers_per_day: int = 0


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What was sent in some time."""

    messages: int = 0
    recipients: int = 0
    strangers: int = 0  # recipients who were new
    away: int = 0  # recipients, from networks that are new
    odd: int = 0  # recipients, at unusual hours
    failures: int = 0  # recipients it could not be delivered to, for good
    load: float = 0.0


NOTHING: Final = Count()


class Window(msgspec.Struct, frozen=True, array_like=True):
    """An hour or a day by the clock, and the one before; together they slide."""

    index: int = 0  # hours or days since 1970
    now: Count = NOTHING
    before: Count = NOTHING


class Habit(msgspec.Struct, frozen=True, array_like=True):
    """One account's habit, and its last hour and day.

    Attributes:
        days: With mail elsewhere, that are over.
        busiest_hour: The largest load of an hour, of late.
        busiest_day: And of a day.
        failing: The usual share of recipients it cannot be delivered to.
        networks: With the last day of each, as days since 1970; never more than
            `NETWORKS_KEPT`.
        hours: For each hour of the day the last day it was written in; 0: never.
        fresh: Networks of today.
        mask: Hours of today, as bits.
        peak: The largest load of an hour today.
        hour: The last hours.
        day: The last days.
    """

    days: int = 0
    busiest_hour: float = 0.0
    busiest_day: float = 0.0
    failing: float = 0.0
    networks: dict[str, int] = {}
    hours: tuple[int, ...] = (0,) * 24
    fresh: tuple[str, ...] = ()
    mask: int = 0
    peak: float = 0.0
    hour: Window = Window()
    day: Window = Window()


class Sending(msgspec.Struct, frozen=True):
    """One message to people elsewhere."""

    recipients: int
    strangers: int
    network: str  # of the client; empty: this machine


class Reason(msgspec.Struct, frozen=True):
    """One thing that was seen: a word for it, and numbers and names to say it with."""

    code: str
    fields: dict[str, int | str]


def network_of(peer: str) -> str:
    """What a client's address is known by: the size of a provider's, /16 or /32 for IPv6.

    Smaller ones change with every connection of a telephone. Empty for this machine.
    """
    if not peer or peer == "unix" or peer.startswith(("127.", "::1")):
        return ""
    peer = peer.removeprefix("::ffff:")
    if ":" not in peer:
        first, second, *_ = f"{peer}..".split(".")
        return f"{first}.{second}.0.0/16"
    first, second, *_ = f"{peer}::".split(":")
    return f"{first}:{second}::/32".replace(":::", "::")


# What was sent


def after(habit: Habit, sending: Sending, now: int) -> Habit:
    """The habit once this has been sent, at `now` in Unix milliseconds."""
    habit = at(habit, now)
    recipients, strangers, network = sending.recipients, sending.strangers, sending.network
    load = strangers + (recipients - strangers) * FAMILIAR
    fresh = habit.fresh
    if network and network not in fresh and len(fresh) < NETWORKS_KEPT:
        fresh = (*fresh, network)
    away = odd = 0
    if is_new_network(habit, network):
        away = recipients
        load *= FROM_NEW_NETWORK
        if len(new_networks(habit, fresh)) >= MANY_NETWORKS:
            load *= FROM_MANY_NETWORKS
    hour = habit.hour.index % 24
    if is_unusual_hour(habit, hour):
        odd = recipients
        load *= AT_UNUSUAL_HOUR
    more = Count(1, recipients, strangers, away, odd, 0, load)
    in_hour = _plus(habit.hour.now, more)
    return Habit(
        habit.days, habit.busiest_hour, habit.busiest_day, habit.failing, habit.networks,
        habit.hours, fresh, habit.mask | 1 << hour, max(habit.peak, in_hour.load),
        Window(habit.hour.index, in_hour, habit.hour.before),
        Window(habit.day.index, _plus(habit.day.now, more), habit.day.before),
    )  # fmt: skip


def after_failures(habit: Habit, failures: int, now: int) -> Habit:
    """The habit once so many recipients of earlier mail have failed for good."""
    habit = at(habit, now)
    day = _plus(habit.day.now, Count(failures=failures))
    window = Window(habit.day.index, day, habit.day.before)
    return msgspec.structs.replace(habit, day=window)


def at(habit: Habit, now: int) -> Habit:
    """The habit as it stands at `now`: hours and days that are over have moved on."""
    hour, day = now // HOUR, now // DAY
    if hour <= habit.hour.index:  # the usual case; or a clock that was set back
        return habit
    if day > habit.day.index:
        habit = msgspec.structs.replace(learned(habit), day=_moved(habit.day, day))
    return msgspec.structs.replace(habit, hour=_moved(habit.hour, hour))


def learned(habit: Habit) -> Habit:
    """What the day in `habit.day` teaches, once it is over, or was found to be in order."""
    done = habit.day
    if not done.now.messages:
        return habit
    networks = habit.networks | dict.fromkeys(habit.fresh, done.index)
    latest = sorted(networks.items(), key=lambda one: one[1], reverse=True)[:NETWORKS_KEPT]
    last = max(habit.hours)
    faded = FADING ** (done.index - last) if last else 1.0
    failing = habit.failing
    if done.now.recipients >= SHARE_MIN:
        share = min(1.0, done.now.failures / done.now.recipients)
        failing += (share - failing) * SHARE_LEARNING
    return msgspec.structs.replace(
        habit,
        days=habit.days + 1,
        busiest_hour=_towards(habit.busiest_hour * faded, habit.peak),
        busiest_day=_towards(habit.busiest_day * faded, done.now.load),
        failing=failing,
        networks=dict(latest),
        hours=tuple(
            done.index if habit.mask >> n & 1 else before for n, before in enumerate(habit.hours)
        ),
        fresh=(),
        mask=0,
        peak=0.0,
    )


def cleared(habit: Habit, *, learn: bool) -> Habit:
    """The habit without its last hour and day, after somebody has looked into it.

    Args:
        habit: As it was.
        learn: It was the person, so this is what the person does.
    """
    if learn:
        peak, load = habit.peak, habit.day.now.load
        habit = learned(habit)
        habit = msgspec.structs.replace(
            habit,
            busiest_hour=max(habit.busiest_hour, peak),
            busiest_day=max(habit.busiest_day, load),
        )
    return msgspec.structs.replace(
        habit,
        fresh=(),
        mask=0,
        peak=0.0,
        hour=Window(habit.hour.index),
        day=Window(habit.day.index),
    )


def _moved(window: Window, index: int) -> Window:
    return Window(index, NOTHING, window.now if index == window.index + 1 else NOTHING)


def _plus(one: Count, more: Count) -> Count:
    return Count(
        one.messages + more.messages, one.recipients + more.recipients,
        one.strangers + more.strangers, one.away + more.away, one.odd + more.odd,
        one.failures + more.failures, one.load + more.load,
    )  # fmt: skip


def _towards(busiest: float, new: float) -> float:
    return busiest + (new - busiest) * LEARNING if new > busiest else busiest


# What is known of it


def is_new_network(habit: Habit, network: str) -> bool:
    """Whether the account, that is used to others, has not used this one before today."""
    return network not in habit.networks and network != "" and habit.days >= NETWORKS_SETTLED


def new_networks(habit: Habit, networks: tuple[str, ...]) -> list[str]:
    """Those that are new to the account."""
    return [one for one in networks if is_new_network(habit, one)]


def is_unusual_hour(habit: Habit, hour: int) -> bool:
    """Whether the account has not written at this hour, nor beside it, for long."""
    if habit.days < HOURS_SETTLED:
        return False
    since, hours = habit.day.index - HOUR_KNOWN, habit.hours
    return hours[hour] < since and hours[hour - 1] < since and hours[(hour + 1) % 24] < since


def last_hour(habit: Habit, now: int) -> Count:
    """What was sent in the 60 minutes before `now`, about."""
    return _slid(at(habit, now).hour, 1 - now % HOUR / HOUR)


def last_day(habit: Habit, now: int) -> Count:
    """What was sent in the 24 hours before `now`, about."""
    return _slid(at(habit, now).day, 1 - now % DAY / DAY)


def _slid(window: Window, left: float) -> Count:
    """The present part, and of the one before as much as is still within reach."""
    now, before = window.now, window.before
    if before is NOTHING or not (before.messages or before.failures):
        return now
    return Count(
        now.messages + round(before.messages * left),
        now.recipients + round(before.recipients * left),
        now.strangers + round(before.strangers * left),
        now.away + round(before.away * left),
        now.odd + round(before.odd * left),
        now.failures + round(before.failures * left),
        now.load + before.load * left,
    )


def tolerance(habit: Habit, day: Count) -> float:
    """How much of what is allowed is left to an account whose mail fails more than usual."""
    if day.failures < FAILURES_MIN:
        return 1.0
    excess = min(1.0, day.failures / max(1, day.recipients)) - habit.failing
    return min(1.0, max(TOLERANCE_MIN, 1 - FAILURES_COUNT * excess))


def allowed(habit: Habit, limits: Limits) -> tuple[float, float]:
    """The load of an hour and of a day that the account may have, all being well."""
    none = float("inf")
    return (
        max(limits.strangers_per_hour, GROWTH * habit.busiest_hour)
        if limits.strangers_per_hour else none,
        max(limits.strangers_per_day, GROWTH * habit.busiest_day)
        if limits.strangers_per_day else none,
    )  # fmt: skip


# Judgement


def judge(habit: Habit, limits: Limits, now: int) -> list[Reason]:
    """Why this looks like somebody else's doing; nothing when it does not."""
    if _is_quiet(habit, limits):
        return []
    day = last_day(habit, now)
    hour = last_hour(habit, now)
    left = tolerance(habit, day)
    in_hour, in_day = allowed(habit, limits)
    if hour.load > in_hour * left:
        return _reasons(habit, "hour", hour, day, round(in_hour * left))
    if day.load > in_day * left:
        return _reasons(habit, "day", day, day, round(in_day * left))
    return []


def _is_quiet(habit: Habit, limits: Limits) -> bool:
    """Whether it is too little to be looked at, however much of it fails: nearly always."""
    hour, day = habit.hour, habit.day
    return (
        hour.now.load + hour.before.load <= limits.strangers_per_hour * TOLERANCE_MIN
        and day.now.load + day.before.load <= limits.strangers_per_day * TOLERANCE_MIN
    )


def _reasons(habit: Habit, span: str, seen: Count, day: Count, most: int) -> list[Reason]:
    usual = habit.busiest_hour if span == "hour" else habit.busiest_day
    reasons = [
        Reason(f"strangers-{span}", {"strangers": seen.strangers, "recipients": seen.recipients})
    ]
    fresh = new_networks(habit, habit.fresh)
    if seen.away and fresh:
        code = "networks" if len(fresh) >= MANY_NETWORKS else "network"
        fields: dict[str, int | str] = {
            "recipients": seen.away, "networks": ", ".join(fresh[:MANY_NETWORKS]),
            "count": len(fresh),
        }  # fmt: skip
        reasons.append(Reason(code, fields))
    if seen.odd:
        reasons.append(Reason("hour", {"recipients": seen.odd, "hour": habit.hour.index % 24}))
    if tolerance(habit, day) < 1:
        share = round(100 * min(1.0, day.failures / max(1, day.recipients)))
        usually = round(100 * habit.failing)
        fields = {"failures": day.failures, "share": share, "usually": usually}
        reasons.append(Reason("failures", fields))
    weighed: dict[str, int | str] = {
        "load": round(seen.load), "allowed": most, "usual": round(usual)
    }  # fmt: skip
    return [*reasons, Reason("weighed", weighed)]


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """What many accounts send together, in the last hours and days."""

    hour: Window = Window()
    day: Window = Window()


def flowed(flow: Flow, count: Count, now: int) -> Flow:
    """The flow with more of it."""
    hour, day = now // HOUR, now // DAY
    in_hour = flow.hour if hour <= flow.hour.index else _moved(flow.hour, hour)
    in_day = flow.day if day <= flow.day.index else _moved(flow.day, day)
    return Flow(
        Window(in_hour.index, _plus(in_hour.now, count), in_hour.before),
        Window(in_day.index, _plus(in_day.now, count), in_day.before),
    )


def beyond(habit: Habit | Flow, recipients: int, limits: Limits, now: int) -> str:
    """The limit that one more message to so many would pass: its name, or an empty text."""
    for span, length, window, messages, most in (
        ("hour", HOUR, habit.hour, limits.messages_per_hour, limits.recipients_per_hour),
        ("day", DAY, habit.day, limits.messages_per_day, limits.recipients_per_day),
    ):
        index = now // length
        if index > window.index:
            window = _moved(window, index)  # noqa: PLW2901 -- as it stands now
        left = 1 - now % length / length
        present, before = window.now, window.before
        if messages and present.messages + before.messages * left + 1 > messages:
            return f"messages_per_{span}"
        if most and present.recipients + before.recipients * left + recipients > most:
            return f"recipients_per_{span}"
    return ""

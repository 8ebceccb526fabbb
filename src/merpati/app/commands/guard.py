"""Mail out: who may send how much, and accounts that were stopped from sending."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import spoken, tell
from merpati.base.faults import Fault, Kind
from merpati.model import habit as habits_of
from merpati.model.account import Account
from merpati.model.habit import Count, Limits, Reason
from merpati.services import guard
from merpati.services.administration import guarding
from merpati.services.administration.guarding import Letting
from merpati.services.guard import GuardSettings
from merpati.services.login import hash_password
from merpati.store import directory, habits, queue_admin
from merpati.store.engine import Transaction
from merpati.store.habits import Freeze, Standing
from merpati.wire import guard_letters

DEFAULT: Final = "default"
LIMITS: Final = Limits.__struct_fields__
STRANGERS: Final = frozenset({"strangers_per_hour", "strangers_per_day"})
ALL: Final = 1000  # freezes listed


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati guard list|show|release|freeze|set`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _add(actions, "list", "accounts that may not send now", _list)
    listing.add_argument("--all", action="store_true", help="also those that were released")
    show = _add(actions, "show", "what an account, or a domain, sends, and may send", _show)
    show.add_argument("address", help="an account, or a domain")
    release = _add(actions, "release", "let an account send again, and let its mail go", _release)
    release.add_argument("address")
    release.add_argument("--delete", action="store_true", help="drop the held mail")
    release.add_argument(
        "--keep-password",
        action="store_true",
        help="it was a false alarm: no new password, and what was seen is this account's habit",
    )
    release.add_argument("--password-stdin", action="store_true", help="read the new password")
    stop = _add(actions, "freeze", "stop an account from sending, and hold its mail", _freeze)
    stop.add_argument("address")
    stop.add_argument("--reason", default="its password is known to others", help="for people")
    change = _add(actions, "set", "give an account or a domain limits of its own", _set)
    change.add_argument("address", help="an account, or a domain")
    for name in LIMITS:
        change.add_argument(
            f"--{name.replace('_', '-')}", type=_limit, metavar="N", dest=name,
            help=f"0: any; {DEFAULT}: as [guard] says",
        )  # fmt: skip


def _add(
    actions: Any, name: str, text: str, work: Callable[..., Awaitable[int | None]]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    session.add_config_option(parser)
    session.add_json_option(parser)
    parser.set_defaults(work=work)
    return parser


def _limit(text: str) -> int:
    if text == DEFAULT:
        return -1
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write 5000, 0 or {DEFAULT}")
    return int(text)


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    status: int | None = session.with_session(args, lambda one: args.work(one, args))
    return status


# Those that may not send


async def _list(one: Session, args: argparse.Namespace) -> None:
    found = await one.store.scan(_freezes, ended=args.all)
    if args.json:
        session.print_json([_plain_freeze(address, each, held) for address, each, held in found])
        return
    rows = [
        (
            address,
            session.show_time(each.at),
            session.show_time(each.ended_at) if each.ended_at else "",
            held,
            _sentences(each.reasons)[0],
        )
        for address, each, held in found
    ]
    headings = ("account", "since", "until", "held", "what was seen")
    session.print_table(headings, rows, "Every account may send.")
    if any(not each.ended_at for _, each, _ in found):
        say("All that was seen: merpati guard show ADDRESS")


async def _freezes(tx: Transaction, *, ended: bool) -> list[tuple[str, Freeze, int]]:
    found = []
    for each in await habits.freezes(tx, ended=ended, limit=ALL):
        account = await directory.account_by_id(tx, each.account_id)
        held = 0
        if not each.ended_at:
            held = await queue_admin.count(tx, guard.of_guard(each.account_id))
        found.append((account.address if account else "", each, held))
    return found


async def _release(one: Session, args: argparse.Namespace) -> int:
    if args.keep_password and args.password_stdin:
        raise Fault(Kind.SYNTAX, "choose one: --keep-password or --password-stdin")
    account = await one.store.read(directory.account, args.address)
    current = await one.store.read(habits.freezes, account.id)
    made_up, hashed = "", ""
    if args.password_stdin or (not args.keep_password and _has_old_password(account, current)):
        password, is_made_up = session.read_password(
            account.address, from_stdin=args.password_stdin
        )
        made_up = password if is_made_up else ""
        hashed = hash_password(password)
    how = Letting(delete=args.delete, false_alarm=args.keep_password)
    was, count = await guarding.let_go(one.store, one.actor, one.now, account, hashed, how)
    if args.json:
        result = {"address": account.address, "released": was, "recipients": count}
        session.print_json(result | ({"password": made_up} if made_up else {}))
        return 0 if was or count else 1
    if not was and not count:
        say(f"{account.address} may send already, and none of its mail is held by the guard.")
        return 1
    what = "dropped" if args.delete else "on its way"
    say(f"{account.address} may send again; mail for {count} recipients is {what}.")
    if made_up:
        say(f"New password, shown only now: {made_up}")
    return 0


def _has_old_password(account: Account, current: list[Freeze]) -> bool:
    """Whether the password is still the one that somebody may have."""
    return any(each.password == habits.password_mark(account.password) for each in current)


async def _freeze(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.address)
    done = await one.store.write(guarding.stop, one.actor, one.now, account, args.reason)
    if args.json:
        session.print_json({"address": account.address, "frozen": done})
    elif done:
        say(f"{account.address} may send nothing more; the running server holds its mail.")
        say(f"To undo it: merpati guard release {account.address}")
    else:
        say(f"{account.address} was stopped before; see: merpati guard show {account.address}")
    return 0 if done else 1


# What is sent, and what may be


async def _show(one: Session, args: argparse.Namespace) -> None:
    if "@" not in args.address:
        await _show_domain(one, args)
        return
    settings = one.config[GuardSettings]
    account = await one.store.read(directory.account, args.address)
    standing = await one.store.read(habits.standing, account.id)
    known = await one.store.scan(habits.count_known, account.id)
    freezes = await one.store.read(habits.freezes, account.id, ended=True)
    held = await one.store.scan(queue_admin.count, guard.of_guard(account.id))
    hour = habits_of.last_hour(standing.habit, one.now)
    day = habits_of.last_day(standing.habit, one.now)
    limits = habits.with_own(settings.limits(), standing.own)
    if args.json:
        session.print_json({
            "address": account.address, "frozen_at": standing.frozen_at or None, "held": held,
            "hour": _plain_count(hour), "day": _plain_count(day),
            "limits": msgspec.structs.asdict(limits), "own": sorted(standing.own),
            "habit": _plain_habit(standing, known),
            "freezes": [_plain_freeze(account.address, each, 0) for each in freezes],
        })  # fmt: skip
        return
    say(f"{account.address}  {account.name}".rstrip())
    if standing.frozen_at:
        say(f"stopped    since {session.show_time(standing.frozen_at)}; held: {held} recipients")
    say(f"usually    {_usual(standing)}; has written to {known} people")
    habit = standing.habit
    networks = sorted({*habit.networks, *habit.fresh})
    say(f"networks   {', '.join(networks) or 'none yet'}")
    say("")
    _print_counts(hour, day, limits, standing.own)
    for each in freezes:
        end = session.show_time(each.ended_at) if each.ended_at else "now"
        say("")
        peer = f"; the last client: {each.peer}" if each.peer else ""
        say(f"stopped from {session.show_time(each.at)} until {end}{peer}")
        for sentence in _sentences(each.reasons):
            say(f"  - {sentence}")


async def _show_domain(one: Session, args: argparse.Namespace) -> None:
    home = await one.store.read(directory.domain, args.address)
    flow, own = await one.store.read(habits.outflow, home.id)
    limits = habits.with_own(one.config[GuardSettings].domain_limits(), own)
    flow = habits_of.flowed(flow, habits_of.NOTHING, one.now)
    habit = msgspec.structs.replace(habits.NO_HABIT, hour=flow.hour, day=flow.day)
    hour, day = habits_of.last_hour(habit, one.now), habits_of.last_day(habit, one.now)
    if args.json:
        session.print_json({
            "domain": home.name, "hour": _plain_count(hour), "day": _plain_count(day),
            "limits": msgspec.structs.asdict(limits), "own": sorted(own),
        })  # fmt: skip
        return
    say(f"{home.name}: what its accounts sent to other domains")
    say("")
    _print_counts(hour, day, limits, own)


async def _set(one: Session, args: argparse.Namespace) -> int:
    given = {name: value for name in LIMITS if (value := getattr(args, name)) is not None}
    if not given:
        say("Nothing to change; see: merpati guard set --help")
        return 2
    if "@" in args.address:
        account = await one.store.read(directory.account, args.address)
        own = await one.store.write(guarding.limit, one.actor, one.now, account.address, given)
    elif STRANGERS & given.keys():
        raise Fault(Kind.SYNTAX, "strangers are counted for each account, not for a domain")
    else:
        home = await one.store.read(directory.domain, args.address)
        own = await one.store.write(guarding.limit, one.actor, one.now, home.name, given)
    if args.json:
        session.print_json({"address": args.address, "own": own})
    else:
        what = ", ".join(
            f"{name.replace('_', ' ')}: {value or 'any'}" for name, value in own.items()
        )
        say(f"{args.address}: {what or 'as [guard] of the configuration says'}.")
    return 0


# How it is shown


def _print_counts(hour: Count, day: Count, limits: Limits, own: dict[str, int]) -> None:
    rows = []
    for what in ("messages", "recipients", "strangers"):
        row: list[object] = [tell(what)]
        for span, count in (("hour", hour), ("day", day)):
            name = f"{what}_per_{span}"
            most = getattr(limits, name)
            row += [getattr(count, what), tell(f"{most or 'any'}{' (own)' if name in own else ''}")]
        rows.append(row)
    headings = ("to other domains", "last hour", "allowed", "last day", "allowed")
    session.print_table(headings, rows, "")
    if day.failures:
        say(f"Of the last day {day.failures} recipients could not be delivered to.")


def _usual(standing: Standing) -> str:
    habit = standing.habit
    if not habit.days:
        return "nothing is known yet"
    return (
        f"at most {habit.busiest_hour:.0f} in an hour and {habit.busiest_day:.0f} in a day,"
        f" as strangers are counted; {habit.days} days with mail"
    )


def _sentences(reasons: list[Reason]) -> list[str]:
    found = [guard_letters.reason(one.code, one.fields, spoken()) for one in reasons]
    return found or [tell("nothing is noted")]


def _plain_count(count: Count) -> dict[str, Any]:
    return {name: getattr(count, name) for name in Count.__struct_fields__}


def _plain_habit(standing: Standing, known: int) -> dict[str, Any]:
    habit = standing.habit
    return {
        "days": habit.days, "busiest_hour": round(habit.busiest_hour, 1),
        "busiest_day": round(habit.busiest_day, 1), "failing": round(habit.failing, 3),
        "networks": sorted({*habit.networks, *habit.fresh}), "recipients": known,
        "hours": [n for n, day in enumerate(habit.hours) if day or habit.mask >> n & 1],
    }  # fmt: skip


def _plain_freeze(address: str, one: Freeze, held: int) -> dict[str, Any]:
    return {
        "address": address, "since": one.at, "until": one.ended_at or None, "held": held,
        "peer": one.peer, "seen": _sentences(one.reasons),
        "reasons": [{"code": each.code, **each.fields} for each in one.reasons],
    }  # fmt: skip

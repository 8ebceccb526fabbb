"""Makes the pages of `docs/reference/` from the sources: settings, commands, metrics, SMTP, API.

Settings come from their declarations, commands from their parsers and docstrings, metrics
from the calls that make them, SMTP's extensions from the server's own table. Without
arguments it writes the pages; with `--check` it only says which are stale.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from merpati.app import cli, config, sendmail
from merpati.servers.api.reference import reference as api_page
from merpati.servers.smtp import legal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER: Final = "docs/reference"
SOURCES: Final = "src/merpati"
KINDS: Final = ("counter", "gauge", "histogram")
PREFIX: Final = "merpati_"

_MADE: Final = "Made from the sources by `tools/reference.py`: run `make reference` after a change."

_COMMANDS: Final = """\
Every command has `--help`, and those that work on an installation have `-c FILE`, its
configuration. Errors are one line on standard error with what to do next. The exit status is
0 for done, 1 for failed, 2 for wrong usage. `--json` prints for programs. Nothing is asked for
when standard input is no terminal.
"""
_EVERYWHERE: Final = ("help", "config", "json")  # said once, at the head of the page


class Metric(NamedTuple):
    """One metric, as the call that makes it says."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


# -- settings -----------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting of the configuration file."""
    return (
        f"# Settings\n\n{_MADE}\n\n"
        "They stand in `merpati.toml`; how that file is found is told in the\n"
        "[guide](../guide/administer.md#the-configuration). Durations are seconds or text such as\n"
        '`"15m"`, sizes are bytes or text such as `"50MB"`. `merpati config explain NAME` shows\n'
        "one, `merpati config show` what is set. SIGHUP applies a change, unless it says that it\n"
        "takes a restart.\n\n" + config.reference()
    )


# -- commands -----------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command with its arguments."""
    parts = [f"# Commands\n\n{_MADE}\n\n{_COMMANDS}"]
    for name in cli.COMMANDS:
        module = importlib.import_module(f"merpati.app.commands.{cli.MODULES.get(name, name)}")
        if name == "sendmail":
            text = str(sendmail.__doc__).strip()
            parts.append(f"## merpati sendmail\n\n```text\n{text}\n```\n")
            continue
        parser = argparse.ArgumentParser(prog=f"merpati {name}")
        module.configure(parser)
        parts.append(f"## merpati {name}\n\n{str(module.__doc__).strip()}\n")
        parts += [_command(one, text) for one, text in _leaves(parser)]
    return "\n".join(parts)


def _leaves(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """A parser's actions with their help, or itself when it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            about = {one.dest: one.help or "" for one in action._choices_actions}
            for name, child in action.choices.items():
                yield child, about.get(name, "")
            return
    yield parser, ""


def _command(parser: argparse.ArgumentParser, text: str) -> str:
    actions = [one for one in parser._actions if one.dest not in ("help", "config")]
    positional = [one for one in actions if not one.option_strings]
    words = [_usage(one) for one in positional]
    words += [_usage(one) for one in actions if one.option_strings]
    lines = [f"- `{' '.join([parser.prog, *words])}`" + (f": {text}" if text else "")]
    for one in actions:
        if one.help and one.dest not in _EVERYWHERE:
            name = ", ".join(one.option_strings) or str(one.metavar or one.dest)
            lines.append(f"  - `{name}`: {one.help}")
    return "\n".join(lines) + "\n"


def _usage(action: argparse.Action) -> str:
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    value = str(action.metavar or choices or action.dest.upper())
    if action.option_strings:
        takes = "" if action.nargs == 0 else f" {value}"
        text = f"{action.option_strings[-1]}{takes}"
        return text if action.required else f"[{text}]"
    forms = {"?": f"[{value}]", "*": f"[{value} ...]", "+": f"{value} ..."}
    return forms.get(str(action.nargs), value)


# -- metrics ------------------------------------------------------------------------------------


def metrics_page(root: Path) -> str:
    """Every metric that the sources make."""
    lines = [
        f"# Metrics\n\n{_MADE}\n",
        "`/metrics` of the `metrics` listener has them as Prometheus text, added up over all",
        "workers of the machine; what other workers have counted may be five seconds old.\n",
        "| metric | kind | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for one in sorted(metrics(root)):
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.text} |")
    return "\n".join(lines) + "\n"


def metrics(root: Path) -> Iterator[Metric]:
    """The metrics that the sources make, as often as they do."""
    for path in sorted((root / SOURCES).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (found := _metric(node)):
                yield found


def _metric(call: ast.Call) -> Metric | None:
    """`metrics.counter(name, text, labels)`, `gauge(...)` or `Family(name, kind, text, labels)`."""
    func = call.func
    made_by = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if made_by not in (*KINDS, "Family"):
        return None
    values = [_constant(node) for node in call.args]
    if not values or not isinstance(values[0], str) or not values[0].startswith(PREFIX):
        return None
    if made_by == "Family":
        name, kind, text, labels, *_ = values
    else:
        name, text, labels, *_ = (*values, ())
        kind = made_by
    named = labels if isinstance(labels, tuple) else ()
    return Metric(str(name), str(kind), named, str(text))


def _constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


# -- SMTP ---------------------------------------------------------------------------------------


def smtp_page() -> str:
    """What each kind of SMTP listener offers."""
    return (
        f"# SMTP\n\n{_MADE}\n\n"
        "What a listener of each kind answers to EHLO (`lmtp`: LHLO). Some of it depends on the\n"
        "session: STARTTLS is there until it is used, REQUIRETLS from then on, AUTH while nobody\n"
        "has signed in, ETRN for who has, XCLIENT for the networks in the listener's `xclient`.\n"
        "How to set listeners up is told in the [guide](../guide/smtp.md).\n\n" + legal.reference()
    )


# -- the pages ----------------------------------------------------------------------------------


def pages(root: Path) -> dict[str, str]:
    """Every page by its name."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "metrics.md": metrics_page(root),
        "smtp.md": smtp_page(),
        "api.md": api_page(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pages, or with `--check` compares them; 1 when one is stale."""
    parser = argparse.ArgumentParser(description="makes the pages of docs/reference")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    options = parser.parse_args(argv)
    stale = []
    made = pages(options.root)
    for name, text in made.items():
        path = options.root / FOLDER / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    for name in stale if options.check else ():
        print(f"{FOLDER}/{name}: stale; run `make reference`")
    print(f"reference: {len(stale)} of {len(made)} pages {'stale' if options.check else 'written'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())

"""The command `merpati`: conventional, quick to start, errors in one line with the next step.

Each command is a module of `app.commands` with `configure(parser)` and `run(args)`. Only the
one that is asked for is imported, so `merpati --help` costs an interpreter and this file.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import Final

from merpati.app.language import Parser, tell

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130  # as shells have it: 128 and the number of SIGINT

# Command: what it is for. Order as in the help.
COMMANDS: Final = {
    "init": "make a new installation",
    "serve": "run the server in the foreground",
    "demo": "make a demo installation when there is none, and serve it",
    "domain": "domains whose mail is at home here",
    "account": "people and their mailboxes",
    "shared": "mailboxes that several people share",
    "alias": "addresses that send on to others, and catch-alls",
    "list": "mailing lists, their members and posts that wait",
    "import": "take mail over from files, or from another server",
    "export": "write an account's mail to files",
    "collector": "mailboxes elsewhere that mail is fetched from",
    "sieve": "filter scripts of accounts, and automatic replies",
    "pop3": "how accounts' mail is shown by POP3",
    "queue": "mail that waits to be sent on",
    "guard": "how much may leave, and accounts that were stopped from sending",
    "trace": "what happened to a message",
    "index": "the text index: how far it is, or build it anew",
    "backup": "back up everything, while the server runs",
    "restore": "bring back a backup: everything, an account, a mailbox",
    "check": "look for damage in the store, and mend it",
    "dns": "the DNS records to publish for a domain",
    "tls": "certificates, MTA-STS policies, and what other domains demand",
    "dkim": "the keys that sign a domain's mail, and their rotation",
    "report": "what others report about mail in the name of our domains",
    "alert": "what is wrong and worth waking somebody",
    "webhook": "programs that are told of what happens",
    "doctor": "see whether DNS, ports, certificates, clock and disks are as they should be",
    "audit": "who changed what, and taking a change back",
    "config": "show and explain the settings",
    "sendmail": "send a message from standard input, as the classic program does",
}

# Modules whose command could not be the name of one.
MODULES: Final = {
    "import": "importing",
    "export": "exporting",
    "shared": "sharing",
    "restore": "restoring",
}


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS)) + 2
    lines = [
        tell("usage: merpati COMMAND [ARGUMENTS]"),
        "",
        tell("Merpati is an organisation's whole mail system."),
        "",
        tell("commands:"),
        *(f"  {name:{width}}{tell(text)}" for name, text in COMMANDS.items()),
        "",
        tell("merpati COMMAND --help explains a command. The configuration is found at -c FILE,"),
        tell("else $MERPATI_CONFIG, else ./merpati.toml, else /etc/merpati/merpati.toml."),
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 failed, 2 wrong usage."""
    words = sys.argv[1:] if argv is None else argv
    name = words[0] if words else ""
    _ready_streams()
    try:
        status = _answer(name) if name not in COMMANDS else _run(name, words[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a list has seen enough
        _throw_output_away()
        return DONE
    except UnicodeEncodeError:
        if all(map(_is_text, words)):
            raise
        sys.stderr.write(f"merpati {name}: {tell('what was typed is not UTF-8; type it again')}\n")
        return WRONG_USAGE
    except OSError as error:
        from merpati.app import trouble  # noqa: PLC0415 -- seldom needed

        sys.stderr.write(f"merpati {name}: {tell(trouble.explain(error))}\n")
        _throw_output_away()
        return FAILED
    return status


def _answer(name: str) -> int:
    if name in {"-h", "--help", "help"}:
        sys.stdout.write(usage())
        return DONE
    if name in {"-V", "--version", "version"}:
        from merpati import __version__  # noqa: PLC0415 -- `--help` shall start quickly

        sys.stdout.write(f"merpati {__version__}\n")
        return DONE
    sys.stderr.write(_unknown(name) if name else usage())
    return WRONG_USAGE


def _run(name: str, words: list[str]) -> int:
    """Run the command `name` with its arguments; an expected failure is told in one line."""
    module = importlib.import_module(f"merpati.app.commands.{MODULES.get(name, name)}")
    if name == "sendmail":  # its options are older than argparse's conventions
        status: int = module.main(words)
        return status
    parser = Parser(prog=f"merpati {name}", description=module.__doc__)
    module.configure(parser)
    args = parser.parse_args(words)
    from merpati.base.faults import Fault  # noqa: PLC0415 -- `--help` shall start quickly

    try:
        return int(module.run(args) or DONE)
    except Fault as fault:
        sys.stderr.write(f"merpati {name}: {tell(fault.text)}\n")
        return FAILED


def _ready_streams() -> None:
    """Let none of the first three descriptors be a file of ours, and any text be printable.

    A program may be started with closed standard streams; then the first file that is opened,
    such as the database, would be where messages go.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free one, so this one
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115 -- for the whole run
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(errors="replace")


def _is_text(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _throw_output_away() -> None:
    """What is still to be written has no reader; Python would complain of it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unknown(name: str) -> str:
    import difflib  # noqa: PLC0415 -- only needed to be kind

    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else "see: merpati --help"
    return "merpati: " + tell(f"there is no command {name}; {hint}") + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""Run the server in the foreground. It is ready when it prints `merpati ready`.

SIGTERM lets sessions end and stops within 10 seconds; SIGHUP reads the configuration and
the certificates again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from merpati.app import serve
from merpati.app.commands import session
from merpati.app.installation import WORKERS_MAX, find_config
from merpati.app.listeners import ROLES


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati serve [-c FILE] [--workers N] [--role ROLE ...]`."""
    session.add_config_option(parser)
    add_workers_option(parser)
    parser.add_argument(
        "--role",
        nargs="+",
        action="extend",
        default=[],
        choices=tuple(ROLES),
        metavar="ROLE",
        help="what this machine is for: mx, submission, mailboxes, web, queue; all when not given",
    )


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """The option --workers."""
    parser.add_argument(
        "--workers",
        type=_workers,
        default=0,
        metavar="N",
        help="processes; what the configuration says when not given, else one per processor",
    )


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {WORKERS_MAX}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    return serve.serve(find_config(args.config, os.environ, Path.cwd()), args.workers, args.role)

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
from merpati.app.installation import find_config


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati serve [-c FILE] [--workers N]`."""
    session.add_config_option(parser)
    parser.add_argument("--workers", type=int, default=0, help="processes; one per processor")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    return serve.serve(find_config(args.config, os.environ, Path.cwd()), args.workers)

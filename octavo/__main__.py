"""Where `octavo` begins: the command line is imported here, so that Ctrl-C in the seconds this takes is no traceback."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line; gives its exit code."""
    try:
        from octavo.flows.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())

"""The real command, with another patience: `python -m tests.impatient SECONDS run ...` gives a provider up that is away for so long."""

from __future__ import annotations

import sys

from octavo.flows import cli
from octavo.processors.ask import dispatch

if __name__ == "__main__":
    dispatch.RETRY_TIME_S = dispatch.UNREACHED_TIME_S = float(sys.argv.pop(1))
    sys.exit(cli.main())

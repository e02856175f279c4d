"""Runs the emulator from a shell: flags of the Config's plain fields come in, one line with the base URL goes out, then it serves.

    python -m tests.emulator --tier 1 --time-scale 20 --oracle labelled_lines --fault overloaded:0.01 --fault fenced:0.05:attempts=1

Each plain field of config.Config is a flag; the kinds of fault stand in faults.py.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import signal
from pathlib import Path

from tests.emulator.config import Config, Fault, Oracle
from tests.emulator.faults import check_kind
from tests.emulator.oracle import gold, labelled_lines, schema_filler
from tests.emulator.server import Emulator

_ORACLES: dict[str, Oracle] = {"labelled_lines": labelled_lines, "schema_filler": schema_filler}


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    asyncio.run(_serve(_config(_parser().parse_args())))


async def _serve(config: Config) -> None:
    emulator, stop = Emulator(config), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await emulator.start()
    print(f"listening on {emulator.base_url}", flush=True)
    await stop.wait()
    await emulator.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulator", description="A Kimi emulator on 127.0.0.1."
    )
    for field in dataclasses.fields(Config):
        if isinstance(field.default, bool):
            parser.add_argument(
                _flag(field.name), action=argparse.BooleanOptionalAction, default=field.default
            )
        elif isinstance(field.default, int | float | str):
            parser.add_argument(_flag(field.name), type=type(field.default), default=field.default)
    parser.add_argument(
        "--key", action="append", default=[], metavar="KEY=ORG", help="a key and its organisation"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:PROBABILITY[:FIELD=VALUE...]",
        help="see faults.py",
    )
    parser.add_argument(
        "--retire", action="append", default=[], metavar="MODEL[=SECOND]", help="a model that answers 404"
    )
    parser.add_argument("--oracle", choices=sorted(_ORACLES), default="schema_filler")
    parser.add_argument(
        "--gold", metavar="FILE.json", help="records by a text that their document contains, or its SHA-256"
    )
    return parser


def _config(flags: argparse.Namespace) -> Config:
    plain = {
        name: value
        for name, value in vars(flags).items()
        if name not in ("key", "fault", "retire", "oracle", "gold")
    }
    config = Config(**plain, faults=[_fault(text) for text in flags.fault])
    if flags.key:
        config.keys = dict(pair.split("=", 1) for pair in flags.key)
    for name, _, second in (text.partition("=") for text in flags.retire):
        config.retire_at[name] = float(second or 0)
    config.oracle = gold(json.loads(Path(flags.gold).read_text())) if flags.gold else _ORACLES[flags.oracle]
    return config


def _fault(text: str) -> Fault:
    """A fault as it is written on the command line, such as overloaded:0.01:value=3:until_s=60."""
    kind, *rest = text.split(":")
    check_kind(kind)
    blank = Fault(kind, float(rest[0]) if rest else 1.0)
    for name, _, value in (part.partition("=") for part in rest[1:]):
        setattr(blank, name, type(getattr(blank, name))(value))
    return blank


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


if __name__ == "__main__":
    main()

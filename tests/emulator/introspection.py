"""The paths under /_emu, which are no part of the protocol: what a test or a benchmark in another process asks and sets, as JSON.

    GET  /_emu/stats     sums over the completions, and each organisation's spending
    GET  /_emu/journal   all entries
    POST /_emu/reset     forgets everything but the Config
    POST /_emu/script    {"contains": TEXT, "reply": TEXT or OBJECT, "times": N, "status": N, "type": T, "message": M}
    POST /_emu/config    {FIELD: VALUE, ...} of the Config; "faults" is a list of objects
    POST /_emu/advance   {"seconds": N} of virtual time

No key is asked for.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from tests.emulator.config import Config, Fault
from tests.emulator.faults import check_kind
from tests.emulator.generation import Script, Scripted
from tests.emulator.refusals import Refusal, not_found
from tests.emulator.state import State

_FIELDS = {field.name for field in dataclasses.fields(Config)} - {"oracle"}


async def serve(state: State, method: str, path: str, body: bytes) -> Any:
    """What the path gives; raises the Refusal 404 for an unknown one."""
    asked = json.loads(body or b"{}")
    match method, path:
        case "GET", "/_emu/stats":
            return {**state.journal.stats(), "spent_usd": {org.name: org.spent_usd for org in state.orgs()}}
        case "GET", "/_emu/journal":
            return state.journal.rows()
        case "POST", "/_emu/reset":
            state.reset()
        case "POST", "/_emu/script":
            state.scripts.append(_script(asked))
        case "POST", "/_emu/config":
            change(state.config, asked)
        case "POST", "/_emu/advance":
            await state.clock.advance(float(asked["seconds"]))
        case _:
            raise not_found(f"{method} {path}")
    return {"ok": True}


def change(config: Config, fields: dict[str, Any]) -> None:
    """Sets fields of the Config; raises ValueError for one that is not there."""
    for name, value in fields.items():
        if name not in _FIELDS:
            raise ValueError(f"The Config has no field {name} that can be set.")
        setattr(config, name, _READ.get(name, lambda given: given)(value))


def _faults(given: list[dict[str, Any]]) -> list[Fault]:
    for fault in given:
        check_kind(fault["kind"])
    return [Fault(**fault) for fault in given]


def _by_second(given: dict[str, int]) -> dict[float, int]:
    return {float(second): tier for second, tier in given.items()}


_READ: dict[str, Callable[[Any], Any]] = {"faults": _faults, "retired": set, "tier_at": _by_second}


def _script(asked: dict[str, Any]) -> Script:
    error = None
    if "status" in asked:
        error = Refusal(
            asked["status"], asked.get("type", "server_error"), asked.get("message", "scripted"), "scripted"
        )
    return Script(asked.get("contains", ""), Scripted(asked.get("reply"), error=error), asked.get("times", 0))

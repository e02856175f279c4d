"""The /v1/batches endpoints: an input file comes in, jobs that walk through their statuses go out, with output and error files.

Lines run outside the concurrency limit at a set speed and at 60 % of the price. Moonshot's guide/use-batch-api page, 2026-08-13.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.emulator import refusals
from tests.emulator.completions import plan, settle
from tests.emulator.files import find, keep
from tests.emulator.limits import Org
from tests.emulator.refusals import Refusal
from tests.emulator.state import State
from tests.emulator.understanding import understood

ENDPOINT = "/v1/chat/completions"
_WINDOW = re.compile(r"(\d+)([hd])")
_WINDOW_H = (12, 168)  # 12h to 7d [D]
_STAMPS = (
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)
_OPEN = ("validating", "in_progress", "finalizing")
_SAMPLING = ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty")


@dataclass
class Batch:
    """One job. Moments are seconds since 1970; `expires` is emulated time since the start."""

    ident: str
    org: Org
    ak: str
    input_file_id: str
    window: str
    metadata: dict[str, str]
    created: int
    expires: float
    expires_at: int
    status: str = "validating"
    stamps: dict[str, int] = field(default_factory=dict)
    total: int = 0
    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """The batch object of the API."""
        return {
            "id": self.ident,
            "object": "batch",
            "endpoint": ENDPOINT,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": self.window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created,
            "expires_at": self.expires_at,
            **{name: self.stamps.get(name) for name in _STAMPS},
            "request_counts": {"total": self.total, "completed": len(self.done), "failed": len(self.failed)},
            "metadata": self.metadata,
        }


def create(state: State, org: Org, ak: str, wanted: Any) -> dict[str, Any]:
    """Starts a job; raises the Refusal of the first rule the order breaks."""
    if not isinstance(wanted, dict) or wanted.get("endpoint") != ENDPOINT:
        raise refusals.malformed(f"endpoint must be {ENDPOINT}")
    file = find(state, str(wanted.get("input_file_id")))
    if file.purpose != "batch" or not file.name.endswith(".jsonl"):
        raise refusals.malformed("input_file_id must name a .jsonl file of purpose batch")
    window, metadata = str(wanted.get("completion_window", "")), wanted.get("metadata") or {}
    seconds = _window_s(window)
    if len(metadata) > 16 or any(len(name) > 64 or len(str(value)) > 512 for name, value in metadata.items()):
        raise refusals.malformed("metadata takes 16 pairs, keys of 64 and values of 512 characters")
    now = state.clock.wall()
    job = Batch(
        f"batch_{uuid4().hex[:20]}",
        org,
        ak,
        file.ident,
        window,
        metadata,
        int(now),
        state.clock.now() + seconds,
        int(now + seconds),
    )
    state.batches[job.ident] = job
    task = asyncio.get_running_loop().create_task(_walk(state, job, file.content))
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)
    return job.shown()


def get(state: State, ident: str) -> Batch:
    """The job of that id; raises the Refusal 404."""
    if ident not in state.batches:
        raise refusals.not_found(f"batch {ident}")
    job: Batch = state.batches[ident]
    return job


def listed(state: State, query: dict[str, str]) -> dict[str, Any]:
    """Jobs, newest first, a page at a time [D: after, limit 20, has_more]."""
    jobs = list(reversed(state.batches.values()))
    at = next((at + 1 for at, job in enumerate(jobs) if job.ident == query.get("after")), 0)
    page = jobs[at : at + int(query.get("limit", 20))]
    ends = (
        {"first_id": page[0].ident, "last_id": page[-1].ident}
        if page
        else {"first_id": None, "last_id": None}
    )
    return {
        "object": "list",
        "data": [job.shown() for job in page],
        **ends,
        "has_more": at + len(page) < len(jobs),
    }


def cancel(state: State, ident: str) -> dict[str, Any]:
    """Asks a job to stop; only from a status that is still open [D]."""
    job = get(state, ident)
    if job.status not in _OPEN:
        raise refusals.malformed(f"a batch that is {job.status} cannot be cancelled")
    _step(state, job, "cancelling")
    return job.shown()


def _window_s(window: str) -> float:
    match = _WINDOW.fullmatch(window)
    hours = int(match[1]) * (24 if match[2] == "d" else 1) if match else 0
    if not _WINDOW_H[0] <= hours <= _WINDOW_H[1]:
        raise refusals.malformed("completion_window must be between 12h and 7d")
    return hours * 3_600.0


def _step(state: State, job: Batch, status: str) -> None:
    job.status = status
    job.stamps[f"{status}_at"] = int(state.clock.wall())


async def _walk(state: State, job: Batch, content: bytes) -> None:
    """validating, in_progress, finalizing, completed; or failed, expired, cancelled."""
    config, clock = state.config, state.clock
    await clock.sleep(config.batch_step_s)
    lines = content.decode("utf-8", "replace").splitlines()
    job.errors = [
        {"code": "invalid_request", "line": at, "message": text} for at, text in _faulty(state, lines)
    ]
    if job.errors:
        _step(state, job, "failed")
        return
    job.total = len(lines)
    if job.status == "validating":
        _step(state, job, "in_progress")
    await _lines(state, job, lines)
    stopped = {"cancelling": "cancelled"}.get(job.status, "expired" if clock.now() >= job.expires else "")
    if not stopped:
        _step(state, job, "finalizing")
        await clock.sleep(config.batch_step_s)
    _write(state, job)
    _step(state, job, stopped or ("cancelled" if job.stamps.get("cancelling_at") else "completed"))


async def _lines(state: State, job: Batch, lines: list[str]) -> None:
    """Answers line after line, until the job is cancelled or its window has passed."""
    for line in lines:
        await state.clock.sleep(1 / state.config.batch_lines_per_s if state.config.timing else 0)
        if job.status == "cancelling" or state.clock.now() >= job.expires:
            return
        order = json.loads(line)
        try:
            body = await _answer(state, job, order["body"])
        except Refusal as refusal:
            job.failed.append(
                _line(order["custom_id"], refusal.status, json.loads(refusal.body()), failed=True)
            )
        else:
            job.done.append(_line(order["custom_id"], 200, body))


async def _answer(state: State, job: Batch, body: dict[str, Any]) -> dict[str, Any]:
    entry = state.journal.open(state.clock.now(), "batch")
    entry.org, entry.ak = job.org.name, job.ak
    try:
        turn = await understood(state, json.dumps(body).encode(), job.org, job.ak, entry, "/batches")
    except Refusal as refusal:
        entry.status, entry.reason = refusal.status, refusal.reason
        raise
    plan(turn)
    state.cache.write(turn.blocks, entry.prompt_tokens, turn.ttl_s)
    turn.share = 1.0
    settle(turn, state.config.batch_factor)
    entry.admitted, entry.status, entry.delivered, entry.ended_s = True, 200, True, state.clock.now()
    return turn.completion()


def _line(custom_id: str, status: int, body: dict[str, Any], *, failed: bool = False) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "", "body": body}
    return {
        "id": custom_id,
        "custom_id": custom_id,
        "response": response,
        "error": body.get("error") if failed else None,
    }


def _write(state: State, job: Batch) -> None:
    """The output file, and the error file when some lines failed [I: its format]."""
    for name, rows in (("output", job.done), ("error", job.failed)):
        if rows:
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            setattr(
                job, f"{name}_file_id", keep(state, f"{job.ident}_{name}.jsonl", "batch", text.encode()).ident
            )


def _faulty(state: State, lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines that keep a job from starting, with what is wrong."""
    seen: set[str] = set()
    models: set[str] = set()
    if not lines:
        yield 0, "the file is empty"
    for at, line in enumerate(lines, 1):
        try:
            order = json.loads(line)
            ident, body = order["custom_id"], order["body"]
            models.add(body["model"])
        except (ValueError, KeyError, TypeError):
            yield at, "not an object with custom_id, method, url and a body with a model"
            continue
        yield from ((at, text) for text in _complaints(state, order, seen, models))
        seen.add(ident)


def _complaints(state: State, order: dict[str, Any], seen: set[str], models: set[str]) -> Iterator[str]:
    if order["custom_id"] in seen:
        yield f"custom_id {order['custom_id']} comes twice"
    if order.get("method") != "POST" or order.get("url") != ENDPOINT:
        yield f"method and url must be POST {ENDPOINT}"
    if len(models) > 1:
        yield "one file takes one model"
    if not any(model.name == order["body"]["model"] and model.batch for model in state.models()):
        yield f"model {order['body']['model']} cannot be used in a batch"
    yield from (f"{name} is not allowed in a batch" for name in _SAMPLING if name in order["body"])

"""A job as a Prefect flow run: batches become task runs, progress and outcome become artifacts.

In: a job and the steps to do. Out: the state in which the flow run ends, and the outcome or the error for who called.
Prefect sees short labels and counts only. Batches and their results stay in this process, and so does the key.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import acreate_markdown_artifact, acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from flows import approval, consent, liveness, order, settings
from flows.batches import IN_FLIGHT, Each, Halt, Tell, bounded, quiet
from flows.meter import STAGES
from flows.outcome import Outcome
from flows.plan import Approve
from flows.report import report
from flows.run_states import Wait, tolerantly
from flows.turns import in_turn
from processors.store.warehouse import Warehouse
from schemas.errors import NotApproved, OctavoError, SameJobWaits, SettingsError
from schemas.job import Job
from schemas.tables import DOCUMENTS

OUTCOME_KEY, NOTICE_KEY = "octavo-outcome", "octavo-notices"  # runs become versions of these
NOTICE = "octavo.notice"  # name of the event
REDRAW_S = 1.0  # an update of a bar costs the server 9 ms and the run nothing


@dataclass(slots=True)
class Caller:
    """Whoever runs a flow in this process: is told where to look and how far it is, sees the price, and may ask it to end."""

    tell: Tell = quiet
    approve: Approve | None = None  # without one the job itself agrees to its price, or not
    asks: bool = False  # whether a person answers there; else one is asked in the UI where the job wants that
    halt: Halt | None = None
    seen_at: Callable[[str], None] | None = None
    patience_s: float = math.inf  # how long to wait while another run holds the output folder
    ended: Outcome | OctavoError | None = None  # set by the flow, and so known also when the server is gone by then


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


async def tracked(job: Job, steps: Sequence[order.Step]) -> State[Any]:
    """Do the steps of a job inside a flow run. Completed when all went well, else Failed with the reason as its message.

    The tables are committed either way. Trouble that Octavo knows is no traceback: the sentence says what to do.
    """
    liveness.announce(str(flow_run.id))
    liveness.outlive_worker()
    caller = CALLER.get() or Caller()
    if caller.seen_at and flow_run.ui_url:
        caller.seen_at(flow_run.ui_url)
    try:
        ended = await _worked(job, steps, caller)
    except SameJobWaits as error:
        caller.ended = error
        return Completed(name="Skipped", message=error.message)
    except OctavoError as error:
        caller.ended = error
        return Failed(message=str(error))
    caller.ended = ended
    await show(ended)
    return state_of(ended)


async def _worked(job: Job, steps: Sequence[order.Step], caller: Caller) -> Outcome:
    if caller.halt:
        caller.halt.listen()  # Prefect has taken SIGTERM for itself, to end a flow wherever it is
    refuse_idle(job, steps)
    account = settings.account(job, key=await key_in_block(job.key_secret))
    notices = Notices(str(flow_run.id))
    wait, halt = Wait(job), caller.halt or Halt()
    approve = caller.approve or consent.by_job(job, get_run_logger().info)
    if not caller.asks:
        approve = partial(approval.ask, job, approve)
    async with bars(caller.tell, notices) as tell:

        def told(stage: str, done: int, total: int | None) -> None:
            wait.over()
            tell(stage, done, total)

        def work() -> Awaitable[Outcome]:
            return order.run(
                job,
                account,
                settings.vocabulary(),
                steps=steps,
                each=in_tasks(),
                tell=told,
                halt=halt,
                approve=approve,
                hear=notices.hear,
            )

        return await in_turn(work, job, steps, patience_s=caller.patience_s, say=wait.say, halt=halt)


def refuse_idle(job: Job, steps: Sequence[order.Step]) -> None:
    """Raise SettingsError when the steps would find nothing to do: no question to ask, or no document to ask about."""
    if "ingest" in steps:
        return
    if "extract" in steps and not job.extract:
        raise SettingsError("The job names no schema.", about="extract", next_step='Name one, such as "extract": ["invoice"].')
    if "summarize" in steps and not job.summarize:
        raise SettingsError("The job names no style.", about="summarize", next_step='Name one, such as "summarize": "bullets".')
    warehouse = Warehouse(Path(job.out))
    if not (warehouse.path.exists() and warehouse.size(DOCUMENTS.name)):
        message = f"There are no documents in {job.out} yet."
        raise SettingsError(message, about="out", next_step="Run the flow ingest first, or process-folder, which does all steps.")


async def key_in_block(name: str) -> str:
    """The key from the Prefect Secret block of that name; "" for no name, and then the environment is looked at."""
    if not name:
        return ""
    try:
        block: Secret[str] = await Secret.aload(name)
    except ValueError:  # what Prefect raises when there is no such block
        message = f"There is no Secret block named {name} on this Prefect server."
        raise SettingsError(message, about="key_secret", next_step="Create it in the UI under Blocks, type Secret.") from None
    return str(block.get())


# --- batches -------------------------------------------------------------------------------------------------------


def in_tasks() -> Each:
    """Run every batch as a task run named for its kind of work and its number, such as `read 2`."""
    numbers: Counter[str] = Counter()

    async def each(label: str, function: Callable[[Any], Awaitable[Any]], items: Iterable[Any]) -> AsyncGenerator[Any]:
        def in_task(item: Any) -> Awaitable[Any]:
            numbers[label] += 1
            return _in_task(label, numbers[label], function, item)

        async for result in bounded(in_task, items, IN_FLIGHT):
            yield result

    return each


async def _in_task(label: str, number: int, function: Callable[[Any], Awaitable[Any]], item: Any) -> Any:
    """Subtle: the batch goes in and the result comes out by closure, since Prefect walks and keeps parameters and return values."""
    results: list[Any] = []

    @task(name=label, task_run_name=f"{label} {number}", cache_policy=NO_CACHE, persist_result=False, retries=0)
    async def batch() -> None:
        results.append(await function(item))

    await batch()
    return results[0]


# --- notices and artifacts -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Notices:
    """What a person should hear at once, such as a budget or a balance that runs low: a line of the log, an event, and a table of all."""

    run: str  # id of the flow run
    heard: list[str] = field(default_factory=list)
    drawn: int = 0  # how many of them stand in the table

    def hear(self, sentence: str) -> None:
        """Pass a sentence on. An automation of Prefect can send the event `octavo.notice` anywhere."""
        self.heard.append(sentence)
        get_run_logger().warning("%s", sentence)
        emit_event(NOTICE, {"prefect.resource.id": f"octavo.run.{self.run}"}, payload={"message": sentence})

    async def draw(self) -> None:
        """Keep the table as it is now, as a new version of its key."""
        if self.drawn < len(self.heard):
            self.drawn = len(self.heard)
            rows = [{"notice": sentence} for sentence in self.heard]
            await acreate_table_artifact(rows, NOTICE_KEY, "What to know about money and the way to the provider.")


@asynccontextmanager
async def bars(also: Tell, notices: Notices) -> AsyncIterator[Tell]:
    """A progress artifact for each stage and the table of notices, redrawn at most once a second, and once more when the work ends."""
    latest: dict[str, tuple[int, int | None]] = {}
    drawn: dict[str, tuple[int, int | None]] = {}
    artifacts: dict[str, UUID] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        latest[stage] = (done, total)
        also(stage, done, total)

    async def draw() -> None:
        await notices.draw()
        for stage, (done, total) in list(latest.items()):
            if drawn.get(stage) == (done, total):
                continue
            drawn[stage] = (done, total)
            percent, words = _percent(done, total), f"{STAGES.get(stage, stage)}: {done:,} of {'?' if total is None else f'{total:,}'}"
            if stage in artifacts:
                await aupdate_progress_artifact(artifacts[stage], percent, words)
            else:
                artifacts[stage] = await acreate_progress_artifact(percent, f"octavo-{stage}", words)

    async def keep_drawing() -> None:
        while True:
            await asyncio.sleep(REDRAW_S)
            await tolerantly(draw())

    drawing = asyncio.create_task(keep_drawing())
    try:
        yield tell
    finally:
        drawing.cancel()
    await tolerantly(draw())


def _percent(done: int, total: int | None) -> float:
    if total is None:
        return 0.0
    return 100.0 * done / total if total else 100.0


async def show(ended: Outcome) -> None:
    """Log the outcome, and keep the report as an artifact."""
    log = get_run_logger()
    for sentence in ended.sentences:
        log.info(sentence)
    await tolerantly(acreate_markdown_artifact(report(ended), OUTCOME_KEY, "What this run did, what failed, and where the tables are."))


def state_of(ended: Outcome) -> State[Any]:
    """The state in which the flow run ends: its message says what failed and how to look; `With rejects` where the job allows that."""
    if ended.exit_code == NotApproved.exit_code:
        return Cancelled(message=ended.stopped)
    if ended.exit_code:
        return Failed(message=" ".join([ended.headline, *ended.sentences]))
    if ended.failed:
        return Completed(name="With rejects", message=" ".join([ended.headline, *ended.sentences]))
    return Completed(message=" ".join(ended.sentences))

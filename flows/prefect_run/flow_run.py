"""A job as a Prefect flow run: batches become task runs, progress and outcome become artifacts.

In: a job and the steps to do. Out: the state in which the flow run ends, and the outcome or the error for who called.
Prefect sees short labels and counts only. Batches and their results stay in this process, and so does the key.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from octavo.flows import consent, order, settings
from octavo.flows.consent import Approve
from octavo.flows.folder_queue import in_turn
from octavo.flows.hooks import Hooks, OnProgress, StopSignal, ignore
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.outcome.report import report
from octavo.flows.prefect_run import approval, liveness
from octavo.flows.prefect_run.artifacts import Notices, progress
from octavo.flows.prefect_run.run_states import Wait, tolerantly
from octavo.flows.prefect_run.task_runs import in_task_runs
from octavo.flows.review import html_report
from octavo.flows.runners.chosen import workers_of
from octavo.flows.secret_block import in_block
from octavo.flows.state_in_block import shared_state
from octavo.processors.ask.replies import Account
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import NotApproved, OctavoError, SameJobWaits, SettingsError, describe
from octavo.schemas.job import Job
from octavo.schemas.job_groups import as_in_form
from octavo.schemas.tables import DOCUMENTS

OUTCOME_KEY = "octavo-outcome"  # runs become versions of it
PICTURES = 40  # cut-outs in the report of a run; `octavo report --most` makes one with more


@dataclass(slots=True)
class Caller:
    """Whoever runs a flow in this process: is told where to look and how far it is, sees the price, and may ask it to end."""

    on_progress: OnProgress = ignore
    approve: Approve | None = None  # without one the job itself agrees to its price, or not
    asks: bool = False  # whether a person answers there; else one is asked in the UI where the job wants that
    stop: StopSignal | None = None
    seen_at: Callable[[str], None] | None = None
    patience_s: float = math.inf  # how long to wait while another run holds the output folder
    ended: Outcome | OctavoError | None = (
        None  # set by the flow, and so known also when the server is gone by then
    )


CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


async def in_flow_run(job: Job, *, steps: Sequence[order.Step], asks: Sequence[order.Asks]) -> State[Any]:
    """Do the steps of a job inside a flow run. Completed when all went well, else Failed with the reason as its message.

    The tables are committed either way. Trouble that Octavo knows is no traceback: the sentence says what to do.
    """
    liveness.announce(str(flow_run.id))
    liveness.outlive_worker()
    caller = CALLER.get() or Caller()
    if caller.seen_at and flow_run.ui_url:
        caller.seen_at(flow_run.ui_url)
    try:
        ended = await _worked(job, steps, asks, caller)
    except SameJobWaits as error:
        caller.ended = error
        return Completed(name="Skipped", message=error.message)
    except OctavoError as error:
        caller.ended = error
        words = as_in_form(str(error))
        get_run_logger().error(
            "%s", words
        )  # `prefect deployment run --watch` shows lines of the log, and no message of a state
        await keep(f"**{words}**\n", words)
        return Failed(message=words)
    caller.ended = ended
    return state_of(ended, asked=bool(caller.approve or job.approve_above_usd))


async def _worked(
    job: Job, steps: Sequence[order.Step], asks: Sequence[order.Asks], caller: Caller
) -> Outcome:
    stop = caller.stop or StopSignal()
    stop.listen()  # Prefect has taken SIGTERM for itself, to end a flow wherever it is
    refuse_idle(job, steps, asks)
    asked = any(
        getattr(job, kind) for kind in asks
    )  # who only reads needs no key, whatever the job could ask
    key = await in_block(job.key_secret if asked else "", "key_secret")
    async with shared_state(job.state_secret, wins=True):
        account = settings.account(job, key=key, key_needed=asked)
        ended = await _with_state(job, account, steps, asks, caller, stop)
        await show(ended)  # the report looks into the state too
        return ended


async def _with_state(
    job: Job,
    account: Account,
    steps: Sequence[order.Step],
    asks: Sequence[order.Asks],
    caller: Caller,
    stop: StopSignal,
) -> Outcome:
    notices, wait = Notices(str(flow_run.id)), Wait(job)
    approve = caller.approve or consent.by_job(
        job, lambda sentence: get_run_logger().info("%s", as_in_form(sentence))
    )
    if not caller.asks:
        approve = partial(approval.ask, job, approve)
    async with progress(caller.on_progress, notices) as on_progress:

        def heard(stage: str, done: int, total: int | None) -> None:
            wait.over()
            on_progress(stage, done, total)

        hooks = Hooks(heard, notices.hear, approve, stop, in_task_runs(), workers_of(job))
        work = partial(order.run, job, account, settings.vocabulary(), steps=steps, asks=asks, hooks=hooks)
        return await in_turn(work, job, asks, patience_s=caller.patience_s, say=wait.say, stop=stop)


def refuse_idle(job: Job, steps: Sequence[order.Step], asks: Sequence[order.Asks]) -> None:
    """Raise SettingsError when the steps would find nothing to do: no question to ask, or no document to ask about."""
    if order.ingest in steps:
        return
    if "extract" in asks and not job.extract:
        raise SettingsError(
            "The job names no schema.", about="extract", next_step='Name one, such as "extract": ["invoice"].'
        )
    if "summarize" in asks and not job.summarize:
        raise SettingsError(
            "The job names no style.",
            about="summarize",
            next_step='Name one, such as "summarize": "bullets".',
        )
    warehouse = Warehouse(settings.out_folder(job.out, fresh=True))
    if not (warehouse.path.exists() and warehouse.size(DOCUMENTS.name)):
        message = f"There are no documents in {job.out} yet."
        raise SettingsError(
            message,
            about="out",
            next_step="Run the flow ingest first, or process-folder, which does all steps.",
        )


async def show(ended: Outcome) -> None:
    """Log the outcome, and keep the report as an artifact."""
    log = get_run_logger()
    for sentence in ended.sentences:
        log.info("%s", as_in_form(sentence))
    if ended.exit_code:
        log.error("%s", as_in_form(ended.headline))
    await keep(report(ended) + await _linked(ended), " ".join(filter(None, (ended.headline, ended.bill))))


async def _linked(ended: Outcome) -> str:
    """Where the report is that a browser shows, and what opens its values for review; "" where a run brought nothing new."""
    if not ended.changed:
        return ""
    try:
        path = await html_report.keep_report(settings.out_folder(ended.out), ended.run, PICTURES)
    except Exception as error:  # noqa: BLE001 - told here: the tables are written, and a page less is no reason for red
        why = str(error) if isinstance(error, OctavoError) else describe(error)
        return f"\nThere is no report for the browser: {why}\n"
    command = f"octavo review --out {shlex.quote(ended.out)}"
    return f"\nReport for the browser: [{path}]({path.absolute().as_uri()}). Its values are corrected by `{command}`.\n"


async def keep(page: str, glance: str) -> None:
    """Keep the page of a run as its artifact. The UI shows the glance before anybody opens the page."""
    await tolerantly(acreate_markdown_artifact(as_in_form(page), OUTCOME_KEY, as_in_form(glance)))


def state_of(ended: Outcome, *, asked: bool = False) -> State[Any]:
    """The state in which the flow run ends: lists show its name, and its message says what failed and how to look.

    `With rejects` is a run in which the job allows what failed, `Nothing new` one that changed and asked nothing. A price to which nobody
    agreed is `Cancelled` where somebody was asked; else the job lacks a budget, and that has to be red.
    """
    words = as_in_form(
        " ".join(dict.fromkeys([ended.headline, *ended.sentences]))
    )  # the headline may be one of the sentences
    if ended.exit_code == NotApproved.exit_code and asked:
        return Cancelled(message=as_in_form(ended.stopped))
    if ended.exit_code:
        return Failed(message=words)
    if ended.failed:
        return Completed(name="With rejects", message=words)
    if not (ended.changed or ended.asked or ended.not_asked):
        return Completed(name="Nothing new", message=words)
    return Completed(message=as_in_form(" ".join(ended.sentences)))

"""Requests in, replies in the ledger: what `--mode batch` does before answers are taken from there like any stored reply.

Batches that an earlier run of the folder left with the provider are always looked after first, in live mode too, so that no document is
paid twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from octavo.flows import settings
from octavo.flows.answering import backlog, stated
from octavo.flows.answering.contents import visible, with_text
from octavo.flows.context import RunContext
from octavo.processors.ask import replies
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import AccessRefused, Interrupted, OctavoError, RequestError, SettingsError
from octavo.schemas.pipeline import Request


async def fill_ledger(run: RunContext) -> frozenset[str]:
    """Fetch what was ordered earlier, then order what is not answered yet, if the job says so, and wait for it; gives what has come.

    What keeps it from going on stands in `run.stop` afterwards, with the way to take it up again.
    """
    batches = run.asker.batches(
        lambda: run.stop.error is not None, lambda done, total: run.hooks.on_progress("batch", done, total)
    )
    try:
        await batches.collect(wait=run.job.mode != "live")
        if run.job.mode == "live":
            _refuse_to_pay_twice(batches.orders.open(), run.job.out)
        elif not run.stop.error:
            await batches.order(_requests(run))
    except (AccessRefused, Interrupted, RequestError, SettingsError) as error:
        run.stop.error = error
    if run.stop.error and (left := batches.orders.open()):
        _say_how_to_go_on(run.stop.error, left)
    return frozenset(batches.arrived)


async def _requests(run: RunContext) -> AsyncIterator[Request]:
    """The requests of all windows that are neither answered nor in the ledger; of those that are there, of their second passes.

    Of a window that is there it is not known yet whether its reply holds, so the second pass may be ordered in vain.
    """
    pending = backlog.pending(run)
    stated.taken(run, pending)
    for task in backlog.tasks(run, pending):
        missing = {
            question.name: backlog.second_pass_missing(run, task, question) for question in run.questions
        }
        left = missing if task.stored else task.wanted
        if not any(left.values()):
            continue
        (shown,) = with_text(run, [replace(task, wanted=left)])
        shown, _ = await visible(run, shown)
        for question in run.questions:
            if wanted := shown.wanted.get(question.name):
                window = pack.window_of([part for part in shown.window.parts if part.document in wanted])
                for reading in run.readings(question)[bool(task.stored) :]:
                    yield run.asker.request(
                        window, reading, purpose="first" if reading is question else "second_pass"
                    )


def _refuse_to_pay_twice(left: list[replies.Order], out: str) -> None:
    """In live mode, raise SettingsError while batches of the folder are not over: their documents would be asked a second time."""
    if left:
        message = f"{_counted(left)} of an earlier run are still with the provider."
        next_step = (
            f"Wait for them with --mode batch, or end them with {settings.typed('batch --cancel ID', out)}."
        )
        raise SettingsError(message, about="mode", next_step=next_step)


def _say_how_to_go_on(error: OctavoError, left: list[replies.Order]) -> None:
    if not isinstance(error, SettingsError):
        stay = f"{_counted(left)} stay with the provider: run the same again to fetch them, nothing of it is paid twice."
        error.next_step = f"{error.next_step} {stay}".strip()


def _counted(left: list[replies.Order]) -> str:
    requests = sum(order.requests for order in left)
    return f"{requests} requests in {len(left)} {'batch' if len(left) == 1 else 'batches'}"

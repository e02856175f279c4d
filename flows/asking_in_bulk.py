"""Requests in, replies in the ledger: what `--mode batch` does before `asking` takes them from there like any remembered reply.

Batches that an earlier run of the folder left with the provider are always looked after first, in live mode too, so that no document is
paid twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

from flows import settings
from flows.answers import Answers
from flows.asking import Desk
from flows.batches import Tell
from processors.ask import replies
from processors.pack import windows as pack
from schemas.errors import AccessRefused, Interrupted, OctavoError, RequestError, SettingsError
from schemas.job import Job
from schemas.pipeline import Request


async def fill_ledger(desk: Desk, *, tell: Tell) -> None:
    """Fetch what was ordered earlier, then order what is not answered yet, if the job says so, and wait for it.

    What keeps it from going on stands in `desk.halt` afterwards, with the way to take it up again.
    """
    batches = desk.asker.batches(lambda: desk.halt.error is not None, lambda done, total: tell("batch", done, total))
    try:
        await batches.collect(wait=desk.job.mode != "live")
        if desk.job.mode == "live":
            _refuse_to_pay_twice(batches.orders.open(), desk.job.out)
        elif not desk.halt.error:
            await batches.order(_requests(desk))
    except (AccessRefused, Interrupted, RequestError, SettingsError) as error:
        desk.halt.error = error
    desk.bought = batches.arrived
    if desk.halt.error and (left := batches.orders.open()):
        _say_how_to_go_on(desk.halt.error, left)


async def _requests(desk: Desk) -> AsyncIterator[Request]:
    """The requests of all windows that are neither answered nor in the ledger; of those that are there, of their second passes.

    Of a window that is there it is not known yet whether its reply holds, so the second pass may be ordered in vain.
    """
    for task in desk.tasks(desk.pending()):
        left = {question.name: desk.second_wanted(task, question) for question in desk.questions} if task.recalled else task.wanted
        if not any(left.values()):
            continue
        (shown,) = desk.with_texts([replace(task, wanted=left)])
        shown = await desk.seen(shown, Answers())
        for question in desk.questions:
            if wanted := shown.wanted.get(question.name):
                window = pack.window_of([part for part in shown.window.parts if part.document in wanted])
                for reading in desk.readings(question)[bool(task.recalled) :]:
                    yield desk.asker.request(window, reading)


def _refuse_to_pay_twice(left: list[replies.Order], out: str) -> None:
    """In live mode, raise SettingsError while batches of the folder are not over: their documents would be asked a second time."""
    if left:
        message = f"{_counted(left)} of an earlier run are still with the provider."
        next_step = f"Wait for them with --mode batch, or end them with {settings.typed('batch --cancel ID', out)}."
        raise SettingsError(message, about="mode", next_step=next_step)


def _say_how_to_go_on(error: OctavoError, left: list[replies.Order]) -> None:
    if not isinstance(error, SettingsError):
        stay = f"{_counted(left)} stay with the provider: run the same again to fetch them, nothing of it is paid twice."
        error.next_step = f"{error.next_step} {stay}".strip()


def _counted(left: list[replies.Order]) -> str:
    requests = sum(order.requests for order in left)
    return f"{requests} requests in {len(left)} {'batch' if len(left) == 1 else 'batches'}"


def waiting(out: Path) -> list[replies.Order]:
    """Batches of an output folder that are not over. Raises SettingsError and StorageError."""
    ledger = out / "ledger.sqlite"
    if not ledger.is_file():
        raise SettingsError(f"There is no ledger in {out}.", about="out", next_step="`octavo run INBOX --out DIR` makes one.")
    return replies.pending(ledger)


async def cancel(job: Job, batch: str, environ: Mapping[str, str]) -> str:
    """End a batch of the job's output folder; gives its status. Raises SettingsError, AccessRefused and RequestError."""
    out = Path(job.out)
    found = {order.batch: order for order in waiting(out) if order.batch}
    if batch not in found:
        step = f"{settings.typed('batch', job.out)} lists them."
        raise SettingsError(f"No batch {batch} of {out} is waiting.", about="cancel", next_step=step)
    return await replies.cancel(found[batch], settings.account(job, environ).key)

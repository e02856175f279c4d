"""What a job would cost: the windows it would send, priced, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flows.answers import Task
from flows.asking import Desk
from processors.pack import windows as pack
from schemas.tables import DOCUMENTS, PAGES


@dataclass(frozen=True, slots=True)
class Estimate:
    """Files and pages that were read, tokens of the documents that are still to be asked about, and what asking costs."""

    files: int
    pages: int
    tokens: int
    windows: int
    remembered: int  # answers that the ledger holds already, free
    exact: bool  # whether tokens were counted with the model's vocabulary
    cost: pack.Cost


Approve = Callable[[Estimate], bool]


def always(_: Estimate) -> bool:
    """Approve whatever it costs; the budget still holds."""
    return True


def estimate(desk: Desk) -> Estimate:
    """Pack what is not answered yet, and price the requests. Nothing is sent."""
    pending = desk.pending()
    account = desk.asker.account
    model, limits = account.model, account.limits
    factor = 1.0 if desk.job.mode == "live" else model.batch_factor
    remembered = windows = tokens = 0
    requests: list[tuple[int, int, int, int]] = []
    for task in desk.remembered(pending) if desk.job.replay else desk.tasks(pending):
        if task.recalled or desk.job.replay:
            remembered += bool(task.recalled)
            continue
        windows += 1
        tokens += task.window.tokens
        requests += _requests(desk, task)
    return Estimate(
        files=desk.warehouse.size(DOCUMENTS.name),
        pages=desk.warehouse.size(PAGES.name),
        tokens=tokens,
        windows=windows,
        remembered=remembered,
        exact=desk.exact,
        cost=pack.cost(
            requests=requests,
            prices_usd=(factor * model.price_in, factor * model.price_cached, factor * model.price_out),
            tokens_per_second=model.tokens_per_second,
            limits=(limits.concurrency, limits.rpm, limits.tpm),
        ),
    )


def _requests(desk: Desk, task: Task) -> Iterator[tuple[int, int, int, int]]:
    """Prompt, cached, expected reply and reply limit in tokens, for each question about a window.

    Later questions about the same documents find their prefix cached.
    """
    cached = 0
    for question in desk.questions:
        if wanted := task.wanted.get(question.name):
            window = pack.window_of([part for part in task.window.parts if part.document in wanted])
            for reading in desk.readings(question):
                prompt = window.tokens + desk.asker.overhead_tokens(reading, len(wanted))
                yield prompt, cached, question.reply_tokens * len(wanted), desk.asker.reply_tokens(window, reading)
                cached = window.tokens
            cached = window.tokens if window == task.window else 0

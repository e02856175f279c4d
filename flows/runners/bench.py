"""A run as one worker process works on it: terms in, its open ledger, account and readers out, as long as the run lasts.

It looks twice a second whether the run goes on: its driver may be gone, may ask to end, or somebody else may take a batch over. Then
nothing more is sent, what is in flight is awaited and kept in the ledger, and all is closed.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from octavo.flows import leases, order, settings
from octavo.flows.context import RunContext
from octavo.flows.hooks import Hooks
from octavo.flows.runners import likeness
from octavo.flows.runners.parcel import RunTerms
from octavo.flows.secret_block import in_block
from octavo.flows.state_in_block import shared_state
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import Interrupted, OctavoError, StorageError, describe
from octavo.schemas.job import Job

LOOK_EVERY_S = 0.5

Result = TypeVar("Result")


class Bench:
    """The open run, and its batches in work."""

    def __init__(self, terms: RunTerms, run: RunContext, stack: AsyncExitStack) -> None:
        self.terms, self.run = terms, run
        self.is_closed = self.has_yielded = False
        self._stack = stack
        self._notes = run.asker.ledger
        self._told = 0
        self._pulse = leases.Pulse()
        self._leases: dict[leases.Lease, asyncio.Task[object]] = {}
        self._looks = 0
        self._watching = asyncio.ensure_future(self._watch())

    async def work(self, number: int, batch: Callable[[], Awaitable[Result]]) -> Result:
        """Work on a batch as soon as nobody else does. Raises what ends the run at once."""
        lease = leases.Lease(self._notes, self.terms.run, number)
        task = asyncio.ensure_future(self._alone(lease, batch))
        self._leases[lease] = task
        try:
            return await task
        except asyncio.CancelledError:
            raise self.run.stop.error or Interrupted(signal.SIGTERM) from None
        finally:
            del self._leases[lease]
            lease.release()

    async def _alone(self, lease: leases.Lease, batch: Callable[[], Awaitable[Result]]) -> Result:
        await leases.vacated(lease, self._notes)
        if lease.is_wanted:
            raise Interrupted(signal.SIGTERM)
        lease.begin()
        return await batch()

    def notices(self) -> tuple[str, ...]:
        """The sentences for a person since the last time."""
        begin, self._told = self._told, len(self.run.asker.notices)
        return tuple(self.run.asker.notices[begin:])

    @property
    def is_over(self) -> bool:
        """Whether a further batch of the run needs another one."""
        return self.is_closed or self.has_yielded

    async def close(self) -> None:
        """Close all when the last batch has ended; until then it is said that we live."""
        if not self.is_closed:
            self.is_closed = True
            await asyncio.gather(*self._leases.values(), return_exceptions=True)
            self._watching.cancel()
            await self._stack.aclose()

    async def _watch(self) -> None:
        ended = False
        while self._leases or not ended:
            try:
                ended = self._look()
            except Exception as error:  # noqa: BLE001 - said to who gave the batch
                ended = True
                self._end(StorageError(f"The ledger cannot be looked into: {describe(error)}."))
            await asyncio.sleep(LOOK_EVERY_S)
        asyncio.ensure_future(self.close())  # noqa: RUF006 - it cancels this very task, which ends here anyway

    def _look(self) -> bool:
        """Say that we live, and see whether the run does; gives whether it is over."""
        self._looks += 1
        for lease in self._leases if self._looks % 2 else ():
            lease.beat()
        value = self._notes.note(leases.DRIVER)
        driver = json.loads(value) if value else {}
        if driver.get("run") != self.terms.run or self._pulse.is_lost(leases.DRIVER, value):
            self._end(Interrupted(signal.SIGTERM))
            return True
        if driver["stop"] == "now":
            self._end(Interrupted(signal.SIGTERM))
            for task in self._leases.values():
                task.cancel()
        elif driver["stop"] or self._is_wanted():
            self._end(Interrupted(signal.SIGTERM))
        return bool(driver["stop"])

    def _is_wanted(self) -> bool:
        """Whether a batch of ours was given to somebody else, as when a scheduler took us for dead: then they all are."""
        self.has_yielded |= any(lease.is_wanted for lease in self._leases)
        return self.has_yielded

    def _end(self, error: OctavoError) -> None:
        """Send nothing more; what is in flight is awaited."""
        if not self.run.stop.error:
            self.run.stop.end(error)


async def opened_bench(terms: RunTerms) -> Bench:
    """All that a run works with, open. Raises SettingsError when it is not the same that its driver has, and StorageError."""
    job = Job.model_validate_json(terms.job)
    likeness.refuse_other_program(terms)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shared_state(job.state_secret, wins=False))
        run = await _opened_run(terms, job, stack)
        return Bench(terms, run, stack.pop_all())


async def _opened_run(terms: RunTerms, job: Job, stack: AsyncExitStack) -> RunContext:
    likeness.refuse_other_folder(terms, job)
    job = job.model_copy(update={"workers": terms.processes})
    questions = [one for one in order.questions(job) if one.fingerprint in terms.questions]
    likeness.refuse_other_questions(terms, [question.fingerprint for question in questions])
    key = await in_block(job.key_secret if questions else "", "key_secret")
    account = settings.account(job, key=key, key_needed=bool(questions))
    account = replace(account, caps=replace(account.caps, together=True))
    opening = order.opened(
        job,
        account,
        settings.vocabulary(),
        questions,
        Warehouse(Path(job.out)),
        name=terms.run,
        hooks=Hooks(),
    )
    run = await stack.enter_async_context(opening)
    likeness.refuse_other_account(terms, run.asker)
    run.asker.budget.share(terms.budget_usd, quoted=terms.quoted)
    return run

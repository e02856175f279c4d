"""Who agrees to a price: an estimate comes in; yes, or NotApproved with what would be a yes, goes out.

A person at a terminal is asked. Where nobody is there to ask, as in CI, under cron or in a worker, the job itself agrees: by a budget,
whatever kind, or by `approved` (`--yes`). What costs nothing needs nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from octavo.processors.pack import windows as pack
from octavo.schemas.errors import NotApproved
from octavo.schemas.job import Job

SMALL_USD = 0.1  # below it two digits say too little


@dataclass(frozen=True, slots=True)
class Estimate:
    """Files and pages that were read, tokens of the documents that are still to be asked about, and what asking costs."""

    files: int
    pages: int
    tokens: int
    windows: int
    stored: int  # answers that the ledger holds already, free
    reason: str  # why so many windows
    exact: bool  # whether tokens were counted with the model's vocabulary
    learned: (
        bool  # whether the tokens of replies are those that earlier ones had, or what the schemas let expect
    )
    cost: pack.Cost
    vanished: int = 0  # known files that are gone, and so many that a run would remove nothing and say so
    changed: int = 0  # answers that stand in the tables, and are asked for again since the question or the model is another one now
    assumed: str = ""  # which limits are assumed for the minutes, whose they are, and how to tell the account's, when they are not told
    unpriced: bool = False  # whether nobody knows what the provider charges for the model

    @property
    def most_usd(self) -> float:
        """What the run does not pass."""
        return max(self.cost.most_usd, self.cost.worst_usd)

    @property
    def free(self) -> bool:
        """Whether asking costs nothing, as by rules on this machine or on a machine of one's own."""
        return not self.windows or not (self.cost.worst_usd or self.unpriced)


@dataclass(frozen=True, slots=True)
class Agreed:
    """That somebody agrees to a price. A `budget_usd` that is not 0 holds for the run beside the job's; the lower one counts."""

    budget_usd: float = 0.0


Approve = Callable[[Estimate], bool | Awaitable[bool | Agreed]]  # may raise NotApproved, which says why not


def always(_: Estimate) -> bool:
    """Approve whatever it costs: who calls this from Python has decided; the budget still holds."""
    return True


def by_job(job: Job, say: Callable[[str], None]) -> Callable[[Estimate], bool]:
    """Agree where the job does; `say` hears the price. For where nobody can be asked."""

    def approved(found: Estimate) -> bool:
        if found.free:
            return True
        say(price(found))
        if above(job, found):
            message = f"The price ({dollars(found)}) is above {usd(job.approve_above_usd)}, and there is nobody to ask. Nothing was asked."
            raise NotApproved(
                message,
                about="approve_above_usd",
                next_step="Run it in a terminal or by Prefect, or raise the limit.",
            )
        if not agreed(job):
            message = f"Nobody agreed to the price ({dollars(found)}): the job names no budget, and there is nobody to ask."
            next_step = "Run it again with --budget-usd X or --yes (`budget_usd` or `approved` of a job); what was read is kept."
            raise NotApproved(f"{message} Nothing was asked.", about="budget_usd", next_step=next_step)
        return True

    return approved


def agreed(job: Job) -> bool:
    """Whether the job agrees to be charged: it says so, or how much, or above what a person is to be asked."""
    amounts = (
        job.budget_usd,
        job.budget_day_usd,
        job.budget_month_usd,
        job.budget_project_usd,
        job.approve_above_usd,
    )
    return job.approved or any(amounts)


def above(job: Job, found: Estimate) -> bool:
    """Whether the job wants a person asked about this price, whatever else agrees to it."""
    return (
        bool(job.approve_above_usd)
        and not found.free
        and (found.unpriced or found.most_usd > job.approve_above_usd)
    )


def price(found: Estimate) -> str:
    """The price in one line."""
    cost = found.cost
    calls = f"{cost.requests:,} call{'s' if cost.requests != 1 else ''}, {cost.prompt_tokens:,} tokens in, about {cost.reply_tokens:,} out"
    changed = (
        f" Answers of another question or model than now, which are asked for again: {found.changed:,}."
        if found.changed
        else ""
    )
    return f"{calls}: {dollars(found)}, {time(found)}. Windows: {found.windows:,} ({found.reason}).{changed}"


def dollars(found: Estimate) -> str:
    """What is expected and what is not passed, and what is in each figure."""
    if found.unpriced:
        return "at a price that is not known"
    cost = found.cost
    most = f"at the most {usd(found.most_usd)} with asking again, continuations and second passes"
    return f"{usd(cost.usd)} expected for first answers, {most}"


def usd(amount: float) -> str:
    """Dollars with cents, and with more digits where cents say too little."""
    return f"${amount:.2f}" if amount >= SMALL_USD else f"${amount:.4f}"


def time(found: Estimate) -> str:
    """Minutes, and what they assume."""
    minutes = found.cost.minutes
    about = f"about {minutes:.0f} min" if minutes >= 1 else f"about {max(1, round(minutes * 60))} s"
    return about + (f" with {found.assumed}" if found.assumed else "")

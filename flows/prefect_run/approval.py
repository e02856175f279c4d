"""A person agrees to a price in the Prefect UI: the run pauses with the quote, and goes on, with a lower budget or not, or stops.

In: the price of what is to be asked, and the job. Out: that it was agreed to, or NotApproved with a sentence. Nothing is asked before.
While it pauses a run keeps its process and its output folder; what was read is in the tables by then.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import httpx
from prefect import get_run_logger
from prefect.exceptions import FlowPauseTimeout, PrefectException
from prefect.flow_runs import apause_flow_run
from prefect.input import RunInput
from pydantic import Field

from octavo.flows import consent
from octavo.flows.consent import Agreed, Approve, Estimate
from octavo.schemas.errors import NotApproved
from octavo.schemas.job import Job

ANSWER_WITHIN_S = 24 * 3600
SERVER_LATER_S = 3600
LOOK_EVERY_S = 5


class Decision(RunInput):
    """What a person says to a price: the form of the button Resume."""

    decision: Literal["go on", "stop"] = Field(
        default="go on", title="Decision", description="stop ends the run; nothing was asked."
    )
    budget_usd: float = Field(
        default=0,
        ge=0,
        title="Budget of this run (USD)",
        description="Most that it may cost; 0 keeps the budget of the job.",
    )


async def ask(job: Job, otherwise: Approve, found: Estimate) -> bool | Agreed:
    """Pause the flow run until a person has agreed to the price; `otherwise` decides where the job wants nobody asked.

    Raises NotApproved when nobody agrees in a day, or somebody says stop.
    """
    if not consent.above(job, found):
        answered = otherwise(found)
        return answered if isinstance(answered, bool) else await answered
    get_run_logger().info("Waiting for a person. %s Resume says go on or stop.", consent.price(found))
    try:
        form = Decision.with_initial_data(description=described(job, found))
        # subtle: after the server's own timeout it makes of any end a failure in words of its own, so ours comes first
        pause = apause_flow_run(
            wait_for_input=form, timeout=int(ANSWER_WITHIN_S + SERVER_LATER_S), poll_interval=LOOK_EVERY_S
        )
        answer = await asyncio.wait_for(pause, ANSWER_WITHIN_S)
    except (TimeoutError, FlowPauseTimeout):
        message = (
            f"Nobody agreed within {ANSWER_WITHIN_S / 3600:g} h: {consent.dollars(found)}. Nothing was asked."
        )
        raise NotApproved(
            message,
            about="approve_above_usd",
            next_step="Run it again and answer, or raise approve_above_usd.",
        ) from None
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        message = (
            f"Nobody could be asked: {consent.dollars(found)}. Prefect says: {error}. Nothing was asked."
        )
        raise NotApproved(message, about="approve_above_usd", next_step="Run it again.") from error
    if answer.decision == "stop":
        message = f"A person said stop: {consent.dollars(found)}. Nothing was asked."
        raise NotApproved(message, about="approve_above_usd", next_step="What was read stays in the tables.")
    return Agreed(answer.budget_usd)


def described(job: Job, found: Estimate) -> str:
    """The quote, as the UI shows it above the form."""
    expected, most = (consent.usd(amount) for amount in (found.cost.usd, found.most_usd))
    if found.unpriced:
        expected = most = "not known"
    questions = ", ".join(
        f"`{name}`" for name in (*job.extract, *([f"summary ({job.summarize})"] if job.summarize else []))
    )
    return f"""**May this run ask?** The job wants a person's word above {consent.usd(job.approve_above_usd)}.

| Price | |
| --- | --- |
| Expected for first answers | **{expected}** |
| At the most, with asking again, continuations and second passes | **{most}** |
| Budget of the job | {consent.usd(job.budget_usd) if job.budget_usd else "none"} |
| Inbox | `{job.inbox}` |
| Questions | {questions} |
| Files | {found.files:,} with {found.pages:,} pages |
| Calls | {found.cost.requests:,} |
| Of another question or model than now | {found.changed:,} answers, which are asked for again |
| Known already | {found.stored:,} replies, free |
| Tokens | {found.cost.prompt_tokens:,} in, {found.cost.reply_tokens:,} out |
| Time | about {max(1, round(found.cost.minutes))} min |

Nothing was asked yet, and the output folder `{job.out}` is held until there is an answer."""

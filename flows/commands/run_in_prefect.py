"""How a run outside of any deployment reports to Prefect: the door of `octavo run --prefect`. Imports Prefect only when it is called."""

from __future__ import annotations

import os

import httpx

from octavo.flows.commands import show
from octavo.flows.consent import Approve, always
from octavo.flows.hooks import OnNotice, OnProgress, StopSignal, ignore
from octavo.flows.outcome.outcome import Outcome
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job

# Prefect 3.9 tells its makers about installations and starts unless these are set (2026-11). Nothing is to leave the machine.
UNOBSERVED = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
# The terminal has our own words and bars. Prefect's lines go to the server all the same.
TERSE = {f"PREFECT_LOGGING_HANDLERS_{handler}_LEVEL": "CRITICAL" for handler in ("CONSOLE", "DEBUG")}
# A server that is gone at the end holds up the terminal for 50 s instead of five minutes (measured 2026-11 with Prefect 3.8.8).
BRIEF = {"PREFECT_CLIENT_MAX_RETRIES": "2"}


async def report_to_prefect(
    job: Job,
    on_progress: OnProgress = ignore,
    *,
    approve: Approve = always,
    stop: StopSignal | None = None,
    patience_s: float = 0.0,
    asks: bool = False,
    say: OnNotice = show.note,
) -> Outcome:
    """Run the flow process-folder here and give its outcome, also when documents failed (exit code 2).

    The server is the one that PREFECT_API_URL names, else a temporary one, which takes 15 to 20 s to start. A server that goes away
    meanwhile costs the record of the run, never the run. Raises what `order.run` raises, and SettingsError when no server answers.
    """
    os.environ.update(UNOBSERVED | TERSE | BRIEF)
    from prefect.exceptions import PrefectException

    from octavo.flows.prefect_run.flow_run import CALLER, Caller
    from octavo.flows.process_folder import process_folder

    there = bool(os.environ.get("PREFECT_API_URL"))
    if not there:
        say(
            "Starting a Prefect server for this run, which takes 15 to 20 s; PREFECT_API_URL names one that is there."
        )
    caller = Caller(
        on_progress,
        approve,
        asks,
        stop,
        (lambda url: say(f"In Prefect: {url}")) if there else None,
        patience_s,
    )
    token = CALLER.set(caller)
    try:
        state = await process_folder(job, return_state=True)
    except (httpx.HTTPError, PrefectException, RuntimeError, OSError) as error:
        if caller.ended is None:
            message = f"Prefect does not answer: {error}."
            raise SettingsError(
                message, about="prefect", next_step="Start it, or unset PREFECT_API_URL to run without it."
            ) from error
        say(f"The end of the run could not be reported to Prefect: {error}.")
    else:
        if caller.ended is None:
            await state.aresult()  # raises what ended the flow
    finally:
        CALLER.reset(token)
    if isinstance(caller.ended, Outcome):
        return caller.ended
    raise caller.ended or RuntimeError("The flow ended without an outcome.")

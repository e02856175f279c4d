"""What a flow run shows, and what it refuses before it begins. With a real server: test_flows_prefect.py."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from octavo.flows import order
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.prefect_run.flow_run import refuse_idle, state_of
from octavo.flows.tally import Failure
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from octavo.schemas.job_groups import as_in_form


def ended(**more: Any) -> Outcome:
    """An outcome of a run over four files."""
    empty: dict[str, Any] = dict.fromkeys(("failures", "empty", "falls", "notices"), ())
    empty |= {name: {} for name in ("shares", "shares_before", "repaired")}
    known = {
        "statuses": {"ok": 3, "error": 1},
        "rows": {"invoice": 2},
        "former": {},
        "changed": True,
        "out": "out",
        "stopped": "",
    }
    return Outcome(**{**{field.name: 0 for field in fields(Outcome)}, **empty, **known, **more})


def test_a_run_that_failed_says_what_and_how_to_look() -> None:
    """The state is Failed, and its message names the file, the reason and the command with the output folder."""
    failure = Failure("corrupt", "It broke off.", "lost.pdf")
    state = state_of(ended(unread=1, failures=(failure,), exit_code=2, out="in box"))
    assert (state.type, state.name) == (StateType.FAILED, "Failed")
    assert state.message
    assert state.message.startswith(
        "Failed in this run: 1 file, such as lost.pdf (corrupt); `octavo sql --out 'in box' "
    )


def test_rejects_that_the_job_allows_are_in_the_name_of_the_state() -> None:
    """Completed under the name With rejects, with the same message; without any it is Completed."""
    state = state_of(
        ended(failed_values=2, failures=(Failure("failed", "No date.", "a.pdf", "d", "invoice", "issued"),))
    )
    assert (state.type, state.name, "a.pdf (failed)" in (state.message or "")) == (
        StateType.COMPLETED,
        "With rejects",
        True,
    )
    assert state_of(ended()).name == "Completed"


def test_a_run_with_nothing_new_is_told_apart_in_a_list() -> None:
    """Lists of runs show no more than the name: one that changed and asked nothing is called so, and one that did something is not."""
    state = state_of(ended(changed=False))
    assert (state.type, state.name) == (StateType.COMPLETED, "Nothing new")
    assert (state.message or "").startswith("Nothing changed since the last run. Files: 4")
    for did in ({"changed": True}, {"changed": False, "asked": 1}, {"changed": False, "not_asked": 1}):
        assert state_of(ended(**did)).name == "Completed"


@pytest.mark.parametrize(
    "more",
    [
        {"stopped": "The key was refused.", "exit_code": 77},
        {"vanished": 3, "known": 3, "exit_code": 2},
        {"changed": False},
    ],
)
def test_a_message_says_nothing_twice(more: dict[str, Any]) -> None:
    """The headline, which comes first, may be one of the sentences, and stands in the message once."""
    outcome = ended(**more)
    message, headline = state_of(outcome).message or "", as_in_form(outcome.headline)
    assert (message.startswith(headline), message.count(headline)) == (True, 1)


def test_advice_is_in_the_words_of_the_form() -> None:
    """What to do next names no flag of a terminal, but the field as the form and the parameters call it; commands stay commands."""
    message = state_of(ended(vanished=3, known=3, exit_code=2, failed_answers=1, out="here")).message or ""
    assert 'run again with "Take out what is gone" (accept_vanished).' in message
    assert "`octavo sql --out here" in message
    assert not re.search(r"--(?!out )", message)
    stopped = state_of(
        ended(stopped="Run again with --yes or --budget-usd X.", exit_code=4), asked=True
    ).message
    assert (
        stopped
        == 'Run again with "Spend without a budget" (approved) or "Budget of this run (USD)" (budget_usd) X.'
    )


def test_a_price_to_which_nobody_could_agree_is_red() -> None:
    """Who was asked and said no has cancelled the run; a job without a budget has failed, so that automations tell of it."""
    refused = ended(stopped="Nobody agreed to the price.", exit_code=4)
    assert state_of(refused, asked=True).type == StateType.CANCELLED
    assert state_of(refused).type == StateType.FAILED


@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        ("extract", {}, "names no schema"),
        ("summarize", {}, "names no style"),
        ("extract", {"extract": ["invoice"]}, "Run the flow ingest first"),
        ("summarize", {"summarize": "bullets"}, "Run the flow ingest first"),
    ],
)
def test_idle_flows_are_refused(
    step: order.Asks, more: dict[str, object], words: str, tmp_path: Path
) -> None:
    """A flow with no question, or with no documents to ask about, says so and what to do; the output folder is not made."""
    job = Job.model_validate({"inbox": str(tmp_path), "out": str(tmp_path / "out"), **more})
    with pytest.raises(SettingsError, match=words):
        refuse_idle(job, [], [step])
    assert not (tmp_path / "out").exists()


def test_ingest_is_never_idle(tmp_path: Path) -> None:
    """A job without questions is fine as long as it reads the folder; without reading it is refused."""
    job = Job(inbox=str(tmp_path))
    refuse_idle(job, [order.ingest], ["extract", "summarize"])
    with pytest.raises(SettingsError):
        refuse_idle(job, [], ["extract"])

"""What a flow run shows, and what it refuses before it begins. With a real server: test_flows_prefect.py."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from flows import order
from flows.outcome.outcome import Outcome
from flows.prefect_run.flow_run import refuse_idle, state_of
from flows.tally import Failure
from schemas.errors import SettingsError
from schemas.job import Job


def ended(**more: Any) -> Outcome:
    """An outcome of a run over four files."""
    empty = dict.fromkeys(("failures", "empty", "falls", "notices"), ()) | {name: {} for name in ("shares", "shares_before", "repaired")}
    known = {"statuses": {"ok": 3, "error": 1}, "rows": {"invoice": 2}, "former": {}, "changed": True, "out": "out", "stopped": ""}
    return Outcome(**{**{field.name: 0 for field in fields(Outcome)}, **empty, **known, **more})  # type: ignore[arg-type]


def test_a_run_that_failed_says_what_and_how_to_look() -> None:
    """The state is Failed, and its message names the file, the reason and the command with the output folder."""
    failure = Failure("corrupt", "It broke off.", "lost.pdf")
    state = state_of(ended(unread=1, failures=(failure,), exit_code=2, out="in box"))
    assert (state.type, state.name) == (StateType.FAILED, "Failed")
    assert state.message
    assert state.message.startswith("Failed in this run: 1 file, such as lost.pdf (corrupt); `octavo sql --out 'in box' ")


def test_rejects_that_the_job_allows_are_in_the_name_of_the_state() -> None:
    """Completed under the name With rejects, with the same message; without any it is Completed."""
    state = state_of(ended(failed_values=2, failures=(Failure("failed", "No date.", "a.pdf", "d", "invoice", "issued"),)))
    assert (state.type, state.name, "a.pdf (failed)" in (state.message or "")) == (StateType.COMPLETED, "With rejects", True)
    assert state_of(ended()).name == "Completed"


@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        ("extract", {}, "names no schema"),
        ("summarize", {}, "names no style"),
        ("extract", {"extract": ["invoice"]}, "Run the flow ingest first"),
        ("summarize", {"summarize": "bullets"}, "Run the flow ingest first"),
    ],
)
def test_idle_flows_are_refused(step: str, more: dict[str, object], words: str, tmp_path: Path) -> None:
    """A flow with no question, or with no documents to ask about, says so and what to do; the output folder is not made."""
    job = Job.model_validate({"inbox": str(tmp_path), "out": str(tmp_path / "out"), **more})
    with pytest.raises(SettingsError, match=words):
        refuse_idle(job, [], [step])  # type: ignore[list-item]
    assert not (tmp_path / "out").exists()


def test_ingest_is_never_idle(tmp_path: Path) -> None:
    """A job without questions is fine as long as it reads the folder; without reading it is refused."""
    job = Job(inbox=str(tmp_path))
    refuse_idle(job, [order.ingest], ["extract", "summarize"])
    with pytest.raises(SettingsError):
        refuse_idle(job, [], ["extract"])

"""What a flow run shows, and what it refuses before it begins. With a real server: test_flows_prefect.py."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from flows.outcome import Outcome
from flows.tracked import refuse_idle, table_of
from schemas.errors import SettingsError
from schemas.job import Job


def ended(**more: object) -> Outcome:
    """An outcome of a run over four files."""
    known = {"statuses": {"ok": 3, "error": 1}, "rows": {"invoice": 2}, "rejects": 1, "asked": 2, "recalled": 1, "cost_usd": 0.0123}
    return Outcome(**{**{field.name: 0 for field in fields(Outcome)}, "failures": (), **known, **more})  # type: ignore[arg-type]


def test_outcome_as_a_table() -> None:
    """The artifact counts paths, answers, rejects and calls, with the statuses and the cost in words."""
    assert table_of(ended()) == [
        {"what": "documents", "count": 4, "detail": "1 failed, 3 ok"},
        {"what": "invoice", "count": 2, "detail": "documents with an answer"},
        {"what": "rejects", "count": 1, "detail": "answers that were not accepted"},
        {"what": "not applicable", "count": 0, "detail": "times a document was not of the kind that was asked about"},
        {"what": "calls", "count": 2, "detail": "$0.0123; 1 more replies were known already"},
    ]


def test_outcome_of_ingest_alone() -> None:
    """When nothing was asked the table is about documents only."""
    assert [row["what"] for row in table_of(ended(rows={}, rejects=0))] == ["documents"]


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
        refuse_idle(job, [step])  # type: ignore[list-item]
    assert not (tmp_path / "out").exists()


def test_ingest_is_never_idle(tmp_path: Path) -> None:
    """A job without questions is fine as long as it reads the folder; without reading it is refused."""
    job = Job(inbox=str(tmp_path))
    refuse_idle(job, ["ingest", "extract", "summarize"])
    with pytest.raises(SettingsError):
        refuse_idle(job, ["extract"])

"""The job: flat names and groups are one thing, and no field is forgotten in the form."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from octavo.schemas.job import Job
from octavo.schemas.job_groups import FOLDED, GROUPS

FORM = Draft202012Validator(Job.model_json_schema())


def refusal(job: dict[str, Any]) -> ValidationError:
    """What the server says about a job: it checks parameters by the schema of the form and shows the best match."""
    found = best_match(FORM.iter_errors(job))
    assert found is not None, job
    return found


def test_every_field_stands_in_one_group_and_has_a_title() -> None:
    """Whoever adds a field to the job says in the table of groups where it stands and what the form calls it."""
    placed = [name for group in GROUPS for name in group.fields]
    assert sorted(placed) == sorted(Job.model_fields)
    assert all(title for group in GROUPS for title in group.fields.values())
    assert not set(FOLDED) & set(Job.model_fields), "a group has the name of a field"


def test_groups_and_flat_names_are_the_same_job() -> None:
    """What the form sends, groups that nobody opened among it, is the job that flags and job files write with flat names."""
    flat = Job.model_validate({"inbox": "scans", "budget_usd": 5, "passes": 2, "max_pages": 10})
    form = {
        "inbox": "scans",
        "answers": {"budget_usd": 5},
        "care": {"passes": 2},
        "limits": None,
        "reading": {"max_pages": 10},
    }
    assert Job.model_validate(form) == flat
    assert Job.model_validate_json(flat.model_dump_json()) == flat


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"budgt_usd": 5}, "budgt_usd"),
        ({"answers": {"budgt_usd": 5}}, "answers.budgt_usd"),
        ({"reading": {"tier": 1}}, "reading.tier"),
        ({"limits": 3}, "limits"),
        ({"limits": {"tier": 9}}, "tier"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], named: str) -> None:
    """A name that is unknown, or in a group where it does not belong, and a wrong value are refused by name."""
    with pytest.raises(pydantic.ValidationError, match="validation error") as refused:
        Job.model_validate({"inbox": "scans", **given})
    (trouble,) = refused.value.errors()
    assert ".".join(map(str, trouble["loc"])) == named


def test_twice_and_unlike_is_refused() -> None:
    """A field by itself and in its group is one too many when the two differ: nobody could say which was meant."""
    assert Job.model_validate({"inbox": "scans", "tier": 2, "limits": {"tier": 2}}).tier == 2
    with pytest.raises(ValueError, match="tier is given twice, as 1 and in limits as 2"):
        Job.model_validate({"inbox": "scans", "tier": 1, "limits": {"tier": 2}})


def test_the_form_shows_four_fields_and_closed_groups() -> None:
    """What the form draws at first are the folder, the output and the questions; all else waits in groups that are null until opened."""
    shown = FORM.schema["properties"]
    assert list(shown) == ["inbox", "out", "extract", "summarize", *FOLDED]
    assert all(
        shown[name]["default"] is None and shown[name]["anyOf"][0]["type"] == "null" for name in FOLDED
    )
    assert [field["title"] for field in shown["limits"]["anyOf"][1]["properties"].values()] == list(
        FOLDED["limits"].fields.values()
    )
    assert "'password'" not in str(FORM.schema), "a password would be stored by Prefect"


@pytest.mark.parametrize("more", [{}, {"tier": 1, "offline": True}, {"limits": {"tier": 1}, "answers": None}])
def test_the_server_takes_both_ways_of_writing(more: dict[str, Any]) -> None:
    """Parameters from CI with flat names, and those of the form, pass the schema by which the server checks them."""
    FORM.validate({"inbox": "scans", "extract": ["invoice"], **more})


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ({"tier": 9}, "$.tier", "9 is greater than the maximum of 5"),
        ({"limits": {"tier": 9}}, "$.limits.tier", "9 is greater than the maximum of 5"),
        ({"tierr": 1}, "$", "'tierr' was unexpected"),
        ({"limits": {"tierr": 1}}, "$.limits", "'tierr' was unexpected"),
    ],
)
def test_the_server_names_what_is_wrong(more: dict[str, Any], place: str, words: str) -> None:
    """The server refuses a wrong value or name before there is a run, and says which, in few words."""
    found = refusal({"inbox": "scans", **more})
    assert (found.json_path, words in found.message, len(found.message) < 100) == (place, True, True)

"""Who agrees to a price, and to how much. In the Prefect UI: test_flows_prefect.py."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from unittest.mock import patch

import pytest

from octavo.flows import consent
from octavo.flows.consent import Estimate
from octavo.flows.prefect_run import approval
from octavo.processors.ask.money.budget import Budget, Caps
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import NotApproved
from octavo.schemas.job import Job


def quote(worst_usd: float) -> Estimate:
    """A price: half of the worst case is expected."""
    ones: dict[str, Any] = {field.name: 1 for field in fields(pack.Cost)}
    noughts: dict[str, Any] = {field.name: 0 for field in fields(Estimate)}
    cost = pack.Cost(**ones | {"usd": worst_usd / 2, "worst_usd": worst_usd, "most_usd": worst_usd})
    return Estimate(**noughts | {"cost": cost, "windows": 1})


@pytest.mark.parametrize(
    ("above", "worst", "person"),
    [(0, 100, False), (5, 5, False), (5, 5.01, True)],
)
async def test_a_person_is_asked_above_the_limit_only(above: float, worst: float, person: bool) -> None:  # noqa: FBT001 - a column of the table
    """Without a limit, or when it cannot cost more than it, a run does not pause and the job itself agrees."""
    job, found = Job(inbox="in", approved=True, approve_above_usd=above), quote(worst)
    with patch.object(
        approval, "get_run_logger", side_effect=LookupError
    ):  # the first thing that is done for a pause
        if person:
            with pytest.raises(LookupError):
                await approval.ask(job, consent.by_job(job, print), found)
        else:
            assert await approval.ask(job, consent.by_job(job, print), found) is True


def test_where_nobody_can_be_asked_nothing_is_spent_above_the_limit() -> None:
    """Above the limit `--yes` and a budget are not enough: without a person there is no answer, and no call; below it the limit agrees."""
    job = Job(inbox="in", approved=True, budget_usd=100, approve_above_usd=5)
    with pytest.raises(NotApproved, match=r"above \$5\.00, and there is nobody to ask"):
        consent.by_job(job, print)(quote(6))
    assert consent.by_job(Job(inbox="in", approve_above_usd=5), print)(quote(4))


def test_the_quote_says_what_is_in_it() -> None:
    """The words above the form have the price, the budget, the folder and the questions, with digits enough for small sums."""
    said = approval.described(
        Job(inbox="scans", extract=["invoice"], summarize="bullets", budget_usd=3, approve_above_usd=2),
        quote(0.004),
    )
    for words in (
        "$2.00",
        "**$0.0020**",
        "**$0.0040**",
        "$3.00",
        "`scans`",
        "`invoice`",
        "`summary (bullets)`",
        "`out`",
    ):
        assert words in said


@pytest.mark.parametrize(("job", "person", "cap"), [(0, 2, 2), (3, 2, 2), (2, 3, 2), (2, 0, 2), (0, 0, 0)])
def test_the_lower_budget_counts(job: float, person: float, cap: float) -> None:
    """A person can lower the budget of a run and not lift it; 0 is no cap."""
    budget = Budget(Caps(run_usd=job))
    budget.lower(person)
    assert budget.caps.run_usd == cap

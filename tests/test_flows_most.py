"""What is quoted at the most, against a provider that does everything that costs more: it is never passed, and the run says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.flows import order, settings
from octavo.flows.consent import Estimate, dollars
from octavo.flows.hooks import Hooks
from octavo.flows.outcome.outcome import Outcome
from octavo.schemas.job import Job
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines

SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {
        "sender": {"type": "string"},
        "city": {"type": "string"},
        "pieces": {"type": "integer", "minimum": 1},
    },
}
FAULTS = {  # kinds with how many of the calls they fall on
    "fails, cuts and is overloaded": [("overloaded", 0.2), ("wrong_type", 0.5), ("cut", 0.5)],
    "never ends": [("whitespace", 1.0)],  # met by the end of the price: $0.0727 of $0.0733 (2026-11-30)
}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with four slips, and the schema beside it."""
    (tmp_path / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    for number in range(4):
        words = (
            f"sender: Firm {number}\ncity: Kiel {number}\npieces: {number + 1}\n"
            + "handed over at the counter " * 40
        )
        (tmp_path / "inbox" / f"{number}.txt").write_text(words, encoding="utf-8")
    return tmp_path / "inbox"


async def run(kimi: Running, inbox: Path, **more: object) -> tuple[Estimate, Outcome]:
    """What was said, and how it ended."""
    folders = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
    }
    job = Job.model_validate({**folders, "base_url": kimi.base_url, "tier": 3, "approved": True, **more})
    said: list[Estimate] = []

    def approve(found: Estimate) -> bool:
        said.append(found)
        return True

    hooks = Hooks(approve=approve)
    ended = await order.run(job, settings.account(job, {}, key=kimi.key), hooks=hooks)
    return said[0], ended


@pytest.mark.parametrize("name", FAULTS)
async def test_what_was_said_at_the_most_is_never_passed(inbox: Path, name: str) -> None:
    """Whatever a provider does, the bill of a run ends below what was quoted at the most; where it stops for that, it says so."""
    faults = [Fault(kind, probability) for kind, probability in FAULTS[name]]
    with running(Config(tier=5, timing=False, oracle=labelled_lines, faults=faults)) as hostile:
        for isolation in ("document", "window"):  # the second run goes on with what the first one left
            said, ended = await run(hostile, inbox, isolation=isolation)
            assert ended.cost_usd <= said.most_usd
            assert ended.exit_code != 3 or "price that was said at the most" in str(ended)


async def test_a_plain_run_stays_far_below(kimi: Running, inbox: Path) -> None:
    """Where nothing goes wrong the end of the price is never met, and both figures are said in one line with what they contain."""
    said, ended = await run(kimi, inbox)
    assert ended.exit_code == 0
    assert ended.cost_usd <= said.cost.worst_usd < said.most_usd
    assert dollars(said).count("$") == 2
    for word in ("first answers", "asking again", "continuations", "second passes"):
        assert word in dollars(said)

"""Caps across processes: what is counted, what is never freed, and that nothing passes a cap by a cent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.ask.money.budget import Budget, Caps
from octavo.processors.ask.money.spending import SCHEMA, Spending
from octavo.processors.ask.nano_usd import nano
from octavo.processors.state import database
from octavo.schemas.errors import BudgetReached, StorageError
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import running
from tests.emulator.oracle import labelled_lines

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("either_state")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def budget(folder: Path, at: datetime = NOON, **caps: Any) -> Budget:
    """A budget with the shared file of that folder, at a time."""
    return Budget(Caps(**caps, file=folder / "spending.sqlite"), run="r", now=lambda: at)


async def spend(purse: Budget, worst_usd: float, billed_usd: float) -> None:
    """One call."""
    reserved = await purse.reserve(worst_usd)
    await purse.settle(reserved, billed_usd)


def child(program: str, *words: str) -> subprocess.Popen[str]:
    """A Python process of its own."""
    command = [sys.executable, "-c", program, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize(
    ("caps", "later", "says"),
    [
        (
            {"day_usd": 1},
            datetime(2026, 11, 24, tzinfo=UTC),
            r"\$1\.00 for 2026-11-23 \(UTC\).*after 2026-11-24 00:00 UTC.*--budget-day-usd",
        ),
        (
            {"month_usd": 1},
            datetime(2026, 12, 1, tzinfo=UTC),
            r"\$1\.00 for 2026-11 \(UTC\).*after 2026-12-01 00:00 UTC.*--budget-month-usd",
        ),
    ],
)
async def test_a_cap_of_time_holds_across_runs_and_ends(
    tmp_path: Path, caps: dict[str, Any], later: datetime, says: str
) -> None:
    """What one run spent counts against the next one until the day or month is over; the sentence says when that is."""
    await spend(budget(tmp_path, **caps), 0.9, 0.8)
    with pytest.raises(BudgetReached, match=says):
        await budget(tmp_path, **caps).reserve(0.3)
    await budget(tmp_path, later, **caps).reserve(0.3)


async def test_a_project_has_its_own_cap_for_good(tmp_path: Path) -> None:
    """A project's cap counts the runs of that project only, on whatever day."""
    await spend(budget(tmp_path, project="a", project_usd=1), 0.9, 0.9)
    await budget(tmp_path, project="b", project_usd=1).reserve(0.9)
    with pytest.raises(
        BudgetReached, match=r"project a is reached: \$0\.90 is spent.*higher --budget-project-usd"
    ):
        await budget(tmp_path, datetime(2027, 5, 1, tzinfo=UTC), project="a", project_usd=1).reserve(0.2)


async def test_a_cap_of_the_run_needs_no_file(tmp_path: Path) -> None:
    """Without a shared cap, and for calls that cost nothing, no file is made."""
    await spend(budget(tmp_path, run_usd=1), 0.5, 0.5)
    await spend(budget(tmp_path, day_usd=1), 0.0, 0.0)
    assert list(tmp_path.iterdir()) == []


async def test_sums_are_exact(tmp_path: Path) -> None:
    """Three times ten cents are thirty, which floats deny: the cap takes the last one, and not a nano-dollar more."""
    purse = budget(tmp_path, day_usd=0.3)
    for _ in range(3):
        await spend(purse, 0.1, 0.1)
    with pytest.raises(BudgetReached):
        await purse.reserve(0.000_000_001)


async def test_alerts_are_said_once_a_threshold(tmp_path: Path) -> None:
    """At 50, 80 and 100 percent of a cap there is one sentence each; a leap over two says the higher."""
    said: list[str] = []
    purse = Budget(
        Caps(run_usd=1, day_usd=10, file=tmp_path / "s.sqlite"), hear=said.append, now=lambda: NOON
    )
    for usd in (0.3, 0.3, 0.3, 0.1):
        await spend(purse, usd, usd)
    with pytest.raises(BudgetReached):
        await purse.reserve(0.1)
    assert [sentence[:37] for sentence in said] == [
        "50 % of the budget of $1.00 is spent:",
        "80 % of the budget of $1.00 is spent:",
        "100 % of the budget of $1.00 is spent",
    ]


async def test_a_call_that_costs_more_than_its_worst_case_is_said(tmp_path: Path) -> None:
    """A bill above its reservation is counted whole, said, and from then on as much more is reserved."""
    said: list[str] = []
    purse = Budget(Caps(run_usd=1), hear=said.append)
    await spend(purse, 0.1, 0.2)
    await purse.reserve(0.1)
    assert (purse.spent_usd, purse.reserved_usd) == (0.2, 0.2)
    assert "more than the $0.10 reserved" in said[0]


RESERVE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from octavo.processors.ask.money.budget import Budget, Caps
purse = Budget(Caps(day_usd=1, file=Path(sys.argv[1])), run="killed")
asyncio.run(purse.reserve(0.7))
print("reserved", flush=True)
sys.stdin.read() if len(sys.argv) > 2 else os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_what_a_killed_process_had_reserved_stays_counted(tmp_path: Path) -> None:
    """Nobody knows whether the calls of a killed process were billed, so they count at their worst case, for good, marked as lost."""
    path = tmp_path / "spending.sqlite"
    with child(RESERVE_AND_DIE, str(path)) as killed:
        assert killed.wait() == -signal.SIGKILL, killed.stderr
    purse = Budget(Caps(day_usd=1, file=path))
    with pytest.raises(BudgetReached, match=r"\$0\.70 is spent"):
        await purse.reserve(0.5)
    await purse.reserve(0.3)
    with closing(database.opened(path, SCHEMA)) as store:
        found = store.read("SELECT run, reserved_nano, billed_nano, lost FROM calls ORDER BY call")
    assert [tuple(row) for row in found] == [("killed", nano(0.7), nano(0.7), 1), ("", nano(0.3), None, 0)]


async def test_money_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    """While another living process may still settle for less, a call waits; when that process is killed, it ends in the sentence."""
    path = tmp_path / "spending.sqlite"
    with child(RESERVE_AND_DIE, str(path), "wait") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "reserved\n"
        waiting = asyncio.ensure_future(Budget(Caps(day_usd=1, file=path)).reserve(0.5))
        await asyncio.sleep(1)
        assert not waiting.done()
        holder.kill()
        holder.wait()
        with pytest.raises(BudgetReached):
            await waiting


def test_a_late_bill_replaces_what_was_written_off(tmp_path: Path) -> None:
    """A call that was counted as lost and is settled after all counts with its bill."""
    file = Spending(tmp_path / "s.sqlite", project="p", run="r")
    call = file.reserve(nano(0.5), "2026-11-23", {})
    assert isinstance(call, int)
    with closing(database.opened(file.path, SCHEMA)) as store:
        gone = f"{os.uname().nodename} 999999999 1"
        store.write(lambda given: given.execute("UPDATE calls SET holder = ?", (gone,)))
    file.reserve(nano(9), "2026-11-23", {"day 2026-11-23": nano(1)})
    assert file.total_usd("day 2026-11-23") == (0.5, 0.0)
    file.settle(call, nano(0.2))
    for scope in ("day 2026-11-23", "month 2026-11", "project p"):
        assert file.total_usd(scope) == (0.2, 0.0)
    file.close()


@pytest.mark.of_a_file
async def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """A spending file that is none ends in exit code 74 with the name of the file, before a call leaves."""
    (tmp_path / "spending.sqlite").write_text("no database, " * 100)
    with pytest.raises(StorageError, match=r"spending\.sqlite"):
        await budget(tmp_path, day_usd=1).reserve(0.1)


ASKING = """
import asyncio, json, sys
from pathlib import Path
from octavo.flows import settings
from octavo.flows.batch_runner import bounded
from octavo.processors.ask import dispatch, replies
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.processors.state import database
from octavo.schemas.errors import BudgetReached, ProviderUnavailable
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page

name, base_url, home, cap_usd = sys.argv[1:]
dispatch.BACKOFF_S = 0.05
job = Job(inbox=".", base_url=base_url, tier=5, budget_day_usd=float(cap_usd), concurrency=8)
account = settings.account(job, {"OCTAVO_HOME": home}, key="sk-emulator")
question = compile_question("letter")

async def main():
    reached = 0
    async with replies.Asker(account, Path(home) / f"{name}.sqlite", run=name, count=pack.counter(None)) as asking:
        async def ask(number):
            nonlocal reached
            pages = [Page(f"{number:064x}", 1, f"subject: {name} {number}\\n" + "text " * 200)]
            (window,) = pack.windows(pages, pack.counter(None), pack.Bounds(100_000, 50))
            try:
                await asking.ask(asking.request(window, question))
            except BudgetReached:
                reached += 1
        async for _ in bounded(ask, range(40), 8):
            pass
        print(json.dumps({"spent_usd": asking.budget.spent_usd, "reached": reached}))
asyncio.run(main())
"""


def test_four_processes_never_pass_a_cap_by_a_cent(tmp_path: Path) -> None:
    """Four processes under one cap a day, with a fifth of the calls broken off or refused: the provider never bills more than the cap."""
    cap_usd = 0.1
    faults = [Fault("reset_before", 0.11, attempts=2), Fault("server_error", 0.11, attempts=2)]
    with running(Config(tier=5, timing=False, oracle=labelled_lines, faults=faults)) as kimi:
        children = [child(ASKING, f"p{n}", kimi.base_url, str(tmp_path), str(cap_usd)) for n in range(4)]
        said = [process.communicate(timeout=300) for process in children]
        assert all(process.returncode == 0 for process in children), said
        billed_usd = sum(entry.cost_usd for entry in kimi.paid())
        retried = sum(bool(entry.fault) for entry in kimi.log.chats()) / len(kimi.log.chats())
    file = Spending(tmp_path / "spending.sqlite", project="", run="")
    counted_usd, open_usd = file.total_usd(f"day {datetime.now(UTC):%Y-%m-%d}")
    file.close()
    print(
        f"billed {billed_usd:.6f}, counted {counted_usd:.6f} of {cap_usd}; {retried:.0%} of calls failed",
        said,
    )
    assert retried > 0.1
    assert any('"reached": 0' not in out for out, _ in said)
    assert open_usd == 0
    assert billed_usd <= counted_usd <= cap_usd
    assert counted_usd > 0.9 * cap_usd
    assert sum(nano(json.loads(out)["spent_usd"]) for out, _ in said) == nano(counted_usd)


BATCH_AND_DIE = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from octavo.processors.ask.money.budget import Budget, Caps

async def main():
    purse = Budget(Caps(day_usd=1, file=Path(sys.argv[1])), now=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    await purse.name(await purse.reserve(0.6), "intent")
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_waiting_batch_stays_reserved(tmp_path: Path) -> None:
    """What a batch may cost counts for all runs while it waits, whoever ordered it and however that ended, until its bill is known."""
    assert child(BATCH_AND_DIE, str(tmp_path / "spending.sqlite")).wait(60) == -signal.SIGKILL
    with pytest.raises(BudgetReached, match=r"\$0\.00 is spent, \$0\.60 is reserved"):
        await budget(tmp_path, day_usd=1).reserve(0.5)
    without = budget(tmp_path)  # a run without caps fetches it
    await without.charge("intent", 0.1)
    assert without.spent_usd == 0.1
    assert Spending(tmp_path / "spending.sqlite", project="", run="r").total_usd("day 2026-11-23") == (
        0.1,
        0.0,
    )
    await budget(tmp_path, day_usd=1).reserve(0.9)


async def test_a_batch_that_is_left_is_settled_later(tmp_path: Path) -> None:
    """A run that ends before its batch leaves the reservation, also among others of the same size; a later run settles that one."""
    first = budget(tmp_path, day_usd=2)
    held = {name: await first.reserve(0.5) for name in ("a", "b")}
    for name, reserved in held.items():
        await first.name(reserved, name)
    await first.settle(held["b"], 0.2)
    first.leave(held["a"])
    assert (first.spent_usd, first.reserved_usd) == (0.2, 0.0)
    later = budget(tmp_path, day_usd=2)
    await later.charge("a", 0.3)
    assert Spending(tmp_path / "spending.sqlite", project="", run="r").total_usd("day 2026-11-23") == (
        0.5,
        0.0,
    )

"""A week in minutes: a schedule fires on a real server while files come and go, the share, the key, the worker and the budget give out.

After each day the test holds what the person on duty sees against what happened: the name and message of the state, the page of the run
and its row in `runs`. WEEK_PAGES names a folder for pictures of the runs in the UI, and for all that was seen, in `week.txt`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.deployments import DEPLOYMENTS
from octavo.flows.prefect_run.processes import FLOW_RUN, environments
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.browser import Page, browser
from tests.emulator.config import WIDE, Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.prefect_server import Server, prefect_server, wait_for
from tests.test_flows_days import values

pytestmark = [pytest.mark.flow, pytest.mark.prove]

EVERY_S = 15
PATIENCE_S = 300.0
KEY = "sk-emulator"
SCHEMA = {
    "type": "object",
    "description": "A parcel.",
    "properties": {"sender": {"type": "string"}, "weight": {"type": "number"}},
}


@dataclass
class Week:
    """A folder on a schedule, and who looks after it."""

    server: Server
    kimi: Running
    root: Path
    page: Page | None
    job: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    schedule: str = ""

    def __post_init__(self) -> None:
        """Make the folder, the schema and the job."""
        self.inbox, self.out = self.root / "inbox", self.root / "out"
        self.inbox.mkdir()
        schema = self.root / "parcel.json"
        schema.write_text(json.dumps(SCHEMA))
        self.job = {"inbox": str(self.inbox), "out": str(self.out), "extract": [str(schema)], **WIDE}
        self.job |= {"base_url": self.kimi.base_url, "key_env": "WEEK_KEY", "budget_usd": 5}
        self.job |= {"model": "kimi-k2.6", "concurrency": 2, "max_documents_per_window": 2}
        found = self.server.ask(f"/deployments/name/{DEPLOYMENTS[0].name}")
        self.path = f"/deployments/{found['id']}/schedules"

    def plan(self, **changes: Any) -> None:
        """Put the schedule in place with another job."""
        self.job |= changes
        self.pause()
        made = {"schedule": {"interval": EVERY_S}, "parameters": {"job": self.job}}
        (found,) = self.server.ask(self.path, [made])
        self.schedule = found["id"]

    def pause(self) -> None:
        """Take the schedule away until the next plan, and wait for the runs that it began."""
        if self.schedule:
            self.server.ask(f"{self.path}/{self.schedule}", method="DELETE")
            wait_for(self.is_idle, "runs of the job before to end", PATIENCE_S)
            self.schedule = ""

    def is_idle(self) -> bool:
        """Whether no run of the folder is in work or about to be."""
        over = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        return all(run["state_type"] in over for run in self.server.runs(self.inbox))

    def lay(self, *numbers: int, words: str = "") -> None:
        """Lay slips into the inbox, or change those that lie there."""
        for number in numbers:
            text = f"Parcel slip {number}\nsender: Sender {number}{words} Ltd\nweight: {number}.5\n"
            (self.inbox / f"slip{number}.txt").write_text(text)

    def take(self, *numbers: int) -> None:
        """Take slips out of the inbox."""
        for number in numbers:
            (self.inbox / f"slip{number}.txt").unlink()

    def day(self, what: str, name: str, *words: str, code: int | None = 0) -> None:
        """Wait for a run that ends from now on as it should; one that had begun before may have seen what changed, or not."""
        since = datetime.now(UTC).isoformat()
        told: list[str] = []

        def ended() -> dict[str, Any] | None:
            runs = [run for run in self.server.runs(self.inbox) if (run["end_time"] or "") > since]
            told[:] = [f"{run['state_name']}: {run['state']['message']}" for run in runs]
            good = [told.startswith(f"{name}: ") and all(word in told for word in words) for told in told]
            return next((run for run, is_good in zip(runs, good, strict=True) if is_good), None)

        try:
            run = wait_for(ended, what, PATIENCE_S)
        except AssertionError:
            pytest.fail(f"{what}: no {name} with {words}, but {told}")
        assert run
        page = self.server.artifacts(run).get("octavo-outcome", {})
        self.seen.append(
            f"## {what}\n{run['name']} {run['state_name']}: {run['state']['message']}\n\n{page.get('data')}\n"
        )
        self.draw(run, what)
        if code is not None:
            assert self.last_code() == code, told

    def last_code(self) -> int:
        """The exit code of the newest row in `runs`; 0 when the run had nothing to put down."""
        rows = sorted(Warehouse(self.out).rows("runs"), key=lambda row: row["started_at"])
        return int(rows[-1]["exit_code"])

    def draw(self, run: dict[str, Any], what: str) -> None:
        """Keep a picture of the page of a run."""
        if self.page is None:
            return
        self.page.open(f"{self.server.url.removesuffix('/api')}/runs/flow-run/{run['id']}")
        self.page.wait_for(f"document.body.innerText.includes({json.dumps(run['name'])})")
        self.page.wait_for("!document.body.innerText.includes('Waiting for logs')")
        picture = self.page.call("Page.captureScreenshot")["data"]
        folder = Path(os.environ["WEEK_PAGES"])
        (folder / f"{len(self.seen):02} {what}.png").write_bytes(base64.b64decode(picture))
        self.page.open("about:blank")  # Prefect's pages draw all the time, and that takes a core

    def senders(self) -> list[str]:
        """The answers that stand in the tables."""
        return sorted(row["sender"] for row in Warehouse(self.out).rows("parcel"))


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    """A server, a provider and a folder; what was seen is kept where that is wanted."""
    wanted = os.environ.get("WEEK_PAGES")
    config = Config(tier=5, timing=False, keep_bodies=True, oracle=labelled_lines)
    with ExitStack() as stack:
        kimi = stack.enter_context(running(config))
        home = tmp_path / "prefect"
        home.mkdir()
        server = stack.enter_context(prefect_server(home, WEEK_KEY=KEY))
        page = stack.enter_context(browser(tmp_path)) if wanted else None
        made = Week(server, kimi, tmp_path, page)
        try:
            yield made
        finally:
            if wanted:
                (Path(wanted) / "week.txt").write_text("\n".join(made.seen))


def test_a_week(week: Week) -> None:
    """Red days say what is wrong and what to do, days after them go on, no row goes by surprise, and the end is that of a fresh run."""
    files_come_and_go(week)
    the_share_unmounts(week)
    the_key_expires(week)
    the_model_is_changed(week)
    worker_and_run_are_killed(week)
    the_budget_ends(week)
    half_of_the_files_go(week)
    week.server.ask(f"{week.path}/{week.schedule}", method="DELETE")
    fresh = Job.model_validate({**week.job, "out": str(week.root / "fresh"), "accept_vanished": False})
    assert asyncio.run(order.run(fresh, settings.account(fresh, {}, key=KEY))).exit_code == 0
    old, new = values(week.out, set()), values(week.root / "fresh", set())
    assert old == new
    assert len(week.kimi.asked_twice()) <= 2, "more was asked again than was in flight at the kill"


def files_come_and_go(week: Week) -> None:
    """Monday to Tuesday: slips come, one is changed, one goes, and then nothing happens."""
    week.lay(*range(1, 13))
    week.plan()
    week.day("twelve files come", "Completed", "12 added")
    week.pause()  # all three in one run
    week.lay(13)
    week.lay(2, words=" & Sons")
    week.take(1)
    week.plan()
    week.day("one comes, one is changed, one goes", "Completed", "1 added, 1 changed, 1 removed")
    assert "Sender 2 & Sons Ltd" in week.senders()
    week.day("nothing happens", "Nothing new", "Nothing changed")


def the_share_unmounts(week: Week) -> None:
    """Wednesday: the folder is empty for a while."""
    kept, before = week.inbox.rename(week.root / "share"), week.senders()
    week.inbox.mkdir()
    week.day("the share unmounts", "Failed", "All 12 known files are gone", "accept_vanished", code=2)
    assert week.senders() == before
    week.inbox.rmdir()
    kept.rename(week.inbox)
    week.day("the share is back", "Nothing new", code=None)
    assert week.senders() == before


def the_key_expires(week: Week) -> None:
    """Thursday: the provider knows the key no more, and two days later it does."""
    before, keys = week.senders(), dict(week.kimi.config.keys)
    week.kimi.config.keys = {"sk-another": "org"}
    week.lay(14)
    week.day("the key expires", "Failed", "key", code=77)
    assert week.senders() == before
    week.kimi.config.keys = keys
    week.day("the key is good again", "Completed")
    assert "Sender 14 Ltd" in week.senders()


def the_model_is_changed(week: Week) -> None:
    """Friday: another model answers."""
    week.plan(model="kimi-k3")
    week.day("the model is changed", "Completed")
    assert {row["model"] for row in Warehouse(week.out).rows("parcel")} == {"kimi-k3"}


def worker_and_run_are_killed(week: Week) -> None:
    """Saturday: the worker and a run in the middle of its questions are killed."""
    asked = len(week.kimi.log.chats())
    week.kimi.config.timing, week.kimi.config.ttft_s, week.kimi.config.tokens_per_s = True, 2.0, 20.0
    week.lay(*range(15, 23))
    wait_for(lambda: len(week.kimi.log.chats()) > asked + 1, "questions", PATIENCE_S)
    dead = {given[FLOW_RUN] for given in environments().values() if is_of(week, given, FLOW_RUN)}
    for pid, given in environments().items():
        if given.get(FLOW_RUN) in dead or is_worker(week, pid, given):
            os.kill(pid, signal.SIGKILL)
    week.kimi.config.timing = False
    for run in dead:  # the one that asked, and maybe one that waited for it
        crashed = wait_for(partial(crash_of, week, run), "the crash", PATIENCE_S)
        week.seen.append(f"## the worker and a run are killed\n{crashed}\n")
        assert "Run it again: what is paid is kept." in crashed
    wait_for(lambda: "Sender 22 Ltd" in week.senders(), "the next run", PATIENCE_S)


def is_of(week: Week, given: dict[str, str], name: str) -> bool:
    """Whether an environment is of this server and has a variable."""
    return given.get("PREFECT_HOME") == str(week.server.home) and name in given


def is_worker(week: Week, pid: int, given: dict[str, str]) -> bool:
    """Whether a process is the worker of this server."""
    if FLOW_RUN in given or given.get("PREFECT_HOME") != str(week.server.home):
        return False
    path = Path(f"/proc/{pid}/cmdline")
    return path.exists() and b"worker\0start" in path.read_bytes()


def crash_of(week: Week, run: str) -> str:
    """What the state of a crashed run says."""
    found = week.server.ask(f"/flow_runs/{run}")
    return str(found["state"]["message"]) if found["state_type"] == "CRASHED" else ""


def the_budget_ends(week: Week) -> None:
    """Sunday: many slips, and money for few of them; then enough."""
    before = set(week.senders())
    week.plan(budget_usd=0.002)
    week.lay(*range(23, 41))
    week.day("the budget ends", "Failed", "budget", code=3)
    assert before <= set(week.senders())
    week.plan(budget_usd=5)
    week.day("the budget is raised", "Completed")
    assert "Sender 40 Ltd" in week.senders()


def half_of_the_files_go(week: Week) -> None:
    """Monday again: half of the files go, which nobody has said is right, and then somebody does."""
    before = week.senders()
    week.take(*range(20, 41))
    week.day("half of the files go", "Failed", "known files are gone", "accept_vanished", code=2)
    assert week.senders() == before
    week.plan(accept_vanished=True)
    week.day("they are meant to be gone", "Completed", "21 removed")

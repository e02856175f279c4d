"""Task runs that span batches, without a server: what is put into them and when they end. With one: test_flows_prefect.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from octavo.flows.hooks import ignore
from octavo.flows.prefect_run import artifacts, task_runs


class Recorder:
    """Stands for Prefect's `task`: writes down which task runs began and how they ended."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def __call__(self, *, task_run_name: str, **_: Any) -> Any:
        """Decorate a function as Prefect does."""

        def decorated(function: Any) -> Any:
            async def run() -> None:
                self.log.append(f"{task_run_name} begins")
                try:
                    await function()
                except ValueError:
                    self.log.append(f"{task_run_name} fails")
                    raise
                self.log.append(f"{task_run_name} ends")

            return run

        return decorated


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A stand-in for Prefect."""
    made = Recorder()
    monkeypatch.setattr(task_runs, "task", made)
    return made


async def upper(item: str) -> str:
    """A batch that takes a moment."""
    await asyncio.sleep(0.01)
    if item == "bad":
        raise ValueError(item)
    return item.upper()


async def test_batches_share_a_task_run_while_it_is_young(recorder: Recorder) -> None:
    """Many short batches are one task run, which ends when the last of them is over; without batches there is none."""
    each = task_runs.in_task_runs()
    assert [result async for result in each("ask", upper, [])] == []
    assert recorder.log == []
    assert sorted([result async for result in each("read", upper, "abcdef")]) == list("ABCDEF")
    assert recorder.log == ["read 1 begins", "read 1 ends"]


async def test_old_task_runs_are_followed_by_others(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that lasts is several task runs, each of which has ended when the work has; their numbers go on."""
    monkeypatch.setattr(task_runs, "YOUNG_S", 0.0)
    each = task_runs.in_task_runs()
    assert sorted([result async for result in each("read", upper, "abc")]) == list("ABC")
    assert sorted(recorder.log) == sorted(
        f"read {number} {what}" for number in (1, 2, 3) for what in ("begins", "ends")
    )


async def test_a_task_run_fails_with_its_batch(recorder: Recorder) -> None:
    """The error of a batch reaches who asked for it, and the task run that it was in fails."""
    with pytest.raises(ValueError, match="bad"):
        [result async for result in task_runs.in_task_runs()("read", upper, ["good", "bad"])]
    assert recorder.log == ["read 1 begins", "read 1 fails"]


class Drawings:
    """Stands for artifacts and log of a flow run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        self.bars: list[float] = []
        monkeypatch.setattr(artifacts, "get_run_logger", lambda: self)
        monkeypatch.setattr(artifacts, "acreate_progress_artifact", self.create)
        monkeypatch.setattr(artifacts, "aupdate_progress_artifact", self.update)

    def info(self, form: str, *words: object) -> None:
        """A line of the log."""
        self.lines.append(form % words)

    async def create(self, percent: float, *_: object) -> str:
        """A new bar."""
        self.bars.append(percent)
        return "bar"

    async def update(self, _: object, percent: float, __: object) -> None:
        """A bar that grows."""
        self.bars.append(percent)


async def test_short_stages_have_a_line_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage of seconds is one line with its count when it is over; a stage with nothing in it is none."""
    drawn = Drawings(monkeypatch)
    async with artifacts.progress(ignore, artifacts.Notices("id")) as tell:
        tell("read", 0, None)
        tell("ask", 0, 0)
        tell("read", 7, 7)
    assert (drawn.lines, drawn.bars) == (["Reading files: 7 in 0 s."], [])


async def test_long_stages_have_a_bar_and_say_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that lasts is drawn now and then, with the time that the rest will take, and as whole at its end."""
    drawn = Drawings(monkeypatch)
    for name, value in (("LOOK_EVERY_S", 0.01), ("FIRST_AFTER_S", 0.0), ("REDRAW_S", 0.0)):
        monkeypatch.setattr(artifacts, name, value)
    async with artifacts.progress(ignore, artifacts.Notices("id")) as tell:
        for done in (1, 2, 4):
            tell("ask", done, 4)
            await asyncio.sleep(0.1)
    assert drawn.bars == [25.0, 50.0, 100.0]
    assert drawn.lines[0].startswith("Asking questions: 1 of 4 in 0 s, about ")
    assert drawn.lines[0].endswith(" s left.")
    assert drawn.lines[-1] == "Asking questions: 4 in 0 s."

"""The state that a Secret block names: of one run at a time, and of no later one."""

from __future__ import annotations

import os

import pytest

from octavo.flows import state_in_block
from octavo.flows.state_in_block import shared_state
from octavo.schemas.errors import SettingsError

BLOCKS = {"first": "postgresql://a/one", "second": "postgresql://a/two", "": ""}


@pytest.fixture(autouse=True)
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks without a Prefect server, and an environment that names no state."""

    async def in_block(name: str, _: str) -> str:
        return BLOCKS[name]

    monkeypatch.setattr(state_in_block, "in_block", in_block)
    monkeypatch.delenv("OCTAVO_STATE", raising=False)


def named() -> str:
    """What stores are opened by now."""
    return os.environ.get("OCTAVO_STATE", "")


async def test_a_state_is_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run of a process has the state of its own block, or none; one that the environment names stays."""
    async with shared_state("first", wins=False):
        assert named() == BLOCKS["first"]
        async with shared_state("first", wins=False):
            pass
        assert named() == BLOCKS["first"]
    assert named() == ""
    async with shared_state("second", wins=False):
        assert named() == BLOCKS["second"]
    async with shared_state("", wins=True):
        assert named() == ""
    monkeypatch.setenv("OCTAVO_STATE", "postgresql://a/environment")
    async with shared_state("first", wins=False):
        assert named() == "postgresql://a/environment"
    async with shared_state("first", wins=True):
        assert named() == BLOCKS["first"]
    assert named() == "postgresql://a/environment"


@pytest.mark.parametrize("other", ["second", ""])
async def test_a_run_of_another_state_is_refused_meanwhile(other: str) -> None:
    """Two runs of one process never open their stores in each other's state, also where one of them has files."""
    async with shared_state("first", wins=False):
        with pytest.raises(SettingsError, match="another shared state"):
            async with shared_state(other, wins=False):
                pass
        assert named() == BLOCKS["first"]
    async with shared_state(other, wins=False):
        with pytest.raises(SettingsError, match="another shared state"):
            async with shared_state("first", wins=True):
                pass
        assert named() == BLOCKS[other]

"""What every test has: no real provider, no key, no Prefect server by accident, and the folders of shared material where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from octavo.processors.ask.providers import catalogue
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines

hypothesis.settings.register_profile("octavo", deadline=None)  # machines are noisy, and no test is timed
hypothesis.settings.load_profile("octavo")

# Files that take long, which begin first, so that they are not what is left at the end.
LONG = (
    "test_flows_prefect",
    "test_flows_schedule",
    "test_flows_days",
    "test_ask_kill",
    "test_flows_order",
    "test_flows_long",
    "test_flows_cli",
    "test_ask_batch",
    "test_store_crash",
    "test_flows_automations",
    "test_installed",
    "test_readme",
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the machine's settings reaches a test, least of all a key with money behind it, and nothing of one test the next."""
    variables = [
        name
        for provider in catalogue().providers.values()
        for name in (provider.key_env, provider.base_url_env)
        if name
    ]
    for name in (*variables, "PREFECT_API_URL", "OCTAVO_TOKENIZER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers from lines such as `sender: Acme`. Modules that want another one have their own."""
    with running(
        Config(tier=5, rpm=10**6, timing=False, keep_bodies=True, oracle=labelled_lines)
    ) as emulator:
        yield emulator


@pytest.fixture
def corpus() -> Path:
    """The folder of real documents, which users of the project do not have."""
    if not (SHARED / "corpus").is_dir():
        pytest.skip("the corpus of real documents is not on this machine")
    return SHARED / "corpus"


@pytest.fixture(scope="session")
def vocabulary() -> bytes:
    """The Kimi vocabulary, which users fetch for themselves."""
    path = SHARED / "tokenizer" / "kimi_k2.tiktoken.model"
    if not path.is_file():
        pytest.skip("the Kimi vocabulary is not on this machine")
    return path.read_bytes()

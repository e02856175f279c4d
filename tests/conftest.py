"""What every test has: no real provider, no key, no Prefect server by accident, and the folders of shared material where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from processors.ask.providers import catalogue
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines

hypothesis.settings.register_profile("octavo", deadline=None)  # machines are noisy, and no test is timed
hypothesis.settings.load_profile("octavo")

# Files that start a Prefect server: one worker does them one after the other, since two servers starve one another on two cores.
SERVERS = (
    "test_flows_schedule",
    "test_flows_prefect",
    "test_flows_automations",
    "test_flows_serve",
    "test_flows_reporting",
)
# Files that take long, so that they are not what is left at the end.
LONG = (
    "test_flows_days",
    "test_ask_kill",
    "test_flows_order",
    "test_flows_long",
    "test_flows_cli",
    "test_ask_batch",
    "test_store_crash",
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


class TogetherByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each worker whole files, and one of them all files that start servers."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "servers" if Path(file).stem in SERVERS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep together what shares a server (the groups of xdist 3.8 are not heard by pytest 9.2)."""
    return TogetherByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    rank = {name: place for place, name in enumerate((*SERVERS, *LONG))}
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
    with running(Config(tier=5, timing=False, keep_bodies=True, oracle=labelled_lines)) as emulator:
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

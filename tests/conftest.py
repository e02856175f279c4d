"""What every test has: no real provider, no key, no Prefect server by accident, and the folders of shared material where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from octavo.processors.ask.providers import catalogue
from tests import proofs
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.postgres_server import BINARIES, MISSING, Server, serving
from tests.prefect_server import Server as PrefectServer
from tests.prefect_server import prefect_server

for profile, factor in proofs.PROFILES.items():  # machines are noisy, and no test is timed
    examples = round(100 * factor)
    hypothesis.settings.register_profile(profile, deadline=None, max_examples=examples)
hypothesis.settings.load_profile("octavo")

# Files with one Prefect server for all, which takes half a minute to start: they go to one process, in this order. The last deploys anew.
SERVED = ("test_flows_prefect", "test_flows_schedule", "test_installed")

# Files that take long, which begin first, so that they are not what is left at the end.
LONG = (
    *SERVED,
    "test_flows_days",
    "test_flows_order",
    "test_flows_long",
    "test_flows_cli",
    "test_ask_batch",
    "test_store_crash",
    "test_readme",
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


class ByServer(LoadFileScheduling):  # type: ignore[misc]
    """Gives each file to one process, and all that share a server to the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "served" if Path(file).stem in SERVED else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Share out the tests."""
    return ByServer(config, log)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the machine's settings reaches a test, least of all a key with money behind it, and nothing of one test the next."""
    variables = [
        name
        for provider in catalogue().providers.values()
        for name in (provider.key_env, provider.base_url_env)
        if name
    ]
    for name in (*variables, "PREFECT_API_URL", "OCTAVO_TOKENIZER", "OCTAVO_STATE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole session."""
    if not BINARIES:
        pytest.skip(MISSING)
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server with all deployments and a worker, for the files of SERVED."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as started:
        yield started


@pytest.fixture
def shared_state(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """OCTAVO_STATE names a database of its own; gives the database's name."""
    name = postgres.new_database()
    monkeypatch.setenv("OCTAVO_STATE", postgres.url(name))
    yield name
    postgres.drop(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `either_state` over both, but for what is about a file (`of_a_file`)."""
    if "either_state" in metafunc.fixturenames:
        is_of_a_file = metafunc.definition.get_closest_marker("of_a_file")
        metafunc.parametrize(
            "either_state", ["sqlite", "postgres"][: 1 if is_of_a_file else None], indirect=True
        )


@pytest.fixture
def either_state(request: pytest.FixtureRequest) -> str:
    """Stores are kept in files, or in the state that hosts share."""
    if request.param == "postgres":
        request.getfixturevalue("shared_state")
    return str(request.param)


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for the tests of a file, in which each reviewer has a window with cookies of its own; `review_app` loads it when needed."""
    from tests.review_app import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def reviewer(out: Path, browser: Any) -> Iterator[Any]:
    """Somebody who has opened the link to the review of `out`, a fixture of each file. Nothing may go wrong in the browser meanwhile."""
    from tests.review_app import reviewing, watched

    with reviewing(out) as link:
        window = watched(browser, link)
        yield window
        assert window.faults == []
        window.page.context.close()


@pytest.fixture(scope="module")
def scripted_kimi() -> Iterator[Any]:
    """A Kimi of the emulator that each test of a file tells what to say."""
    from tests.emulator.config import Config
    from tests.emulator.fixture import running

    with running(Config(tier=5, timing=False, keep_bodies=True)) as emulator:
        yield emulator

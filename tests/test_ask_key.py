"""The key is in nothing that a run leaves behind or says, whatever its form is and wherever a host repeats it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import httpx2
import pytest

from octavo.flows import settings
from octavo.processors.ask.api.chat import Chat, Retryable
from octavo.processors.ask.api.refusals import without_key
from octavo.processors.ask.providers import catalogue
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests import command
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.emulator.refusals import Refusal
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
SECRET = "CANARYhexZAIKEY9876"
KEY = f'0a1b2c."/{SECRET}'  # the form of a key of Z.ai, and signs that JSON may escape


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that knows a key without a prefix."""
    with running(
        Config(tier=5, timing=False, keys={KEY: "org-canary"}, batch_step_s=0.01, batch_lines_per_s=10_000)
    ) as emulator:
        yield emulator


def refused(status: int, kind: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An oracle that refuses, and repeats the key in words and in JSON within the words."""

    def oracle(body: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(status, kind, f"No {KEY}. {json.dumps({'sent': KEY})}", "echo")

    return oracle


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """An oracle that puts the key into the record."""
    answer = labelled_lines(body)
    assert isinstance(answer, dict)
    changed: dict[str, Any] = json.loads(json.dumps(answer).replace("balance", json.dumps(KEY)[1:-1]))
    return changed


def run(kimi: Running, folder: Path, *flags: str) -> str:
    """A run of one letter in a process of its own; gives all that it said."""
    (folder / "inbox").mkdir()
    (folder / "inbox" / "a.txt").write_text("subject: balance\n", encoding="utf-8")
    where = ["--out", str(folder / "out"), "--base-url", kimi.base_url, "--tier", "5", "--yes", *flags]
    words = ["run", str(folder / "inbox"), "--extract", "letter", *where]
    home = str(folder / "out" / "home")
    done = command.octavo(*words, MOONSHOT_API_KEY=KEY, OCTAVO_HOME=home)
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"


def left(out: Path) -> bytes:
    """All that stands in an output folder: the bytes of every file, and the rows of the warehouse, which packs its text."""
    found = b"\n".join(path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file())
    with duckdb.connect(out / "warehouse.duckdb", read_only=True) as warehouse:
        for (name,) in warehouse.sql(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall():
            found += repr(warehouse.sql(f"SELECT * FROM {name}").fetchall()).encode()
    for path in sorted(out.rglob("*.parquet")):
        found += repr(duckdb.execute(f"SELECT * FROM '{path}'").fetchall()).encode()
    return found


@pytest.mark.parametrize(
    ("oracle", "mode", "code"),
    [
        (refused(401, "incorrect_api_key_error"), "live", "77"),
        slow(refused(400, "invalid_request_error"), "live", "2"),
        slow(answered, "live", "0"),
        (answered, "batch", "0"),
    ],
)
def test_a_repeated_key_is_nowhere(kimi: Running, tmp_path: Path, oracle: Any, mode: str, code: str) -> None:
    """A host that repeats the key, in a refusal, a reply or a line of a batch, gets it neither on disk nor on the screen."""
    kimi.config.oracle = oracle
    said = run(kimi, tmp_path, "--model", "kimi-k2.6", "--mode", mode)
    assert said.startswith(f"{code}\n"), said
    kept = left(tmp_path / "out")
    assert SECRET not in said
    assert SECRET.encode() not in kept
    assert b"[key]" in kept


def test_a_key_is_found_in_every_form() -> None:
    """The key is found as it is and as JSON escapes it once or twice; a short one is a word, which stands in replies too."""
    once = json.dumps(KEY)[1:-1]
    for form in (KEY, once, json.dumps(once)[1:-1], once.replace("/", "\\/"), KEY.replace(".", "\\u002E")):
        assert without_key(f"a {form} b", KEY) == "a [key] b"
        assert without_key(f"a {form} b".encode(), KEY) == b"a [key] b"
    assert without_key("an EMPTY field", "EMPTY") == "an EMPTY field"
    assert without_key("nothing", "") == "nothing"


def test_white_space_around_a_key_is_no_part_of_it() -> None:
    """A key that was read from a file comes with its line break, which is left out; nothing but white space is no key."""
    assert settings.account(Job(inbox="."), {"MOONSHOT_API_KEY": f" {KEY}\r\n"}).key == KEY
    assert settings.account(Job(inbox="."), {}, key=f"{KEY}\n").key == KEY
    with pytest.raises(SettingsError, match="No key"):
        settings.account(Job(inbox="."), {"MOONSHOT_API_KEY": " \n"})


@pytest.mark.parametrize("sign", ["\n", "\x00", "\x7f", "é", "\u200b", "\u2014"])
def test_a_key_that_no_header_can_carry_is_a_setting(sign: str) -> None:
    """A line break within a key, or a character that is not ASCII, is said before anything is read, and the key is not shown."""
    with pytest.raises(SettingsError, match="MOONSHOT_API_KEY") as caught:
        settings.account(Job(inbox="."), {"MOONSHOT_API_KEY": f"{SECRET}{sign}{SECRET}"})
    assert caught.value.exit_code == 1
    assert SECRET not in str(caught.value)


async def test_the_id_of_an_upload_is_without_the_key(kimi: Running) -> None:
    """A host that puts the key into the id that it gives to a file gets it into no row of ours."""

    def echoes(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": f"file-{KEY}", "object": "file"})

    transport = httpx2.MockTransport(echoes)
    async with Chat(
        kimi.base_url, KEY, provider=catalogue().provider("moonshot"), concurrency=1, transport=transport
    ) as chat:
        assert await chat.upload("a.jsonl", BytesIO(b"{}"), "batch") == "file-[key]"


@pytest.mark.parametrize(("base_url", "key"), [("127.0.0.1/v1", KEY), ("", f"{SECRET}\n{SECRET}")])
async def test_what_never_left_is_not_paid(kimi: Running, base_url: str, key: str) -> None:
    """An address without a scheme, or a key that is no header, is sent to nobody: it costs nothing and is not tried for long."""
    async with Chat(
        base_url or kimi.base_url, key, provider=catalogue().provider("moonshot"), concurrency=1
    ) as chat:
        with pytest.raises(Retryable, match="Nothing can be sent") as caught:
            await chat.send({"model": "kimi-k2.6", "messages": []})
    assert (caught.value.maybe_paid, caught.value.unreached) == (False, True)
    assert SECRET not in str(caught.value)

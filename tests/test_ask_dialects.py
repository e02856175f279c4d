"""Asking other providers, each through the emulator in its dialect: requests are taken, usage is read, refusals mean what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from octavo.flows import cli, order, settings
from octavo.processors.ask.api.stream import LONGEST_SILENCE_S, first_word_s
from octavo.processors.ask.replies import Account, Asker, look_up
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import AccessRefused, RequestRefused
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Question, Window
from tests.emulator.config import Config, Dialect, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.generation import Scripted
from tests.emulator.oracle import labelled_lines


@dataclass(frozen=True)
class Host:
    """A provider, a model that it serves, and faults that mean "slow down" and "no more" in its dialect."""

    provider: str
    dialect: Dialect
    model: str
    slow: tuple[str, ...]
    ended: tuple[str, ...]
    cached: bool = True  # whether it tells what was cached


HOSTS = (
    Host(
        "moonshot",
        "kimi",
        "kimi-k2.6",
        ("rpm", "tpm", "concurrency", "overloaded"),
        ("quota", "token_quota", "unauthorized", "no_model"),
    ),
    Host(
        "zai", "zai", "glm-4.7", ("concurrency", "tpm", "overloaded"), ("quota", "unauthorized", "no_model")
    ),
    Host("bigmodel", "zai", "glm-5.3", ("concurrency", "overloaded"), ("quota",)),
    Host(
        "openai",
        "openai",
        "gpt-5.4-mini",
        ("rpm", "tpm", "overloaded"),
        ("quota", "unauthorized", "no_model"),
    ),
    Host("vllm", "vllm", "moonshotai/Kimi-K2.6", ("overloaded",), ("unauthorized", "no_model"), cached=False),
    Host(
        "sglang",
        "sglang",
        "moonshotai/Kimi-K2.6",
        ("overloaded",),
        ("unauthorized", "no_model"),
        cached=False,
    ),
    Host(
        "litellm",
        "litellm",
        "moonshot/kimi-k2.6",
        ("concurrency", "rpm", "tpm", "overloaded"),
        ("quota", "unauthorized"),
    ),
)
each_host = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.provider)


@contextmanager
def served(host: Host, *faults: Fault) -> Iterator[Running]:
    """The provider, on this machine."""
    with running(
        Config(
            dialect=host.dialect,
            tier=5,
            timing=False,
            keep_bodies=True,
            oracle=labelled_lines,
            faults=list(faults),
        )
    ) as emulator:
        yield emulator


@pytest.fixture
def question() -> Question:
    """The question about invoices."""
    return compile_question("invoice")


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that nobody asked for are short, and a minute that is used up is over soon."""
    monkeypatch.setattr("octavo.processors.ask.pace.limits.MINUTE_S", 1.0)
    monkeypatch.setattr("octavo.processors.ask.dispatch.BACKOFF_S", 0.01)
    monkeypatch.setattr("octavo.processors.ask.pace.pauses.BACKOFF_S", 0.01)


def account_of(host: Host, emulator: Running) -> Account:
    """An account at the emulator, as flags would make it."""
    job = Job(inbox=".", provider=host.provider, base_url=emulator.base_url, model=host.model)
    return settings.account(job, {}, key=emulator.key)


def asker(host: Host, emulator: Running, folder: Path) -> Asker:
    """An asker with a ledger in that folder."""
    return Asker(account_of(host, emulator), folder / "ledger.sqlite", run="test", count=pack.counter(None))


def window(text: str) -> Window:
    """A window with one document."""
    (packed,) = pack.windows([Page("0" * 64, 1, text)], pack.counter(None), pack.Bounds(100_000, 50))
    return packed


SLIP = window("invoice number: 7\nseller name: Acme Ltd\n" + "text " * 1_000)


@each_host
async def test_a_request_is_taken_and_its_usage_read(host: Host, question: Question, tmp_path: Path) -> None:
    """The call has nothing that the provider refuses, does not think where that can be helped, and its bill is the provider's."""
    with served(host) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            reply = await asking.ask(asking.request(SLIP, question))
            again = await asking.ask(asking.request(SLIP, compile_question("letter")))
            spent_usd = asking.budget.spent_usd
    assert [entry.status for entry in emulator.journal] == [200, 200]
    assert '"Acme Ltd"' in reply.text
    assert (reply.usage.prompt_tokens, reply.usage.reply_tokens) == (
        emulator.journal[0].prompt_tokens,
        emulator.journal[0].reply_tokens,
    )
    assert again.usage.cached_tokens == (emulator.journal[1].cached_tokens if host.cached else None)
    assert spent_usd == pytest.approx(sum(entry.cost_usd for entry in emulator.paid()))
    assert asking.account.model.thinking == "always" or reply.usage.reply_tokens < 400


@each_host
async def test_slow_down_is_waited_out(host: Host, question: Question, tmp_path: Path) -> None:
    """Each refusal that means "later" is tried again, and the reply is paid once."""
    for kind in host.slow:
        with served(host, Fault(kind, attempts=1)) as emulator:
            folder = tmp_path / kind
            folder.mkdir()
            async with asker(host, emulator, folder) as asking:
                reply = await asking.ask(asking.request(SLIP, question))
        assert reply.attempts == 2, kind
        assert [entry.status == 200 for entry in emulator.journal] == [False, True], kind


@each_host
async def test_who_may_queue_is_waited_for(host: Host, question: Question, tmp_path: Path) -> None:
    """A machine of one's own or a proxy makes calls wait as long as it takes; a provider with limits begins in time."""
    with served(host) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            patience_s = asking._paying._patience_s(asking.request(SLIP, question))
    assert (patience_s == LONGEST_SILENCE_S) is (host.provider in {"vllm", "sglang", "litellm"})


async def test_room_for_thoughts_that_may_not_be_shown_is_waited_for(
    question: Question, tmp_path: Path
) -> None:
    """Where a model always thinks, the first word may come as late as its thoughts take; no other is waited for so long."""
    with served(HOSTS[0]) as emulator:
        async with asker(HOSTS[0], emulator, tmp_path) as asking:
            request = asking.request(SLIP, question)
            patience_s = {}
            for thinking in ("always", "switchable"):
                asking._paying.account = replace(
                    asking.account, model=replace(asking.account.model, thinking=thinking)
                )
                patience_s[thinking] = asking._paying._patience_s(request)
    assert patience_s["always"] == first_word_s(request.prompt_tokens, request.reply_tokens)
    assert patience_s["switchable"] == first_word_s(request.prompt_tokens, 0) < patience_s["always"]


@each_host
async def test_no_more_ends_the_run(host: Host, question: Question, tmp_path: Path) -> None:
    """No money, a refused key and a model that is not served end all asking after one call, each with its exit code."""
    for kind in host.ended:
        with served(host, Fault(kind)) as emulator:
            folder = tmp_path / kind
            folder.mkdir()
            async with asker(host, emulator, folder) as asking:
                for shown in (SLIP, window("invoice number: 8")):
                    with pytest.raises(AccessRefused) as caught:
                        await asking.ask(asking.request(shown, question))
                    assert caught.value.exit_code == (1 if kind == "no_model" else 77)
        assert len(emulator.journal) == 1, kind


@each_host
@pytest.mark.parametrize("kind", ["too_long", "content_filter"])
async def test_what_is_never_taken_says_why(
    host: Host, kind: str, question: Question, tmp_path: Path
) -> None:
    """A request that is too long or filtered is refused once, with its reason."""
    with served(host, Fault(kind)) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            with pytest.raises(RequestRefused) as caught:
                await asking.ask(asking.request(SLIP, question))
    assert caught.value.reason == kind
    assert len(emulator.journal) == 1


@each_host
async def test_a_page_is_a_gateways(host: Host, question: Question, tmp_path: Path) -> None:
    """A gateway's page is tried again, and since it may have cut off work, the lost call is counted as maybe paid."""
    with served(host, Fault("gateway_timeout", attempts=1)) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            reply = await asking.ask(asking.request(SLIP, question))
            assert asking.ledger.maybe_paid()[0] == 1
    assert reply.attempts == 2


async def test_other_words_for_how_a_reply_ended(question: Question, tmp_path: Path) -> None:
    """Z.ai's finish reasons are read as those that the checks know."""
    host = HOSTS[1]
    with served(host) as emulator:
        emulator.script("number: 1", Scripted({"documents": []}, finish_reason="sensitive"))
        emulator.script(
            "number: 2", Scripted('{"documents": [', finish_reason="model_context_window_exceeded")
        )
        async with asker(host, emulator, tmp_path) as asking:
            ends = [
                (await asking.ask(asking.request(window(f"number: {n}"), question))).finish_reason
                for n in (1, 2, 3)
            ]
    assert ends == ["content_filter", "length", "stop"]


@each_host
async def test_models_are_listed(host: Host) -> None:
    """The list of models is read in every shape, with the window where the provider tells it."""
    with served(host) as emulator:
        listed, balance = await look_up(account_of(host, emulator))
    assert listed[host.model] == (
        account_of(host, emulator).model.context_tokens if host.dialect in {"kimi", "vllm", "sglang"} else 0
    )
    assert (balance is not None) == (host.dialect == "kimi")


async def test_a_folder_at_a_provider_without_schemas(tmp_path: Path) -> None:
    """A whole run at Z.ai, which enforces no schema: the prompt carries it, and the tables are the same."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(3):
        (inbox / f"{number}.txt").write_text(
            f"invoice_number: N-{number}\nseller_name: Seller {number}\n", encoding="utf-8"
        )
    with served(HOSTS[1]) as emulator:
        job = Job(
            inbox=str(inbox),
            out=str(tmp_path / "out"),
            extract=["invoice"],
            provider="zai",
            base_url=emulator.base_url,
            budget_usd=1,
        )
        ended = await order.run(job, settings.account(job, {}, key=emulator.key))
    assert (ended.exit_code, ended.rows) == (0, {"invoice": 3})
    body = emulator.journal[0].body
    assert body is not None
    assert body["response_format"] == {"type": "json_object"}


def test_the_dialects_refuse_what_the_providers_do() -> None:
    """json_schema at Z.ai, an unknown field at OpenAI and at a proxy are 400 in the emulator, so that a wrong body cannot pass."""
    message = [{"role": "user", "content": "json"}]
    wrong: dict[Host, dict[str, Any]] = {
        HOSTS[1]: {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {"type": "object"}},
            }
        },
        HOSTS[3]: {"thinking": {"type": "disabled"}},
        HOSTS[4]: {"guided_json": {"type": "object"}},
        HOSTS[6]: {"thinking": {"type": "disabled"}},
    }
    for host, field in wrong.items():
        body = {"model": host.model, "messages": message, **field}
        with (
            served(host) as emulator,
            httpx2.Client(headers={"Authorization": f"Bearer {emulator.key}"}) as client,
        ):
            assert client.post(f"{emulator.base_url}/chat/completions", json=body).status_code == 400, host


@pytest.mark.parametrize(
    "host", [host for host in HOSTS if host.provider in ("vllm", "sglang")], ids=lambda host: host.provider
)
async def test_an_engine_goes_on_with_a_reply_that_was_cut(
    host: Host, question: Question, tmp_path: Path
) -> None:
    """On vLLM and SGLang the last message is left open, without a format, and the model goes on with it: nothing is bought twice."""
    pages = [
        Page(f"{number:064x}", 1, f"invoice number: {number}\nseller name: Acme {number} Ltd")
        for number in range(6)
    ]
    (shown,) = pack.windows(pages, pack.counter(None), pack.Bounds(100_000, 50))
    with served(host) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            request = asking.request(shown, question)
            body = {**request.body, "max_tokens": 100}
            reply = await asking.ask(replace(request, body=body, reply_tokens=100))
    assert [entry.finish_reason for entry in emulator.journal] == ["length"] * (len(emulator.journal) - 1) + [
        "stop"
    ]
    assert len(emulator.journal) > 1
    numbers = [record["invoice_number"] for record in json.loads(reply.text).values()]
    assert numbers == [str(number) for number in range(6)]
    first, step = ((entry.body or {}) for entry in emulator.journal[:2])
    assert (step["continue_final_message"], step["add_generation_prompt"], step["messages"][-1]["role"]) == (
        True,
        False,
        "assistant",
    )
    formats = {"structured_outputs", "response_format"}
    assert (len(formats & first.keys()), formats & step.keys()) == (1, set())
    assert "partial" not in step["messages"][-1]


def test_zais_stream() -> None:
    """Z.ai's chunks do not say what they are, and the last one has the usage without being asked."""
    with (
        served(HOSTS[1]) as emulator,
        httpx2.Client(headers={"Authorization": f"Bearer {emulator.key}"}) as client,
    ):
        body = {"model": "glm-4.7", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        lines = client.post(f"{emulator.base_url}/chat/completions", json=body).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert not any("object" in chunk for chunk in chunks)
    assert chunks[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


def test_a_doctor_for_a_machine_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`octavo doctor` looks at any provider, and where no key is needed it asks without one."""
    with running(Config(dialect="vllm", timing=False)) as emulator:
        flags = [
            "--provider",
            "vllm",
            "--base-url",
            emulator.base_url,
            "--model",
            "moonshotai/Kimi-K2.6",
            "--out",
            str(tmp_path),
        ]
        cli.main(["doctor", *flags])
        emulator.config.keys["none"] = "org-emulator"
        cli.main(["doctor", *flags])
    said = capsys.readouterr().out
    assert "refused the key" in said
    assert "moonshotai/Kimi-K2.6 is served" in said


@pytest.mark.parametrize(
    ("dialect", "provider", "model"),
    [("kimi", "moonshot", "kimi-k2.5"), ("vllm", "vllm", "moonshotai/Kimi-K2.5")],
)
async def test_a_retired_model_elsewhere_names_its_successor(
    dialect: Dialect, provider: str, model: str, question: Question, tmp_path: Path
) -> None:
    """An address that does not serve a model which is retired at its own provider ends the run, and the error names the successor."""
    host = Host(provider, dialect, model, (), ())
    with served(host, Fault("no_model")) as emulator:
        async with asker(host, emulator, tmp_path) as asking:
            with pytest.raises(AccessRefused) as caught:
                await asking.ask(asking.request(SLIP, question))
    told = f"{model} is known to be retired (2026-08-31 at its own provider). Use its successor: --model kimi-k2.6"
    assert caught.value.next_step == told


def check_models(emulator: Running, monkeypatch: pytest.MonkeyPatch, *flags: str) -> int:
    """`octavo models --check` at the emulator."""
    monkeypatch.setenv("MOONSHOT_API_KEY", emulator.key)
    return cli.main(["models", "--check", "--base-url", emulator.base_url, *flags])


def test_the_catalogue_is_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`octavo models --check` is 0 while the model asked for is served, says what differs, and is 1 when it is not served."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[models."kimi-k2.7-code"]\ncontext_tokens = 1000\n[models.ours]\nlike = "kimi-k3"\n',
        encoding="utf-8",
    )
    with running(Config(timing=False, legacy=True)) as emulator:
        assert check_models(emulator, monkeypatch, "--catalogue", str(mine)) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "ours is in the catalogue and not served" in said
        assert "moonshot-v1-8k is served and retired in the catalogue" in said
        assert "kimi-k2.7-code has 262,144 tokens here, and 1,000 in the catalogue" in said
        emulator.config.retired = {"kimi-k2.6"}
        assert check_models(emulator, monkeypatch) == 1
        assert check_models(emulator, monkeypatch, "--model", "kimi-k3") == 0


def test_a_provider_without_a_default_model_lists_what_it_serves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`octavo models --check` needs no --model where no default is known: it says which may be named."""
    with running(Config(dialect="litellm", timing=False)) as emulator:
        monkeypatch.setenv("LITELLM_API_KEY", emulator.key)
        assert check_models(emulator, monkeypatch, "--provider", "litellm") == 0
        said = " ".join(capsys.readouterr().out.split())
    assert "litellm serves" in said
    assert "kimi-k2.6" in said
    assert "name one with --model" in said

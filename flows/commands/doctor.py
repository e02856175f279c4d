"""What `octavo doctor` looks at: each finding is a line that says how it is and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from octavo.flows import settings
from octavo.processors.ask.replies import Account, look_up
from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import hold
from octavo.schemas.errors import OctavoError
from octavo.schemas.job import Job

ANSWERS_WITHIN_S, LOOKS_WITHIN_S = (
    5.0,
    60.0,
)  # a server that is there says so at once; what it has planned takes a busy one longer

_MOST_SHOWN = 20  # models


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Without a `needed` one a run with a model cannot work."""

    name: str
    ok: bool
    sentence: str
    needed: bool = True


async def examine(job: Job, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything; nothing is asked of a model, and no key is shown."""
    account = settings.account(job, environ, key_needed=False)
    return [
        _key(job, account),
        *await _provider(account),
        _tokenizer(environ),
        _ocr(),
        *await _prefect(environ),
        _folder(settings.out_folder(job.out)),
    ]


async def compare(job: Job, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The catalogue beside what the provider serves: the model that would be asked, then what differs.

    Raises SettingsError, AccessRefused and ProviderUnavailable.
    """
    named = bool(job.model or settings.provider_of(job).default_model)
    account = settings.account(job if named else job.model_copy(update={"model": "unnamed"}), environ)
    served, _ = await look_up(account)
    first = _models(account, served) if named else _choice(account, served)
    return [first, *_differences(settings.catalogue(job.catalogue), account, served)]


def _choice(account: Account, served: Mapping[str, int]) -> Finding:
    """What may be named, where the provider has no default model."""
    name = account.provider.name
    if not served:
        return Finding("models", ok=False, sentence=f"{name} serves no model.", needed=False)
    shown = ", ".join(sorted(served)[:_MOST_SHOWN])
    more = f" and {len(served) - _MOST_SHOWN} more" if len(served) > _MOST_SHOWN else ""
    sentence = f"{name} serves {shown}{more}. It has no default model: name one with --model."
    return Finding("models", ok=True, sentence=sentence, needed=False)


def _differences(
    catalogue: settings.Catalogue, account: Account, served: Mapping[str, int]
) -> Iterator[Finding]:
    listed, asked = (
        {model.id: model.context_tokens for model in catalogue.models_of(account.provider)},
        account.model.id,
    )
    for name in sorted(listed.keys() - served.keys()):
        yield Finding(
            "missing", ok=False, sentence=f"{name} is in the catalogue and not served.", needed=False
        )
    for name in sorted(served.keys() - listed.keys() - {asked}):
        state = "retired" if name in catalogue.models else "not"
        yield Finding(
            "new", ok=False, sentence=f"{name} is served and {state} in the catalogue.", needed=False
        )
    for name in sorted(served.keys() & listed.keys() - {asked}):
        if served[name] not in (0, listed[name]):
            sentence = f"{name} has {served[name]:,} tokens here, and {listed[name]:,} in the catalogue."
            yield Finding("context", ok=False, sentence=sentence, needed=False)


def _key(job: Job, account: Account) -> Finding:
    variable = job.key_env or account.provider.key_env
    if not (account.key or account.provider.key_needed):
        return Finding(
            "key",
            ok=True,
            sentence=f"{variable} is not set, and {account.provider.name} may need none.",
            needed=False,
        )
    if account.key:
        return Finding("key", ok=True, sentence=f"{variable} is set.")
    return Finding(
        "key",
        ok=False,
        sentence=f"{variable} is not set. Set it to a key of {account.base_url}, or run with --offline.",
    )


async def _provider(account: Account) -> list[Finding]:
    """Base URL, models and balance, as far as they can be asked for without a key."""
    address = Finding(
        "base URL", ok=True, sentence=f"{account.base_url} ({account.provider.name}).", needed=False
    )
    if not account.key and account.provider.key_needed:
        return [
            address,
            Finding("models", ok=False, sentence="Not asked for, since there is no key.", needed=False),
        ]
    try:
        served, balance = await look_up(account)
    except OctavoError as error:
        return [address, Finding("models", ok=False, sentence=str(error))]
    return [address, _models(account, served), _balance(account, balance)]


def _models(account: Account, served: Mapping[str, int]) -> Finding:
    if account.model.id not in served:
        sentence = f"{account.model.id} is not among the models served: {', '.join(served) or 'none'}. Choose one with --model."
        return Finding("models", ok=False, sentence=sentence)
    context = served[account.model.id]
    if context and context != account.model.context_tokens:
        sentence = f"{account.model.id} has {context:,} tokens here, and {account.model.context_tokens:,} in the catalogue."
        return Finding("models", ok=False, sentence=f"{sentence} Update catalogue.toml.", needed=False)
    return Finding(
        "models",
        ok=True,
        sentence=f"{account.model.id} is served, with {len(served) - 1} others. {account.leaving}".strip(),
    )


def _balance(account: Account, balance: float | None) -> Finding:
    if balance is None:
        return Finding("balance", ok=True, sentence=f"{account.provider.name} does not tell.", needed=False)
    if balance <= 0:
        return Finding(
            "balance",
            ok=False,
            sentence=f"{balance:.2f} {account.provider.currency}: top up in the provider's console.",
        )
    return Finding("balance", ok=True, sentence=f"{balance:.2f} {account.provider.currency}.")


def _tokenizer(environ: Mapping[str, str]) -> Finding:
    try:
        path = settings.tokenizer_path(environ)
    except OctavoError as error:
        return Finding("tokenizer", ok=False, sentence=str(error))
    if path:
        return Finding(
            "tokenizer", ok=True, sentence=f"Tokens are counted exactly, with {path}.", needed=False
        )
    place = settings.cache_folder(environ) / settings.VOCABULARY_NAME
    sentence = f"Tokens are estimated. `octavo doctor --fetch-tokenizer` fetches the vocabulary to {place}; OCTAVO_TOKENIZER may name it."
    return Finding("tokenizer", ok=False, sentence=sentence, needed=False)


def _ocr() -> Finding:
    if read.ocr_available():
        return Finding("OCR", ok=True, sentence="Scans can be read on this machine.", needed=False)
    sentence = "Scans go to a vision model; with --offline they cannot be read. `pip install octavo[ocr]` reads them here."
    return Finding("OCR", ok=False, sentence=sentence, needed=False)


async def _prefect(environ: Mapping[str, str]) -> list[Finding]:
    """Whether there is a server, and what keeps its runs from starting."""
    if importlib.util.find_spec("prefect") is None:
        return [
            Finding(
                "Prefect",
                ok=False,
                sentence="Not installed. `octavo run` works without; flows and the UI do not.",
                needed=False,
            )
        ]
    address = environ.get("PREFECT_API_URL", "").rstrip("/")
    if not address:
        return [
            Finding(
                "Prefect",
                ok=True,
                sentence="Installed, no server set. `octavo serve` starts one.",
                needed=False,
            )
        ]
    try:
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_S) as client:
            (await client.get(f"{address}/health")).raise_for_status()
        from octavo.flows.prefect_run import late_runs  # imports Prefect, which takes seconds

        async with asyncio.timeout(LOOKS_WITHIN_S):
            troubles = await late_runs.of_the_server()
    except (httpx.HTTPError, TimeoutError) as error:
        sentence = f"No server answers at {address} ({error!r}). Start it with `octavo serve`, or unset PREFECT_API_URL."
        return [Finding("Prefect", ok=False, sentence=sentence)]
    there = Finding("Prefect", ok=True, sentence=f"Runs are reported to {address}.", needed=False)
    late = [Finding("schedules", ok=False, sentence=sentence, needed=False) for sentence in troubles.values()]
    return [there, *(late or [Finding("schedules", ok=True, sentence="No run is late.", needed=False)])]


def _folder(out: Path) -> Finding:
    try:
        with hold(out):
            return Finding("output", ok=True, sentence=f"{out} can be written.")
    except OctavoError as error:
        return Finding("output", ok=False, sentence=str(error))

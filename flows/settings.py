"""Where settings come from: the job, the environment and the provider table, put together into an account and a token counter."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from processors.ask.providers import Limits, catalogue
from processors.ask.replies import Account
from schemas.errors import SettingsError
from schemas.job import Job

__all__ = ["account", "assumed", "cache_folder", "catalogue", "limits", "tokenizer_path", "vocabulary"]

OFFLINE_CONCURRENCY = 4  # rules answer in this process, so more at once gain nothing


def account(job: Job, environ: Mapping[str, str] = os.environ, *, key: str = "", key_needed: bool = True) -> Account:
    """Who is asked, with which key and how fast. `key` wins over the environment. Raises SettingsError and ModelRetired."""
    provider = catalogue().provider("offline" if job.offline else job.provider)
    base_url = provider.base_url if job.offline else (job.base_url or environ.get("MOONSHOT_BASE_URL") or provider.base_url)
    model = catalogue().model(provider.default_model if job.offline else job.model or provider.default_model, provider, base_url)
    if provider.key_env and not (key := key or environ.get(job.key_env, "")) and key_needed:
        message = f"No key: set {job.key_env} to a key of {base_url},"
        raise SettingsError(message, about="key", next_step="or use --offline to answer by rules on this machine, free and without a key.")
    return Account(provider, model, base_url.rstrip("/"), limits(job), key if provider.key_env else "", job.budget_usd)


def limits(job: Job) -> Limits:
    """The limits of the account: each by hand where the job names it, else by tier; without a tier 0, which is "to be found out".

    Offline there are none but the machine's.
    """
    if job.offline:
        return Limits(concurrency=OFFLINE_CONCURRENCY, rpm=0, tpm=0, tpd=0)
    tier = Limits(0, 0, 0, 0) if job.tier < 0 else catalogue().tiers[job.tier]
    return Limits(job.concurrency or tier.concurrency, job.rpm or tier.rpm, job.tpm or tier.tpm, job.tpd or tier.tpd)


def assumed(limits: Limits) -> Limits:
    """What to reckon a plan's minutes with: the limits as told, those of tier 1 where none are told."""
    if limits.concurrency:
        return limits
    tier = catalogue().tiers[1]
    return Limits(tier.concurrency, limits.rpm or tier.rpm, limits.tpm or tier.tpm, limits.tpd or tier.tpd)


def tokenizer_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Kimi vocabulary (`tiktoken.model`): what OCTAVO_TOKENIZER names, else the one in the cache folder, else None."""
    named = environ.get("OCTAVO_TOKENIZER", "")
    if named and not Path(named).is_file():
        raise SettingsError(f"OCTAVO_TOKENIZER names {named}, which is no file.", about="tokenizer", next_step="Correct or unset it.")
    cached = cache_folder(environ) / "tiktoken.model"
    return Path(named) if named else cached if cached.is_file() else None


def vocabulary(environ: Mapping[str, str] = os.environ) -> bytes | None:
    """The bytes of the Kimi vocabulary, or None when it is not there and tokens have to be estimated."""
    path = tokenizer_path(environ)
    return path.read_bytes() if path else None


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Octavo keeps what it may fetch again."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octavo"

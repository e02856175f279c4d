"""Where settings come from: the job, the environment and the provider table, put together into an account and a token counter."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

from octavo.processors.ask.providers import AccountLimits, Catalogue, Provider, catalogue
from octavo.processors.ask.replies import Account, Caps
from octavo.processors.read import pages as read
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job

VOCABULARY_NAME = "tiktoken.model"  # as the model's repository has it
PUBLIC_VOCABULARY = (
    f"https://huggingface.co/moonshotai/Kimi-K2-Instruct/resolve/main/{VOCABULARY_NAME}"  # 2026-11
)

__all__ = [
    "PUBLIC_VOCABULARY",
    "VOCABULARY_NAME",
    "Catalogue",
    "account",
    "assumed",
    "cache_folder",
    "caps",
    "catalogue",
    "data_folder",
    "limits",
    "out_folder",
    "passwords",
    "provider_of",
    "read_limits",
    "refuse_without_state",
    "tokenizer_path",
    "typed",
    "vocabulary",
]

UNKNOWN = AccountLimits(0, 0, 0, 0)
STATE = "OCTAVO_STATE"  # the PostgreSQL database that hosts share
ASSUMED_TIER = 1  # the first that is paid for


def out_folder(out: str, environ: Mapping[str, str] = os.environ, *, fresh: bool = False) -> Path:
    """The folder of this machine for an output: the folder itself, or for s3://bucket/prefix the work folder below OCTAVO_HOME.

    `fresh` brings the warehouse of a work folder up to what stands on the bucket, for who reads it. Raises SettingsError and StorageError.
    """
    if "://" not in out or out.startswith("file://"):
        return Path(out.removeprefix("file://"))
    from octavo.processors.store.warehouse import up_to_date, work_folder  # takes DuckDB along

    folder = work_folder(out, data_folder(environ))
    if fresh:
        up_to_date(folder)
    return folder


def typed(command: str, out: str) -> str:
    """A command about an output folder as it is to be typed, such as `octavo batch --out DIR`; the default folder needs no flag."""
    return f"`octavo {command}`" if out == "out" else f"`octavo {command} --out {shlex.quote(out)}`"


def account(
    job: Job, environ: Mapping[str, str] = os.environ, *, key: str = "", key_needed: bool = True
) -> Account:
    """Who is asked, with which key and how fast. `key` wins over the environment. Raises SettingsError and ModelRetired."""
    provider = provider_of(job)
    base_url, variable = provider.base_url, ""
    if provider.name != "offline":
        base_url = (job.base_url or environ.get(provider.base_url_env) or provider.base_url).rstrip("/")
        variable = job.key_env or provider.key_env
    _check_address(base_url)
    if job.state_secret and not environ.get(STATE):
        message = f"The state is in the Secret block {job.state_secret} of a Prefect server, and this run reports to none."
        step = f"Name the server in PREFECT_API_URL, or leave --state-secret out and set {STATE}."
        raise SettingsError(message, about="state_secret", next_step=step)
    model = catalogue(job.catalogue).model(_model_id(job, provider), provider, base_url)
    if job.mode != "live" and not (model.batch_factor and provider.batch):
        message = f"{model.id} at {provider.name} takes no batches."
        raise SettingsError(
            message, about="mode", next_step="Use --mode live, or --model kimi-k2.6 at moonshot."
        )
    key = _key(job, environ, key, variable) if variable else ""
    if variable and not key and key_needed and not job.replay and (provider.key_needed or job.key_secret):
        raise _no_key(job, base_url, variable)
    held = caps(job, environ)
    if (most := held.lowest_usd) and not model.priced and not job.unpriced:
        message = (
            f"No price of {model.id} at {provider.name} is known, so a budget of ${most:.2f} cannot be held."
        )
        raise SettingsError(
            message,
            about="budget_usd",
            next_step="Give its prices in --catalogue FILE.toml, or go on with --unpriced.",
        )
    least = provider.assumed or AccountLimits(
        0, 0, min(tier.tpm for tier in catalogue(job.catalogue).tiers.values()), 0
    )
    minute_tokens = limits(job, least).tpm
    return Account(
        provider,
        model,
        base_url,
        limits(job),
        key,
        held,
        "entries" if job.plain_json else job.reply_form,
        minute_tokens,
    )


def _key(job: Job, environ: Mapping[str, str], key: str, variable: str) -> str:
    """The key that is given, else the environment's; a job whose key is in a Secret block takes no other."""
    return _whole(key or ("" if job.key_secret else environ.get(variable, "")), variable)


def _no_key(job: Job, base_url: str, variable: str) -> SettingsError:
    """What to do without a key."""
    if job.key_secret:
        message = f"The key is in the Secret block {job.key_secret} of a Prefect server, and this run reports to none."
        step = f"Name the server in PREFECT_API_URL, or leave --key-secret out and set {variable}."
        return SettingsError(message, about="key_secret", next_step=step)
    message = f"No key: set {variable} to a key of {base_url},"
    return SettingsError(
        message,
        about="key",
        next_step="or use --offline to answer by rules on this machine, free and without a key.",
    )


def _check_address(base_url: str) -> None:
    """Raises SettingsError for what is no address, which nothing could be sent to."""
    try:
        address = urlsplit(base_url)
        known = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # a port that is no number, or half a bracket
        known = False
    if not known:
        message = "The base URL is no address of an API."  # not shown, since it may be a key
        raise SettingsError(
            message,
            about="base_url",
            next_step="Write it with its scheme, as in --base-url https://api.moonshot.ai/v1",
        )


def _whole(key: str, variable: str) -> str:
    """A key without the white space around it, as a file leaves it. Raises SettingsError for what no header can carry."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        message = (
            f"The key in {variable} has characters that no key has: line breaks, or such as are not ASCII."
        )
        raise SettingsError(message, about="key", next_step="Copy it again from the provider's console.")
    return key


def provider_of(job: Job) -> Provider:
    """The provider that a job asks. Raises SettingsError."""
    return catalogue(job.catalogue).provider("offline" if job.offline else job.provider)


def caps(job: Job, environ: Mapping[str, str] = os.environ) -> Caps:
    """What the job may spend, and the file in which all runs put down what they spend. Raises SettingsError."""
    if job.budget_project_usd and not job.project:
        message = "--budget-project-usd caps a project, and none is named."
        raise SettingsError(message, about="project", next_step="Name it with --project.")
    amounts = (job.budget_usd, job.budget_day_usd, job.budget_month_usd, job.budget_project_usd)
    return Caps(*amounts, job.project, data_folder(environ) / "spending.sqlite")


def refuse_without_state(environ: Mapping[str, str] = os.environ) -> None:
    """Raises SettingsError where no state is named that hosts share."""
    if not environ.get(STATE):
        step = f"Set it, as in {STATE}=postgresql://USER@HOST:5432/DATABASE."
        raise SettingsError(f"{STATE} names no database to move anything to.", about=STATE, next_step=step)


def limits(job: Job, unknown: AccountLimits = UNKNOWN) -> AccountLimits:
    """The limits of the account: each by hand where the job names it, else the provider's, else by tier. Offline they are the machine's.

    A provider with tiers has none of its own; without a tier its limits are `unknown`, which is 0 for "to be found". So are limits that
    are only assumed.
    """
    provider = provider_of(job)
    given = provider.limits or (
        unknown if job.tier < 0 or provider.assumed else catalogue(job.catalogue).tiers[job.tier]
    )
    if provider.name == "offline":
        return given
    return AccountLimits(
        job.concurrency or given.concurrency, job.rpm or given.rpm, job.tpm or given.tpm, job.tpd or given.tpd
    )


def assumed(job: Job) -> AccountLimits:
    """The limits to reckon a plan's minutes with: where they are to be found, those that the catalogue assumes, or tier 1's."""
    return limits(job, provider_of(job).assumed or catalogue(job.catalogue).tiers[ASSUMED_TIER])


def _model_id(job: Job, provider: Provider) -> str:
    named = "" if job.offline else job.model
    if not (named or provider.default_model):
        raise SettingsError(
            f"{provider.name} has no default model.", about="model", next_step="Name one with --model."
        )
    return named or provider.default_model


def passwords(job: Job) -> tuple[str, ...]:
    """The passwords to try on encrypted files: those of the job, then the lines of its file. Raises SettingsError."""
    given = [password.get_secret_value() for password in job.password]
    if job.password_file:
        try:
            given += Path(job.password_file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "they are not UTF-8"
            message = f"The passwords in {job.password_file} cannot be read: {why}."
            raise SettingsError(
                message, about="password_file", next_step="Name a UTF-8 file with a password a line."
            ) from None
    return tuple(dict.fromkeys(filter(None, given)))


def read_limits(job: Job) -> read.ReadLimits:
    """How much one file may cost. A number of workers that is 0 is the machine's."""
    given = {field.name: getattr(job, field.name) for field in fields(read.ReadLimits)}
    return read.ReadLimits(
        **{name: value for name, value in given.items() if value or not name.endswith("workers")}
    )


def tokenizer_path(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Kimi vocabulary (`tiktoken.model`): what OCTAVO_TOKENIZER names, else the one in the cache folder, else None."""
    named = environ.get("OCTAVO_TOKENIZER", "")
    if named and not Path(named).is_file():
        raise SettingsError(
            f"OCTAVO_TOKENIZER names {named}, which is no file.",
            about="tokenizer",
            next_step="Correct or unset it.",
        )
    cached = cache_folder(environ) / VOCABULARY_NAME
    return Path(named) if named else cached if cached.is_file() else None


def vocabulary(environ: Mapping[str, str] = os.environ) -> bytes | None:
    """The bytes of the Kimi vocabulary, or None when it is not there and tokens have to be estimated."""
    path = tokenizer_path(environ)
    return path.read_bytes() if path else None


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Octavo keeps what it may fetch again."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octavo"


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Octavo keeps what all runs share: OCTAVO_HOME, else the user's data folder."""
    if named := environ.get("OCTAVO_HOME"):
        return Path(named)
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "octavo"

"""A job from flags and from a YAML file: both are made from the fields of `Job`, so that no flag is forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from schemas.errors import SettingsError, words
from schemas.job import Job, SummaryStyle

PROVIDER_FLAGS = ("provider", "base_url", "model", "catalogue", "key_env")
WORDS = {"extract": "SCHEMA", "required_evidence": "FIELD"}  # flags that take several words, and what these are
STYLES = [style for style in get_args(SummaryStyle) if style]


def add_flags(command: argparse.ArgumentParser) -> None:
    """Give a command one flag a field of `Job`, and `--job` for a file that sets several."""
    command.add_argument("inbox", nargs="?", default=argparse.SUPPRESS, help=Job.model_fields["inbox"].description)
    _add(command, [name for name in Job.model_fields if name != "inbox"])


def add_provider_flags(command: argparse.ArgumentParser) -> None:
    """Give a command that reads no inbox the flags which say who is asked."""
    command.set_defaults(inbox=".")
    _add(command, PROVIDER_FLAGS)


def _add(command: argparse.ArgumentParser, names: Iterable[str]) -> None:
    command.add_argument("--job", metavar="FILE.yaml", help="A job in a file; flags win over it.")
    for name in names:
        field = Job.model_fields[name]
        flag = f"--{name.replace('_', '-')}"
        command.add_argument(flag, default=argparse.SUPPRESS, help=field.description, **_shape(name, field.annotation))


def from_flags(args: argparse.Namespace) -> Job:
    """The job that flags and file describe. Raises SettingsError that names each wrong field."""
    given = {name: value for name, value in vars(args).items() if name in Job.model_fields}
    values = {**(_from_file(Path(args.job)) if args.job else {}), **given}
    _give_back_inbox(values)
    try:
        return Job(**values)
    except ValidationError as error:
        raise SettingsError(" ".join(_said(error)), about="job", next_step="`octavo run --help` lists the flags.") from None


def _shape(name: str, annotation: Any) -> dict[str, Any]:
    """How argparse takes a field: lists take several words, a style may be left out, switches take none."""
    if name in WORDS:
        return {"nargs": "+", "action": "extend", "metavar": WORDS[name]}
    if name == "password":
        return {"action": "append", "metavar": "TEXT"}
    if name == "summarize":
        return {"nargs": "?", "const": STYLES[0], "metavar": "STYLE"}
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if annotation is bool:
        return {"action": "store_true"}
    return {"type": annotation, "metavar": {int: "N", float: "X"}.get(annotation, "TEXT")}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = f"The job file {path} cannot be read: {words(error)}."
        raise SettingsError(message, about="job", next_step="Check its path and YAML.") from None
    if not isinstance(values, dict):
        raise SettingsError(f"The job file {path} has no fields.", about="job", next_step="Write lines such as `inbox: scans`.")
    return values


def _give_back_inbox(values: dict[str, Any]) -> None:
    """subtle: in `--extract invoice INBOX` and `--summarize INBOX` argparse takes the folder for one more value of the flag."""
    for name in WORDS:
        words = values.get(name)
        if "inbox" not in values and isinstance(words, list) and len(words) > 1 and Path(str(words[-1])).is_dir():
            *values[name], values["inbox"] = words
    if "inbox" not in values and values.get("summarize") and values["summarize"] not in STYLES and Path(values["summarize"]).is_dir():
        values["inbox"], values["summarize"] = values["summarize"], STYLES[0]


def _said(error: ValidationError) -> Iterator[str]:
    for trouble in error.errors():
        field = ".".join(map(str, trouble["loc"])) or "job"
        yield "No inbox: name the folder to read." if trouble["type"] == "missing" else f"{field}: {trouble['msg']}."

"""A job from flags and from a YAML file: both are made from the fields of `Job`, so that no flag is forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError

from octavo.flows.commands.parsing import nearest, number, one_of
from octavo.schemas.errors import SettingsError, UsageError, system_message
from octavo.schemas.job import Job, SummaryStyle
from octavo.schemas.job_groups import GROUPS, flattened

PROVIDER_FLAGS = ("provider", "base_url", "model", "catalogue", "key_env")
WORDS = {
    "extract": "SCHEMA",
    "required_evidence": "FIELD",
}  # flags that take several words, and what these are
ALIASES = {"approved": ("--yes",)}  # `yes` would be no name for a field: in YAML it is a truth
STYLES = [style for style in get_args(SummaryStyle) if style]


def add_flags(command: argparse.ArgumentParser) -> None:
    """Give a command one flag a field of `Job`, by groups, and `--job` for a file that sets several."""
    command.add_argument(
        "inbox", nargs="?", default=argparse.SUPPRESS, help=Job.model_fields["inbox"].description
    )
    command.add_argument("--job", metavar="FILE.yaml", help="A job in a file; flags win over it.")
    for group in GROUPS:
        _add(command.add_argument_group(group.title), [name for name in group.fields if name != "inbox"])


def add_provider_flags(command: argparse.ArgumentParser, more: Iterable[str] = ()) -> None:
    """Give a command that reads no inbox the flags which say who is asked, and those of `more` fields."""
    command.set_defaults(inbox=".")
    command.add_argument("--job", metavar="FILE.yaml", help="A job in a file; flags win over it.")
    _add(command, (*PROVIDER_FLAGS, *more))


def _add(command: argparse._ActionsContainer, names: Iterable[str]) -> None:
    for name in names:
        field = Job.model_fields[name]
        flags = (*ALIASES.get(name, ()), _flag(name))
        command.add_argument(
            *flags, dest=name, default=argparse.SUPPRESS, help=_help(name), **_shape(name, field.annotation)
        )


def from_flags(args: argparse.Namespace) -> Job:
    """The job that flags and file describe. Raises UsageError for wrong flags, SettingsError for wrong fields of the file, by name."""
    given = {name: value for name, value in vars(args).items() if name in Job.model_fields}
    values = {**(_from_file(Path(args.job)) if args.job else {}), **given}
    _give_back_inbox(values)
    try:
        return Job(**values)
    except ValidationError as error:
        wrong = {str(trouble["loc"][0]) for trouble in error.errors() if trouble["loc"]}
        cause = SettingsError if args.job and not wrong <= given.keys() else UsageError
        raise cause(
            " ".join(_said(error, given)), about="job", next_step="`octavo run --help` lists the flags."
        ) from None


def _shape(name: str, annotation: Any) -> dict[str, Any]:
    """How argparse takes a field: lists take several words, a style may be left out, switches take none."""
    if name in WORDS:
        return {"nargs": "+", "action": "extend", "metavar": WORDS[name]}
    if name == "password":
        return {"action": "append", "metavar": "TEXT"}
    if name == "summarize":
        return {"nargs": "?", "const": STYLES[0], "metavar": "STYLE"}
    return {"action": "store_true"} if annotation is bool else _value(name, annotation)


def _value(name: str, annotation: Any) -> dict[str, Any]:
    """How argparse takes the one value of a flag."""
    if get_origin(annotation) is Literal:
        return {"type": one_of(get_args(annotation)), "metavar": "|".join(get_args(annotation))}
    if annotation in (int, float):
        return {
            "type": number(annotation, without=_unless_named(name)),
            "metavar": {int: "N", float: "X"}[annotation],
        }
    return {"metavar": "TEXT"}


def _unless_named(name: str) -> str:
    """What a number means that is 0 in a job, which no flag says: `--workers 0` would be taken for none, `--budget-usd 0` for no dollar."""
    return (Job.model_fields[name].description or "").partition("; 0 for ")[2].removesuffix(".")


def _help(name: str) -> str:
    """What a flag means, as the field of the job is described."""
    return (Job.model_fields[name].description or "").replace("; 0 for ", "; unless named ")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = f"The job file {path} cannot be read: {system_message(error)}."
        raise SettingsError(message, about="job", next_step="Check its path and YAML.") from None
    if not isinstance(values, dict):
        raise SettingsError(
            f"The job file {path} has no fields.",
            about="job",
            next_step="Write lines such as `inbox: scans`.",
        )
    try:
        return flattened(values)
    except ValueError as error:
        raise SettingsError(
            f"In the job file {path}: {error}.", about="job", next_step="Correct the file."
        ) from None


def _give_back_inbox(values: dict[str, Any]) -> None:
    """subtle: in `--extract invoice INBOX` and `--summarize INBOX` argparse takes the folder for one more value of the flag."""
    for name in WORDS:
        words = values.get(name)
        if (
            "inbox" not in values
            and isinstance(words, list)
            and len(words) > 1
            and Path(str(words[-1])).is_dir()
        ):
            *values[name], values["inbox"] = words
    if (
        "inbox" not in values
        and values.get("summarize")
        and values["summarize"] not in STYLES
        and Path(values["summarize"]).is_dir()
    ):
        values["inbox"], values["summarize"] = values["summarize"], STYLES[0]


def _said(error: ValidationError, given: Collection[str]) -> Iterator[str]:
    """What is wrong, by the flag that says it or by the field of the file, and what may be meant instead."""
    for trouble in error.errors():
        field = ".".join(map(str, trouble["loc"])) or "job"
        name = _flag(field) if field in given else field
        match trouble["type"]:
            case "missing":
                yield "No inbox: name the folder to read."
            case "extra_forbidden":
                yield f"{name}: a job has no such field. {nearest(name, Job.model_fields)}".rstrip()
            case "string_pattern_mismatch" if field == "runner":
                yield f"{name}: {trouble['input']!r} is no runner: here, processes, processes:N, dask, dask:ADDRESS, ray, ray:ADDRESS."
            case "literal_error":
                known = [word for word in get_args(Job.model_fields[field].annotation) if word]
                yield f"{name}: {trouble['input']!r} is none of {', '.join(known)}. {nearest(str(trouble['input']), known)}".rstrip()
            case _:
                yield f"{name}: {trouble['msg']}."


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"

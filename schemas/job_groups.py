"""The groups of a job: in which part of it each field stands, and what the form in the Prefect UI calls it.

One table for the three places where people meet many fields at once: the form of a deployment, in which all groups but the first
are closed until somebody opens them, `octavo run --help`, and the check that no field was forgotten. Flags and job files know
the fields by their flat names; a job takes either way of writing.

    {"inbox": "scans", "budget_usd": 5}   and   {"inbox": "scans", "answers": {"budget_usd": 5}}   are the same job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OPEN = "Choose"  # the button that opens a group in the form; the other one says what holds while it is closed
SELF_EXPLAINING = (
    "inbox",
    "out",
    "summarize",
)  # whose title is help enough: each line less brings Submit 27 px nearer


@dataclass(frozen=True, slots=True)
class FormGroup:
    """Some fields of a job that are about one thing. The fields of the group without a name stand in the job itself."""

    name: str
    title: str
    usual: str  # what holds while it is closed, in a few words
    fields: Mapping[str, str]  # name of the field -> what the form calls it


GROUPS = (
    FormGroup(
        "",
        "What to read and what to ask",
        "",
        {
            "inbox": "Inbox: folder or URL to read",
            "out": "Output folder for tables and ledger",
            "extract": "Extract",
            "summarize": "Summarize in this style",
        },
    ),
    FormGroup(
        "answers",
        "Who answers, and for how much",
        "Kimi at Moonshot, not asked without a budget",
        {
            "offline": "Offline",
            "provider": "Provider",
            "model": "Model",
            "key_secret": "Secret block with the key",
            "budget_usd": "Budget of this run (USD)",
            "approved": "Spend without a budget",
            "approve_above_usd": "Ask a person above (USD)",
            "mode": "Call by call or in batches",
            "budget_day_usd": "Budget of a day (USD)",
            "budget_month_usd": "Budget of a month (USD)",
            "budget_project_usd": "Budget of the project (USD)",
            "project": "Project",
            "key_env": "Environment variable with the key",
            "base_url": "Address of the API",
            "catalogue": "Catalogue of your own",
            "unpriced": "Ask a model of unknown price",
        },
    ),
    FormGroup(
        "care",
        "How careful",
        "One pass, unproved values are marked",
        {
            "passes": "Passes",
            "required_evidence": "Fields that must be proved",
            "isolation": "Documents in a request",
            "reply_form": "Form of replies",
            "plain_json": "Plain JSON",
            "replay": "Replay",
            "accept_vanished": "Take out what is gone",
            "add_inbox": "Keep this inbox beside the others",
            "replace_inbox": "The inbox has moved here",
            "fail_on": "What makes a run fail",
            "max_failed_share": "Share of documents that may fail",
            "fail_on_review": "Most values that may wait in review",
            "max_fill_drop": "Fall of a filled share that is told",
        },
    ),
    FormGroup(
        "limits",
        "Limits of the account",
        "Found by asking",
        {
            "tier": "Tier",
            "concurrency": "Calls in flight",
            "rpm": "Requests a minute",
            "tpm": "Tokens a minute",
            "tpd": "Tokens a day",
            "max_documents_per_window": "Documents in a call",
            "max_window_tokens": "Tokens of documents in a call",
        },
    ),
    FormGroup(
        "machines",
        "Where batches are worked on",
        "In this process",
        {"runner": "Runner"},
    ),
    FormGroup(
        "reading",
        "Limits of reading",
        "30 s, 1 GB and 2,000 pages a file",
        {
            "timeout_s": "Seconds a file",
            "memory_bytes": "Memory of a reading process (bytes)",
            "workers": "Reading processes",
            "ocr_timeout_s": "Seconds a picture",
            "ocr_memory_bytes": "Memory of a process for pictures (bytes)",
            "ocr_workers": "Processes for pictures",
            "max_file_bytes": "Largest file (bytes)",
            "max_pages": "Pages of a document",
            "max_cells": "Cells of a sheet",
            "max_pixels": "Pixels of a picture",
            "max_unpacked_bytes": "Bytes a file may unpack to",
            "max_entry_bytes": "Bytes a part of it may unpack to",
            "max_entries": "Parts of a file",
            "max_depth": "Folders below one another",
            "max_nesting": "Files inside one another",
            "password": "Passwords",
            "password_file": "File with passwords",
        },
    ),
)
FOLDED = {group.name: group for group in GROUPS if group.name}
TITLES = {name: title for group in GROUPS for name, title in group.fields.items()}
_COMMAND_OR_FLAG = re.compile(r"`[^`]*`|--([a-z-]+)")


def as_in_form(sentence: str) -> str:
    """A sentence that names flags, for who has the form of a run before them; a command between backticks stays as it is typed.

    >>> as_in_form("Run again with a higher --budget-usd; `octavo batch --out DIR` shows more.")
    'Run again with a higher "Budget of this run (USD)" (budget_usd); `octavo batch --out DIR` shows more.'
    """

    def named(found: re.Match[str]) -> str:
        name = {"yes": "approved"}.get(flag := found[1] or "", flag.replace("-", "_"))
        return f'"{TITLES[name]}" ({name})' if name in TITLES else found[0]

    return _COMMAND_OR_FLAG.sub(named, sentence)


def form_schema(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a job as the form shows it and the server checks it: groups that are closed at first, flat names valid too.

    Prefect's form folds nothing, but of alternatives it draws the chosen one alone (tried with 3.8.8), so a group is null or an
    object. It draws `properties` and nothing else, so flat names that stand in `patternProperties` are checked and not drawn.
    """
    titled = {name: _titled(name, field) for name, field in flat["properties"].items()}
    grouped = {name for group in FOLDED.values() for name in group.fields}
    shown = {name: field for name, field in titled.items() if name not in grouped}
    shown |= {group.name: _folded(group, titled) for group in FOLDED.values()}
    hidden = {f"^{name}$": field for name, field in titled.items() if name in grouped}
    kept = {
        key: value for key, value in flat.items() if key != "additionalProperties"
    }  # which would list all patterns in its error
    return {**kept, "properties": shown, "patternProperties": hidden, "unevaluatedProperties": False}


def _titled(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in field.items() if key != "description" or name not in SELF_EXPLAINING}
    return {**kept, "title": TITLES.get(name, name)}


def _folded(group: FormGroup, titled: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: titled[name] for name in group.fields if name in titled}
    opened = {"type": "object", "title": OPEN, "properties": fields, "additionalProperties": False}
    closed = {"type": "null", "title": group.usual}
    return {"title": group.title, "anyOf": [closed, opened], "default": None}


def flattened(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a job by their flat names, whether given so or in groups. Raises ValueError for one that is given twice, and unlike.

    >>> flattened({"inbox": "scans", "answers": {"model": "kimi-k2.6"}, "reading": None})
    {'inbox': 'scans', 'model': 'kimi-k2.6'}
    """
    flat = {name: value for name, value in given.items() if name not in FOLDED}
    for group in FOLDED.values():
        for name, value in _members(group, given.get(group.name)):
            if name in flat and flat[name] != value:
                message = f"{name} is given twice, as {flat[name]!r} and in {group.name} as {value!r}; leave one of them out"
                raise ValueError(message)
            flat[name] = value
    return flat


def _members(group: FormGroup, given: Any) -> Iterator[tuple[str, Any]]:
    """Subtle: what is no field of the group keeps the group's name before its own, so that the job refuses it by a name that helps."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        yield group.name, given
        return
    for name, value in given.items():
        yield (name if name in group.fields else f"{group.name}.{name}"), value

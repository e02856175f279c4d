"""`octavo prompt FILE`: the first requests about a file as they would be sent, and what they are made of in tokens. Nothing is sent."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from octavo.flows import order, settings
from octavo.flows.commands import show
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import DocumentError, SettingsError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Request

PICTURE = "[picture, {size:,} bytes]"


async def first_requests(job: Job) -> list[Request]:
    """The requests that a run over one file would begin with. `job.inbox` names the file.

    Raises SettingsError when it is no file or nothing is asked, DocumentError when it is empty or cannot be read.
    The ids of documents are of each output folder: these are of none.
    """
    path = Path(job.inbox)
    if not path.is_file():
        raise SettingsError(f"{path} is no file.", about="inbox", next_step="Name one file of the folder.")
    with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
        inbox = Path(folder) / "inbox"
        inbox.mkdir()
        shutil.copyfile(path, inbox / path.name)
        alone = job.model_copy(update={"inbox": str(inbox), "out": str(Path(folder) / "out")})
        account = settings.account(alone, key_needed=False)
        requests = await order.first_requests(alone, account, settings.vocabulary())
    if not requests:
        if not (job.extract or job.summarize):
            raise SettingsError(
                "No question is asked.", about="extract", next_step="Name a schema, as in --extract invoice."
            )
        message = f"Nothing would be asked: {path} has no text, and no picture that {account.model.id} sees."
        raise DocumentError("empty", message, next_step="Look whether it is the right file.")
    return requests


def write(requests: list[Request], *, as_json: bool) -> None:
    """Each request: its words, its format and a table of its tokens; as JSON the body of the call, one a line, and nothing else."""
    for number, request in enumerate(requests, 1):
        if as_json:
            show.out.print(json.dumps(request.body, ensure_ascii=False), markup=False, soft_wrap=True)
            continue
        show.out.print(f"--- request {number} of {len(requests)}: {request.question.name}", markup=False)
        for name, words in parts(request.body):
            show.out.print(f"--- {name}", markup=False)
            show.out.print(words, markup=False, soft_wrap=True)
        show.out.print(_table(request))


def parts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a call is made of, by name, as text: its messages in order, and the format of the reply."""
    names = ("instruction", "document", "question")
    for name, message in zip(names, body["messages"], strict=False):
        yield name, _words(message["content"])
    if reply := body.get("response_format"):
        yield "format", json.dumps(reply, ensure_ascii=False)


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    shown = (
        part["text"] if part["type"] == "text" else PICTURE.format(size=len(part["image_url"]["url"]))
        for part in content
    )
    return "".join(shown)


def _table(request: Request) -> Table:
    """Tokens by part. Pictures and what the provider adds around messages are in the sum only."""
    count = pack.counter(settings.vocabulary())
    table = Table("part", "tokens")
    table.columns[1].justify = "right"
    for name, words in parts(request.body):
        table.add_row(name, f"{count(words):,}")
    table.add_section()
    table.add_row("the whole, as it is reckoned", f"{request.prompt_tokens:,}")
    table.add_row("most of the reply", f"{request.reply_tokens:,}")
    return table

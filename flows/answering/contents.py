"""The text and the pictures of windows, fetched when they are about to be asked or checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Page, Part, Reject, Window

PARTS_AT_ONCE = 1_000  # parts of stored windows whose text is looked up together: a look-up takes 5 ms, however little it brings
BLIND = (
    "Its pages are pictures and this engine reads text only. Install octavo[ocr], or ask a model with vision."
)


async def visible(run: RunContext, task: WindowTask) -> tuple[WindowTask, list[Reject]]:
    """The task with the pictures of its image pages, and a reject for each document that cannot be shown.

    Those are documents whose pictures cannot be made, and ones of pictures only where the model cannot see.
    """
    if run.asker.account.model.vision:
        window, rejects = await with_images(run, task.window)
        hidden = frozenset(reject.document for reject in rejects)
    else:
        window = task.window
        hidden = frozenset(window.documents) - {part.document for part in window.parts if part.text.strip()}
        rejects = [
            Reject(document, name, "", "needs_ocr", BLIND)
            for name, wanted in task.wanted.items()
            for document in sorted(hidden & wanted)
        ]
    return WindowTask(window, {name: wanted - hidden for name, wanted in task.wanted.items()}), rejects


async def with_images(run: RunContext, window: Window) -> tuple[Window, list[Reject]]:
    """The window with its pictures, and a reject for each question about a document whose pictures cannot be made."""
    images: dict[tuple[str, int], bytes] = {}
    rejects: list[Reject] = []
    numbers: dict[str, list[int]] = {}
    for part in window.parts:
        if part.image_px and part.image is None:
            numbers.setdefault(part.document, []).append(part.page)
    for sha256, pages in numbers.items():
        try:
            pictures = await run.reader.images(
                run.job.inbox, run.warehouse.document(sha256, run.inbox), pages
            )
        except DocumentError as error:
            rejects += [
                Reject(sha256, question.name, "", error.reason, str(error)) for question in run.questions
            ]
        else:
            images |= {(sha256, page): picture for page, picture in pictures.items()}
    parts = (replace(part, image=images.get((part.document, part.page), part.image)) for part in window.parts)
    return replace(window, parts=tuple(parts)), rejects


def with_text(run: RunContext, tasks: Iterable[WindowTask]) -> Iterator[WindowTask]:
    """The tasks in their order; those whose reply is in the ledger get the text of their windows, a thousand pages in one look-up."""
    for group in _in_groups(tasks):
        wanted = dict.fromkeys(
            document for task in group if task.stored for document in task.window.documents
        )
        found = groupby(run.warehouse.pages_of(list(wanted)), key=lambda page: page.document)
        own = {document: list(pages) for document, pages in found}
        yield from (
            replace(task, window=_with_text(run, task.window, own)) if task.stored else task for task in group
        )


def whole_pages(run: RunContext, documents: Iterable[str]) -> list[Part]:
    """All pages of documents."""
    return [
        part
        for document in documents
        for part in pack.whole(list(run.warehouse.pages_of([document])), run.count)
    ]


def _with_text(run: RunContext, window: Window, pages: Mapping[str, Sequence[Page]]) -> Window:
    """A window that was stored without its text, with it."""
    own = groupby(window.parts, key=lambda part: part.document)
    return pack.window_of(
        [
            part
            for document, parts in own
            for part in pack.shown(list(parts), pages.get(document, ()), run.count)
        ]
    )


def _in_groups(tasks: Iterable[WindowTask]) -> Iterator[list[WindowTask]]:
    """Consecutive tasks whose windows have so many parts together, or one task."""
    group: list[WindowTask] = []
    held = 0
    for task in tasks:
        held += len(task.window.parts)
        if group and held > PARTS_AT_ONCE:
            yield group
            group, held = [], len(task.window.parts)
        group.append(task)
    yield group

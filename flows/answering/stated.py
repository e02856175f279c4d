"""Documents that state their facts, such as electronic invoices in XML: answered from there, and asked about by nobody.

In a file that holds both, such as a PDF with its XML, the PDF is asked about and the XML is what its answer is compared with in `review`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from octavo.flows.answering.contents import whole_pages
from octavo.flows.answering.window_answers import Answers
from octavo.flows.context import RunContext
from octavo.processors.ask import replies
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Question


def taken(run: RunContext, pending: dict[str, set[str]]) -> dict[str, set[str]]:
    """For each question the documents that are answered exactly; they leave `pending`, as do those that another file says too.

    What lies in a file that is itself asked about is left out of all other questions: it would be the same document twice.
    """
    invoices = run.warehouse.of_types(replies.EXACT_TYPES, run.inbox)
    found: dict[str, set[str]] = {}
    for question in run.questions:
        left = pending[question.name]
        if replies.answers_exactly(question):
            found[question.name] = left & invoices.keys()
            left.difference_update(invoices)
        else:
            left.difference_update(document for document, is_inside in invoices.items() if is_inside)
    return found


async def answer(
    run: RunContext, exact: Mapping[str, set[str]], pending: dict[str, set[str]]
) -> list[Answers]:
    """The answers. A document whose facts do not make a record goes back to `pending`, and is asked about."""
    answers: list[Answers] = []
    for question in run.questions:
        for document in sorted(exact.get(question.name, ())):
            found = await asyncio.to_thread(_answer, run, question, document)
            if found.records:
                answers.append(found)
            else:
                pending[question.name].add(document)
    return answers


def _answer(run: RunContext, question: Question, document: str) -> Answers:
    """What came of reading one document. More than one page is more than one invoice, which no record holds."""
    window = pack.window_of(whole_pages(run, [document]))
    if len(window.parts) != 1:
        return Answers()
    short_id = document[:6]
    request = run.asker.recalled(window, question, fingerprint="", ids={short_id: document}, legend={})
    reply = replies.exact_reply(question, short_id, window.parts[0].text)
    if reply is None:
        return Answers()
    records, _ = check.check(request, reply)
    return replace(Answers.of(request, records, ()), by=(reply.engine, reply.model))

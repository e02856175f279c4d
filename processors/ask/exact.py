"""The third engine, beside a provider and the offline rules: a page that states its facts in, the reply out, exactly and for nothing.

It answers about electronic invoices, whose page was read from XML, and only a question all of whose fields such a page can state: the
shipped schema `invoice`, or a part of it. The reply is judged like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from octavo.schemas.pipeline import Field, Question, Reply, Usage
from octavo.schemas.text import invoice_page

ENGINE, MODEL = invoice_page.ENGINE, invoice_page.MODEL
MEDIA_TYPES = (invoice_page.MEDIA_TYPE,)


def answers(question: Question) -> bool:
    """Whether a page can state all that a question asks for, so that no model need be asked."""
    names = {field.name for field in question.fields}
    items = next((field.item for field in question.fields if field.name == invoice_page.ITEMS), None)
    columns = {field.name for field in items.fields} if items else set[str]()
    known = {*invoice_page.LABELS, invoice_page.ITEMS}
    return question.name == "invoice" and names <= known and columns <= invoice_page.COLUMNS.keys()


def reply(question: Question, short_id: str, text: str) -> Reply | None:
    """The reply about one document by the text of its page; None where that states no facts."""
    facts = invoice_page.parsed(text)
    if not facts:
        return None
    answer = {"documents": [{"id": short_id, "record": _record(question.fields, facts)}]}
    words = json.dumps(answer, ensure_ascii=False)
    return Reply("", words, "stop", Usage(0, 0, 0), MODEL, ENGINE, 0.0)


def _record(fields: tuple[Field, ...], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts under the names of the fields."""
    record: dict[str, Any] = {}
    for field in fields:
        value = facts.get(field.name)
        if field.item and isinstance(value, list):
            record[field.name] = [_record(field.item.fields, item) for item in value]
        else:
            record[field.name] = value
    return record

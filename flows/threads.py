"""Replies whose earlier mail is not in the tables: what they quote of it is asked about with them, since it stands nowhere else.

Looked at when all files are read, since the earlier mail may lie anywhere in the inbox, and come or go later.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.flows.token_counter import TokenCounter
from octavo.processors.store.warehouse import Change, Warehouse
from octavo.schemas import tables

MARKED, KEPT = "quoted_history", "quoted_only_here"


def keep_lone_quotations(warehouse: Warehouse, count: TokenCounter) -> bool:
    """Show again what was marked as said before, in replies to a mail that is not there. Whether anything changed.

    It stays so when the earlier mail comes: what was asked then is paid, and no row goes. Raises StorageError.
    """
    rows = warehouse.lone_replies(MARKED)
    if not rows:
        return False
    documents = sorted({row["document"] for row in rows})
    pages = [replace(page, repeated=()) for page in warehouse.pages_of(documents)]
    flagged = [{**row, "flags": [KEPT if flag == MARKED else flag for flag in row["flags"]]} for row in rows]
    return warehouse.commit(
        [
            Change(tables.DOCUMENTS, flagged),
            Change(
                tables.PAGES,
                [tables.page_row(page, count.plain(page.shown)) for page in pages],
                {(document,) for document in documents},
            ),
        ]
    )

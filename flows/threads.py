"""Replies whose earlier mail is not in the tables: what they quote of it is asked about with them, since it stands nowhere else.

Looked at when all files are read, since the earlier mail may lie anywhere in the inbox, and come or go later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from octavo.flows.token_counter import TokenCounter
from octavo.processors.store.warehouse import Change, Warehouse
from octavo.schemas import tables
from octavo.schemas.tables import Row

AT_ONCE = 500  # mails of one commit, so that few of their pages are in memory
MARKED, KEPT = "quoted_history", "quoted_only_here"


def keep_lone_quotations(warehouse: Warehouse, count: TokenCounter) -> bool:
    """Show again what was marked as said before, in replies to a mail that is not there. Whether anything changed.

    It stays so when the earlier mail comes, as long as the reply is not read anew: what was asked then is paid. Raises StorageError.
    """
    mails = [list(rows) for _, rows in groupby(warehouse.lone_replies(MARKED, KEPT), itemgetter("document"))]
    changed = False
    for start in range(0, len(mails), AT_ONCE):
        changed |= _keep(warehouse, count, mails[start : start + AT_ONCE])
    return changed


def _keep(warehouse: Warehouse, count: TokenCounter, mails: Sequence[Sequence[Row]]) -> bool:
    """Commit some mails, each with the rows of all its paths."""
    documents = [rows[0]["document"] for rows in mails]
    pages = (replace(page, repeated=()) for page in warehouse.pages_of(documents))
    flagged = [
        {**row, "flags": [KEPT if flag == MARKED else flag for flag in row["flags"]]}
        for rows in mails
        for row in rows
    ]
    changes = [
        Change(tables.DOCUMENTS, flagged),
        Change(
            tables.PAGES,
            [tables.page_row(page, count.plain(page.shown)) for page in pages],
            {(document,) for document in documents},
        ),
    ]
    return warehouse.commit(changes)

"""A program for the tests of `store` to kill: commits generation after generation, and says on standard output which is done.

`python -m tests.committer FOLDER` goes on until it is killed. With a number behind the folder it commits one generation, and kills
itself when it touches a file or folder for the so-many-th time.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Page

DOCUMENTS = 20
TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "shutil.copyfile"}  # audit events of Python


def changes(generation: int) -> list[Change]:
    """Rows of two tables that all carry one number."""
    ids = [f"d{number:02d}" for number in range(DOCUMENTS)]
    documents = [tables.document_row(Document(one, b"", one, detail=str(generation)), "1") for one in ids]
    return [
        Change(tables.DOCUMENTS, documents),
        Change(tables.PAGES, [tables.page_row(Page(one, 1, str(generation)), generation) for one in ids]),
    ]


def generation_of(warehouse: Warehouse) -> int:
    """The one number that all rows carry, 0 when there are none; AssertionError when there are two."""
    details = [row["detail"] for row in warehouse.rows("documents")]
    tokens = [row["tokens"] for row in warehouse.rows("pages")]
    numbers = {*map(int, details), *tokens}
    assert len(numbers) <= 1, f"torn: {numbers}"
    assert len(details) == len(tokens) == (DOCUMENTS if numbers else 0)
    return max(numbers, default=0)


def die_at(step: int) -> None:
    """Arrange for kill -9 at the `step`-th touch of a file or folder from now."""
    left = step

    def count(event: str, _: object) -> None:
        nonlocal left
        left -= event in TOUCHES
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def main() -> None:
    """See the top of the file."""
    folder = Path(sys.argv[1])
    with hold(folder) as warehouse:
        generation = generation_of(warehouse)
        if len(sys.argv) > 2:
            die_at(int(sys.argv[2]))
            warehouse.commit(changes(generation + 1))
            return
        while True:
            print(generation, flush=True)
            generation += 1
            warehouse.commit(changes(generation))


if __name__ == "__main__":
    main()

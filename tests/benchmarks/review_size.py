"""How much CPU a view of `octavo review` takes over 100,000 documents and 1,000,000 values.

`python -m tests.benchmarks.review_size` makes the tables (`--documents N` for others, `--out DIR` keeps them), works out the list of
doubts as the server does before anybody looks, asks each view twice and prints ms of CPU. The aim is less than 300 for each view.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from octavo.flows.review import doubts
from octavo.flows.review.app import make_app
from octavo.flows.review.security import COOKIE
from octavo.flows.review.workspace import Workspace
from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Evidence, Page, Record
from tests.rows import question

VALUES = 10  # of one document
VALUE = {"question": "invoice", "field": "lines[0].what", "verdict": "right"}
BATCH = 20_000  # documents of one commit


def sha(number: int) -> str:
    """The id of a made document."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def changes(numbers: range) -> list[Change]:
    """Documents with a page, an answer and its evidence; every tenth value is doubted."""
    asked = question()
    documents, pages, rows, proofs = [], [], [], []
    for number in numbers:
        one = sha(number)
        path = f"folder{number % 50}/bill{number}.txt"
        documents.append(
            tables.document_row(
                Document(path, path.encode(), one, "text/plain", 90, page_count=1), "1", "/inbox"
            )
        )
        pages.append(
            tables.page_row(Page(one, 1, f"Bill {number} of 2024-01-31: total 12.50, paper 12.50"), 20)
        )
        lines = [{"what": f"paper {n}", "amount": "12.50"} for n in range(4)]
        value = {"number": f"R-{number}", "issued": "2024-01-31", "total": "12.50", "lines": lines}
        proof = [
            Evidence(name, str(value[name]), "exact", 1, 0, 4, "Bill", confidence=0.97)
            for name in ("number", "total")
        ]
        for n in range(4):
            sure = 0.97 if (number + n) % 4 else 0.6
            proof += [
                Evidence(
                    f"lines[{n}].what", f"paper {n}", "exact", 1, 0, 4, "Bill", confidence=sure, by="page"
                ),
                Evidence(f"lines[{n}].amount", "12.50", "exact", 1, 0, 4, "Bill", confidence=0.97, by="row"),
            ]
        record = Record(one, "invoice", value, tuple(proof), "request-1")
        rows.append(tables.record_row(record, asked, "offline", "rules"))
        proofs += tables.evidence_rows(record)
    return [
        Change(tables.DOCUMENTS, documents),
        Change(tables.PAGES, pages),
        Change(tables.question_table(asked), rows),
        Change(tables.EVIDENCE, proofs),
        *(Change(tables.FIXED[name]) for name in ("requests", "rejects", "runs", "corrections")),
    ]


def touched(workspace: Workspace) -> None:
    """Make it look as if somebody had committed: nothing that is kept of the file holds any more, but what may be a while old."""
    os.utime(workspace.reader.path)


async def views(out: Path, documents: int) -> None:
    """Ask every view twice, and print the CPU of each."""
    import httpx2

    workspace = Workspace(out, who="Ann", token="token")
    transport = httpx2.ASGITransport(app=make_app(workspace))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.cookies.set(COOKIE, workspace.admit("token"))
        visitor = next(iter(workspace.visitors.values()))
        begun = time.process_time()
        doubts.renew(workspace)
        print(
            f"{'the list of doubts, before anybody looks':55} {1000 * (time.process_time() - begun):6.0f} ms"
        )
        last = sha(documents // 2)
        posting = {"Origin": "http://127.0.0.1", "X-Octavo": visitor.csrf}
        for path in (
            "/",
            "/?reason=unsure&folder=folder7&start=500",
            f"/value/{last}/invoice?field=lines[0].what",
            "/documents",
            "/documents?text=bill777",
            "/documents?text=paper",
            "/documents?kind=rejected",
            "/documents?kind=needs_ocr",
            "/documents?kind=corrected",
            "/runs",
            "POST /api/next",
            "POST /api/say",
            "POST /api/undo",
            "/ after a commit",
            f"/value/{last}/invoice?field=lines[0].what after a commit",
        ):
            spent = []
            for number in range(2):
                if path.endswith("commit"):
                    touched(workspace)
                begun = time.process_time()
                if path.startswith("POST"):
                    saying = {
                        **VALUE,
                        "document": sha(documents // 2 + number),
                        "then": "next",
                        "here": {**VALUE, "document": last},
                    }
                    answer = await client.post(path.split()[1], json=saying, headers=posting)
                else:
                    answer = await client.get(path.removesuffix(" after a commit"))
                spent.append(1000 * (time.process_time() - begun))
                assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
            told = path.replace(last, "DOCUMENT")
            print(f"{told:55} first {spent[0]:6.0f} ms, then {spent[1]:6.0f} ms")
    workspace.close()


def main() -> None:
    """Make the tables, and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = args.out or Path(folder)
        if not (out / "warehouse.duckdb").exists():
            with hold(out):
                warehouse = Warehouse(out, publishes=False)  # no view reads the Parquet files
                for start in range(0, args.documents, BATCH):
                    warehouse.commit(changes(range(start, min(start + BATCH, args.documents))))
        print(f"{args.documents:,} documents, {args.documents * VALUES:,} values, pyarrow {pa.__version__}")
        asyncio.run(views(out, args.documents))


if __name__ == "__main__":
    main()

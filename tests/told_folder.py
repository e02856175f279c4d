"""An output folder to ask about: invoices of one supplier whose price rises, a long contract, a scan; put down as a run would.

`write(folder)` makes `folder/inbox` with the files and `folder/out` with the tables; `more` adds pages that say what they like.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Evidence, Page, Record
from tests import rows

ROOT = Path(__file__).resolve().parents[1]
SCAN = ROOT / "data" / "samples" / "receipt_scan.jpg"
INVOICES = {  # path -> number, day, total as printed
    "may/brandt.txt": ("R-101", "2026-05-04", "100.00"),
    "june/brandt.txt": ("R-102", "2026-06-04", "130.00"),
    "june/acme.txt": ("R-103", "2026-06-09", "80.00"),
}
CONTRACT = "contract.txt"
CONTRACT_PAGES = [
    "Agreement between Brandt Ltd and the buyer. " + "Words about delivery and storage. " * 2_000,
    "The supplier may raise prices once a year, by no more than thirty percent.",
    "Signed in Zürich.",
]


def write(folder: Path, more: Mapping[str, str] | None = None) -> Path:
    """Make inbox and tables below a folder; gives the output folder."""
    inbox, out = folder / "inbox", folder / "out"
    texts = {path: [_invoice(*facts)] for path, facts in INVOICES.items()} | {CONTRACT: CONTRACT_PAGES}
    texts |= {path: [text] for path, text in (more or {}).items()}
    for path, pages in texts.items():
        (inbox / path).parent.mkdir(parents=True, exist_ok=True)
        (inbox / path).write_text("\n".join(pages), encoding="utf-8")
    shutil.copy(SCAN, inbox / SCAN.name)
    with hold(out) as warehouse:
        commit(warehouse, inbox, texts)
    return out


def commit(warehouse: Warehouse, inbox: Path, texts: Mapping[str, list[str]]) -> None:
    """Put documents with these pages, the scan and the answers about the invoices into the tables."""
    documents = [_document(inbox / path, path, len(pages)) for path, pages in texts.items()]
    pages = [
        Page(document.sha256, number, text)
        for document, own in zip(documents, texts.values(), strict=True)
        for number, text in enumerate(own, 1)
    ]
    if (inbox / SCAN.name).exists():
        scan = _document(inbox / SCAN.name, SCAN.name, 1, "image/jpeg")
        documents.append(scan)
        pages.append(Page(scan.sha256, 1, "", (800, 1200)))
    question = rows.question()
    records = [_record(one) for one in documents if one.path in INVOICES]
    shown = {one.sha256: one.path for one in documents}
    answers = [
        tables.record_row(one, question, "offline", "rules") | {"path": shown[one.document]}
        for one in records
    ]
    warehouse.commit(
        [
            Change(tables.DOCUMENTS, [tables.document_row(one, "1", str(inbox)) for one in documents]),
            Change(tables.PAGES, [tables.page_row(page, 10) for page in pages]),
            Change(tables.question_table(question), answers),
            Change(tables.EVIDENCE, [row for one in records for row in tables.evidence_rows(one)]),
            Change(tables.REJECTS),
            Change(tables.RUNS),
            Change(tables.REQUESTS),
        ]
    )


def _invoice(number: str, day: str, total: str) -> str:
    return f"Invoice number: {number}\nIssued: {day}\nTotal: {total} EUR\nPrice increase: see contract."


def _document(file: Path, path: str, pages: int, kind: str = "text/plain") -> Document:
    content = file.read_bytes()
    return Document(path, path.encode(), sha256(content).hexdigest(), kind, len(content), page_count=pages)


def _record(document: Document) -> Record:
    number, day, total = INVOICES[document.path]
    text = _invoice(number, day, total)
    proofs = []
    for name, printed in (("number", number), ("issued", day), ("total", total)):
        start = text.index(printed)
        proofs.append(Evidence(name, printed, "exact", 1, start, start + len(printed), printed))
    value = {"number": number, "issued": day, "total": total, "lines": []}
    return Record(document.sha256, "invoice", value, tuple(proofs), f"request-{number}")

"""Share of labelled fields that the offline rules answer right, by kind of document and by field.

    python -m tests.benchmarks.offline_quality            # receipts from their transcripts
    python -m tests.benchmarks.offline_quality --ocr      # receipts read by rapidocr, some minutes
    python -m tests.benchmarks.offline_quality --wrong    # each wrong answer too

In: the labelled documents of the developer corpus and their plain page text. Out: a table. Every third document was held out while the
rules were written and is counted apart; many e-invoices share one layout, so apart is not independent. Dates and amounts are compared as
values, text after folding case, space and punctuation. A label that is a whole address block counts by its last line too, since labels are
as the source wrote them; where two labels mean one field, either counts.
"""

from __future__ import annotations

import argparse
import json
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from octavo.processors.ask.offline import provider as offline
from octavo.schemas.extraction.contract import Contract
from octavo.schemas.extraction.invoice import Invoice
from octavo.schemas.extraction.receipt import Receipt
from octavo.schemas.text.values import parse_amount, parse_date

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "invoice": {
        "invoice_number": ("invoice_number",),
        "issue_date": ("issue_date", "date"),
        "due_date": ("date_due",),
        "seller_name": ("seller_name", "issuer", "partner_name"),
        "buyer_name": ("buyer_name",),
        "currency": ("currency",),
        "net_total": ("net_total", "amount_untaxed"),
        "tax_total": ("tax_total", "amount_tax"),
        "grand_total": ("grand_total", "amount"),
    },
    "receipt": {
        "merchant_name": ("company",),
        "purchase_date": ("date",),
        "merchant_address": ("address",),
        "total": ("total",),
    },
    "contract": {
        "effective_date": ("effective_date",),
        "parties": ("party",),
        "governing_law": ("jurisdiction",),
    },
}
MODELS: dict[str, type[BaseModel]] = {"invoice": Invoice, "receipt": Receipt, "contract": Contract}
KINDS = {"invoice": "invoice", "receipt": "receipt", "nda": "contract"}  # in the label files -> here


@dataclass(frozen=True, slots=True)
class Score:
    """One labelled field of one document."""

    kind: str
    field: str
    held_out: bool
    right: bool
    document: str
    wanted: Any
    given: Any


def main() -> None:
    """Print the share of right fields by kind and by field."""
    parser = argparse.ArgumentParser(
        description="Share of labelled fields that the offline rules answer right."
    )
    parser.add_argument(
        "--ocr", action="store_true", help="read receipts with rapidocr instead of their transcripts"
    )
    parser.add_argument(
        "--wrong", action="store_true", help="print each wrong answer of documents that were not held out"
    )
    flags = parser.parse_args()
    started = time.process_time()
    scores = list(measure(read_with_ocr if flags.ocr else transcript))
    for score in scores if flags.wrong else ():
        if not score.right and not score.held_out:
            print(
                f"{score.kind}.{score.field} {score.document}: wanted {score.wanted!r}, given {score.given!r}"
            )
    for kind, fields in LABELS.items():
        print(f"{kind:10} {_shares([score for score in scores if score.kind == kind])}")
        for field in fields:
            print(
                f"  {field:18} {_shares([score for score in scores if (score.kind, score.field) == (kind, field)])}"
            )
    print(f"{time.process_time() - started:.1f} s CPU with reading")


def measure(receipt_text: Callable[[Path], str]) -> Iterator[Score]:
    """One score for each labelled field of each labelled document."""
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((CORPUS / "labels").glob("*.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        by_kind[KINDS[label["kind"]]].append(label)
    for kind, labels in by_kind.items():
        for number, label in enumerate(labels):
            path = CORPUS / label["document"]
            given = ask(receipt_text(path) if kind == "receipt" else pdf_text(path), MODELS[kind])
            for field, names in LABELS[kind].items():
                wanted = [label["fields"][name] for name in names if label["fields"].get(name) is not None]
                if wanted:
                    right = any(same(given[field], one) for one in wanted)
                    yield Score(kind, field, number % 3 == 2, right, path.name, wanted, given[field])


def ask(text: str, model: type[BaseModel]) -> dict[str, Any]:
    """The record that the offline provider gives for one document."""
    schema = {"properties": {"documents": {"items": {"properties": {"record": model.model_json_schema()}}}}}
    words = f"<<k1>>\n{text}\n<<end>>\n"
    done = offline.answer(
        {
            "messages": [
                {"role": "user", "content": words},
                {"role": "user", "content": "Question: benchmark"},
            ],
            "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        }
    )
    record: dict[str, Any] = json.loads(done["choices"][0]["message"]["content"])["documents"][0]["record"]
    return record


def pdf_text(path: Path) -> str:
    """The text of a PDF, pages below each other."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document)


def transcript(path: Path) -> str:
    """The text of a receipt as the corpus has it: one text box a line."""
    return (CORPUS / "groundtruth" / f"{path.name}.txt").read_text(encoding="utf-8")


def read_with_ocr(path: Path) -> str:
    """The text of a receipt as rapidocr reads it: boxes of one height in one line, with two spaces between."""
    from rapidocr import RapidOCR

    found: Any = RapidOCR(
        params={"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"}
    )(str(path))
    rows: list[list[tuple[float, float, float, str]]] = []
    boxes = [
        (min(y for _, y in box), max(y for _, y in box), min(x for x, _ in box), text)
        for box, text in zip(found.boxes, found.txts, strict=True)
    ]
    for box in sorted(boxes, key=lambda box: box[0] + box[1]):
        if rows and abs(sum(rows[-1][0][:2]) - sum(box[:2])) < box[1] - box[0]:
            rows[-1].append(box)
        else:
            rows.append([box])
    return "\n".join("  ".join(text for *_, text in sorted(row, key=lambda box: box[2])) for row in rows)


def same(given: Any, wanted: Any) -> bool:
    """Whether an answer is what the label says."""
    if isinstance(wanted, list):
        return (
            bool(given)
            and len(given) == len(wanted)
            and all(any(_close(one, other) for other in given) for one in wanted)
        )
    if given is None:
        return False
    if isinstance(given, int | float):
        return parse_amount(str(wanted)) == parse_amount(str(given))
    if (day := parse_date(str(wanted))) and len(str(wanted)) < 20:
        return parse_date(given) == day
    lines = str(wanted).split("\n")
    return plain(given) in {plain(str(wanted)), plain(lines[-1])}


def plain(text: str) -> str:
    """Letters and digits only, in lower case, without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())


def _close(one: str, other: str) -> bool:
    """Whether one name of a party begins with the other: labels leave out and write out parts of names."""
    left, right = (plain(name.replace("&", "and")) for name in (one, other))
    return left.startswith(right) or right.startswith(left)


def _shares(scores: list[Score]) -> str:
    parts = []
    for name, held_out in (("developed on", False), ("held out", True)):
        chosen = [score for score in scores if score.held_out == held_out]
        right = sum(score.right for score in chosen)
        parts.append(f"{name} {right:3} of {len(chosen):3} ({right / max(1, len(chosen)):4.0%})")
    return "   ".join(parts)


if __name__ == "__main__":
    main()

"""How much of labelled documents the offline rules get right, on makers that rules may be tuned on and on makers held out.

    python -m tests.benchmarks.offline_quality                    # right of labelled, and right of given
    python -m tests.benchmarks.offline_quality --fields           # by field, too
    python -m tests.benchmarks.offline_quality --wrong            # each wrong answer of the half that may be tuned on
    python -m tests.benchmarks.offline_quality --ocr              # receipts of the corpus read by rapidocr, some minutes

In: what `makers` gives. Out: a table. Dates and amounts are compared as values, text after folding case, space and punctuation. Of a label
which is a whole address block the last line counts too, since labels are as the source wrote them; where two labels mean one field,
either counts. A value for a field of which a made bill says nothing is wrong.
"""

from __future__ import annotations

import argparse
import json
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from octavo.processors.ask.offline import provider as offline
from octavo.processors.read.ocr import recognise
from octavo.schemas.extraction.contract import Contract
from octavo.schemas.extraction.invoice import Invoice
from octavo.schemas.extraction.receipt import Receipt
from octavo.schemas.text.values import parse_amount, parse_date
from tests.benchmarks.makers import CORPUS, Labelled, labelled

MODELS: dict[str, type[BaseModel]] = {"invoice": Invoice, "receipt": Receipt, "contract": Contract}
HALVES = ("tuned", "held out")


@dataclass(frozen=True, slots=True)
class Score:
    """One field of one labelled document."""

    document: Labelled
    field: str
    wanted: tuple[Any, ...]
    given: Any

    @property
    def right(self) -> bool:
        """Whether the answer is one of those wanted, or silence where there is none."""
        return any(same(self.given, one) for one in self.wanted) if self.wanted else not self.given


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(
        description="Share of labelled fields that the offline rules answer right."
    )
    parser.add_argument(
        "--ocr", action="store_true", help="read receipts with rapidocr instead of their transcripts"
    )
    parser.add_argument("--fields", action="store_true", help="print a line for each field")
    parser.add_argument(
        "--wrong", action="store_true", help="print each wrong answer of the half that rules are tuned on"
    )
    flags = parser.parse_args()
    documents = labelled()
    started = time.process_time()
    scores = list(measure(documents, with_ocr if flags.ocr else lambda one: one.text))
    for score in scores if flags.wrong else ():
        if not score.right and score.document.half == "tuned":
            print(
                f"{score.document.schema}.{score.field} {score.document.document}: {score.wanted!r}, given {score.given!r}"
            )
    for source in ("made", "corpus"):
        for schema in MODELS:
            some = [one for one in scores if (one.document.source, one.document.schema) == (source, schema)]
            if some:
                print(f"{source:7} {schema:18} {shares(some)}")
            for field in dict.fromkeys(one.field for one in some) if flags.fields else ():
                print(f"          {field:16} {shares([one for one in some if one.field == field])}")
    print(f"{time.process_time() - started:.1f} s CPU for {len(documents)} documents")


def measure(
    documents: Iterable[Labelled], text: Callable[[Labelled], str] = lambda one: one.text
) -> Iterator[Score]:
    """One score for each labelled field of each document."""
    for one in documents:
        answer = ask(text(one), MODELS[one.schema])
        for field, wanted in one.values.items():
            yield Score(one, field, wanted, answer[field])


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
    record: dict[str, Any] = json.loads(
        done["choices"][0]["message"]["content"], parse_float=Decimal, parse_int=Decimal
    )["documents"][0]["record"]
    return record


def with_ocr(one: Labelled) -> str:
    """The text of a document, of a picture as rapidocr reads it."""
    path = Path(CORPUS / one.document)
    return recognise(path.read_bytes()).text if path.suffix == ".jpg" else one.text


def same(given: Any, wanted: Any) -> bool:
    """Whether an answer is what the label says."""
    if isinstance(wanted, list):
        return bool(given) and _same_entries(given, wanted)
    if given is None:
        return False
    given = given.isoformat() if isinstance(given, date) else given
    if isinstance(given, Decimal):
        return given == (wanted if isinstance(wanted, Decimal) else parse_amount(str(wanted)))
    if isinstance(wanted, date):
        return parse_date(given) == wanted
    if (day := parse_date(str(wanted))) and len(str(wanted)) < 20:
        return parse_date(given) == day
    lines = str(wanted).split("\n")
    return plain(given) in {plain(str(wanted)), plain(lines[-1])}


def _same_entries(given: list[Any], wanted: list[Any]) -> bool:
    """Whether a list has the entries that are wanted: names in any order, rows by description and amount in theirs."""
    if isinstance(wanted[0], tuple):
        return [(plain(row["description"]), row["amount"]) for row in given] == [
            (plain(what), amount) for what, amount in wanted
        ]
    return len(given) == len(wanted) and all(any(_close(one, other) for other in given) for one in wanted)


def plain(text: str) -> str:
    """Letters and digits only, in lower case, without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())


def _close(one: str, other: str) -> bool:
    """Whether one name of a party begins with the other: labels leave out and write out parts of names."""
    left, right = (plain(name.replace("&", "and")) for name in (one, other))
    return left.startswith(right) or right.startswith(left)


def shares(scores: list[Score]) -> str:
    """Right of labelled and right of given, by half."""
    parts = []
    for half in HALVES:
        chosen = [score for score in scores if score.document.half == half]
        given = [score for score in chosen if score.given]
        right = sum(score.right for score in chosen if score.wanted)
        wanted = sum(bool(score.wanted) for score in chosen)
        sure = sum(score.right for score in given)
        parts.append(
            f"{half} {right:3} of {wanted:3} ({right / max(1, wanted):4.0%}), of given {sure / max(1, len(given)):4.0%}"
        )
    return "   ".join(parts)


if __name__ == "__main__":
    main()

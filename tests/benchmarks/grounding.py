"""How well values are found in their documents, how surely those of a neighbour are caught, and how fast.

    python -m tests.benchmarks.grounding            # the figures
    python -m tests.benchmarks.grounding --missed   # each value that was not found, too

In: the labelled documents of the developer corpus, its long documents, and their plain text. Out: a few lines.

`stands` is decided without the code under test: a label stands in a document when its letters and figures, folded, stand there in a row; an
amount also in any grouping and with a decimal comma, a date in the ways of Europe, America and China. Labels that do not stand there
(a scan that says less, a value the source computed) count nowhere. The corpus has labels by document, not by page: the right page is
counted on values planted at known places of its long documents. Where the model is right is known for the offline rules, so the last
table shows how often values of each confidence are.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pypdfium2
from pydantic import RootModel

from octavo.processors.check.records import balanced, check, rated
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.pipeline import (
    Evidence,
    Field,
    Part,
    Question,
    Record,
    Reject,
    Reply,
    Request,
    TextFrom,
    Usage,
    Window,
)
from octavo.schemas.text.values import parse_date
from tests.benchmarks import offline_quality as offline
from tests.benchmarks.makers import CORPUS, KINDS, NAMES, transcript

EQUAL = {
    kind: {name: field for field, names in fields.items() for name in names} for kind, fields in NAMES.items()
}
SAMPLES = Path(__file__).parents[2] / "data" / "samples"
DOUBTS = {"disagreed", "conflict", "contradicted", "unbalanced", "ambiguous"}
NEIGHBOURS = 8  # documents in a window


@dataclass(frozen=True, slots=True)
class Gold:
    """A labelled document: its labels under the names of the shipped schema, and its pages."""

    document: str
    schema: str
    values: dict[str, Any]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All pages."""
        return "\n".join(part.text for part in self.parts)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="How well values are found in their documents.")
    parser.add_argument(
        "--missed", action="store_true", help="print each value that was not found, and each false alarm"
    )
    missed = parser.parse_args().missed
    labelled = list(gold())
    print_found(labelled, missed=missed)
    print_doubted(labelled, missed=missed)
    print_planted(labelled, missed=missed)
    print_pages()
    print_speed()
    print_confidence(labelled)


def gold() -> Iterator[Gold]:
    """The labelled documents."""
    for path in sorted((CORPUS / "labels").glob("*.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        names = EQUAL[KINDS[label["kind"]]]
        values = {
            names[name]: value
            for name, value in label["fields"].items()
            if name in names and value not in ("", None)
        }
        if isinstance(values.get("parties"), str):
            values["parties"] = [values["parties"]]
        yield Gold(label["document"], KINDS[label["kind"]], values, parts(label["document"]))


def parts(document: str) -> tuple[Part, ...]:
    """The pages of a document: of a PDF its text, of a picture its transcript, as if OCR had read it."""
    if document.endswith(".pdf"):
        with pypdfium2.PdfDocument(CORPUS / document) as pdf:
            texts = [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in pdf]
        return tuple(
            Part(document, number, len(texts), 0, len(text), text, 0)
            for number, text in enumerate(texts, start=1)
        )
    return (transcript(document),)


def judge(
    question: Question, window: list[Gold], answers: list[dict[str, Any]]
) -> tuple[list[Record], list[Reject]]:
    """Check one reply about a window."""
    ids = {f"k{number}": one.document for number, one in enumerate(window)}
    shown = Window(tuple(part for one in window for part in one.parts), 0)
    text = json.dumps(
        {"documents": [{"id": key, "record": answer} for key, answer in zip(ids, answers, strict=True)]}
    )
    return check(
        Request("f", question, shown, ids, {}, 0, 0), Reply("f", text, "stop", Usage(0, 0), "m", "e", 0.0)
    )


def windows(labelled: list[Gold]) -> Iterator[tuple[Question, list[Gold]]]:
    """Documents of one kind, some at a time."""
    for schema in dict.fromkeys(KINDS.values()):
        own = [one for one in labelled if one.schema == schema]
        for start in range(0, len(own), NEIGHBOURS):
            yield compile_question(schema), own[start : start + NEIGHBOURS]


def print_found(labelled: list[Gold], *, missed: bool) -> None:
    """Labels as answers: how many of those that stand in the text have a span, and how many good answers are refused."""
    stand = found = values = refused = 0
    for question, window in windows(labelled):
        records, rejects = judge(question, window, [one.values for one in window])
        by_document = {one.document: one for one in window}
        for reject in rejects:
            refused += reject.reason == "contamination"
            if missed:
                print(f"  refused {reject.document}: {reject.reason}: {reject.detail}")
        for record in [*records, *(reject.kept for reject in rejects if reject.kept)]:
            given = [item for item in record.evidence if item.state == "given"]
            values += len(given)
            for item in given:
                if stands(item, record, by_document[record.document]):
                    stand += 1
                    found += item.grade != "missing"
                    if missed and item.grade == "missing":
                        print(f"  missed {record.document}: {item.field} = {item.value!r}")
                elif missed:
                    print(
                        f"  (folded, it stands nowhere) {record.document}: {item.field} = {item.value!r}; {item.grade} {item.quote!r}"
                    )
    print(
        f"labels as answers: {values} values; {stand} stand in the text, of these {found} have a span ({found / stand:.2%})"
    )
    print(f"good answers refused as contamination: {refused} of {values} values ({refused / values:.2%})")


def print_doubted(labelled: list[Gold], *, missed: bool) -> None:
    """Labels and the gold values of the samples as answers: how many right values would be in `review`, and by what they are proved."""
    for label, given in (("labels", labelled), ("samples", list(samples()))):
        items: list[Evidence] = []
        for question, window in windows(given):
            records, rejects = judge(question, window, [one.values for one in window])
            for record in [*records, *(reject.kept for reject in rejects if reject.kept)]:
                own = rated(balanced(question, record)).evidence
                items += [item for item in own if item.state == "given"]
                for item in own if missed else ():
                    if item.state == "given" and in_review(item):
                        print(
                            f"  in review {record.document}: {item.field} = {item.value!r}; {item.grade} {item.notes} {item.detail}"
                        )
        doubted = sum(map(in_review, items))
        by = Counter(item.by or "nothing" for item in items)
        grades = Counter(item.grade for item in items)
        print(
            f"right values of the {label}: {len(items)}, in review {doubted} ({doubted / len(items):.2%}); {dict(grades)}; by {dict(by)}"
        )


def in_review(item: Evidence) -> bool:
    """Whether the view `review` has a value."""
    return bool(DOUBTS & {*item.notes}) or (item.by != "meaning" and (item.confidence or 0) < 0.9)


def samples() -> Iterator[Gold]:
    """The gold values of data/samples, for the PDFs among them."""
    for name, gold_of in json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8")).items():
        if name.endswith(".pdf") and gold_of["schema"] in KINDS.values():
            with pypdfium2.PdfDocument(SAMPLES / name) as pdf:
                texts = [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in pdf]
            shown = tuple(
                Part(name, number, len(texts), 0, len(text), text, 0)
                for number, text in enumerate(texts, start=1)
            )
            yield Gold(name, gold_of["schema"], gold_of["values"], shown)


def stands(item: Evidence, record: Record, document: Gold) -> bool:
    """Whether a value stands in a document, decided by folding and by writing it in the usual ways."""
    value: Any = record.value
    for step in re.findall(r"\[(\d+)\]|([^.\[\]]+)", item.field):
        value = value[int(step[0])] if step[0] else value[step[1]]
    text = document.text
    if isinstance(value, date):
        names = {
            "en": "%d %B %Y",
            "us": "%B %d, %Y",
            "day": "%d.%m.%Y",
            "slash": "%d/%m/%Y",
            "month": "%m/%d/%Y",
            "iso": "%Y-%m-%d",
        }
        short = (
            "%d/%m/%y",
            "%d.%m.%y",
            "%d-%m-%Y",
            "%d %b %Y",
            "%b %d, %Y",
            "%B %d %Y",
            "%d-%b-%Y",
            "%Y年%m月%d日",
        )
        return any(_folded(value.strftime(form)) in _folded(text) for form in (*names.values(), *short))
    if isinstance(value, Decimal):
        figures = f"{value:.2f}".replace(".", "")
        grouped = re.compile(
            "".join(rf"{figure}[.,' ]?" for figure in figures[:-2])
            + rf"[.,]?{figures[-2]}{figures[-1]}(?!\d)"
        )
        whole = re.compile(rf"(?<![\d.,]){value:.0f}(?![\d])") if value == value.to_integral_value() else None
        return bool(grouped.search(text) or (whole and whole.search(text)))
    return _folded(str(value)) in _folded(text)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())


def print_planted(labelled: list[Gold], *, missed: bool) -> None:
    """A value of a neighbour in the place of one's own, field by field: how many are caught."""
    planted = caught = 0
    for question, window in windows(labelled):
        for field in question.fields:
            if field.name in ("currency", "line_items"):
                continue
            answers: list[dict[str, Any]] = []
            wrong: dict[str, Any] = {}
            for own, other in zip(window, [*window[1:], *window[:1]], strict=True):
                foreign = other.values.get(field.name)
                telling = foreign is not None and is_foreign(foreign, own, other)
                answers.append(own.values | ({field.name: foreign} if telling else {}))
                wrong |= {own.document: foreign} if telling else {}
            _, rejects = judge(question, window, answers)
            refused = {reject.document for reject in rejects if reject.reason == "contamination"}
            planted += len(wrong)
            caught += len(refused & set(wrong))
            for document in set(wrong) - refused if missed else ():
                print(f"  not caught {document}: {field.name} = {wrong[document]!r}")
    print(f"values planted from a neighbour: {planted}, caught {caught} ({caught / planted:.2%})")


def is_foreign(value: Any, own: Gold, other: Gold) -> bool:
    """Whether a value stands in one document and not in another, and is not one that many have: short, or nought."""
    words = value if isinstance(value, list) else [value]
    for word in words:
        plain = _folded(str(word))
        try:
            number = Decimal(str(word))
        except InvalidOperation:
            number = None
        shown = Evidence("it", str(word), "missing")
        native: Any = number if number is not None and "." in str(word) else _day(str(word)) or word
        here, there = (stands(shown, Record("", "", {"it": native}, (), ""), one) for one in (own, other))
        if there and not here and len(plain) >= 4 and number != 0 and plain not in _folded(own.text):
            return True
    return False


def _day(text: str) -> date | None:
    return parse_date(text)


FACT = Field(
    "facts",
    "list",
    item=Field(
        "fact", "record", fields=(Field("name", "text"), Field("amount", "decimal"), Field("day", "date"))
    ),
)


def print_pages() -> None:
    """Facts planted at known pages of long documents, their amounts and days repeated on other pages: how many lead to the right page."""
    chance = random.Random(7)
    right = total = 0
    for path in sorted((CORPUS / "long").glob("*.pdf"))[:6]:
        with pypdfium2.PdfDocument(path) as pdf:
            texts = [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in list(pdf)[:60]]
        facts, pages = [], []
        for number in sorted(chance.sample(range(len(texts)), min(20, len(texts)))):
            amount, day = (
                Decimal(chance.randint(1, 30)) * 250,
                date(2021, chance.randint(1, 12), chance.randint(1, 28)),
            )
            name = f"Consignment {chance.choice(['Alder', 'Birch', 'Cedar'])} {number + 100}"
            lines = texts[number].split("\n")
            at = chance.randrange(len(lines) + 1)
            texts[number] = "\n".join(
                [*lines[:at], f"{name} of {day:%d.%m.%Y}   EUR {amount:,.2f}", *lines[at:]]
            )
            facts.append({"name": name, "amount": str(amount), "day": day.isoformat()})
            pages.append(number + 1)
        shown = tuple(
            Part("d", number, len(texts), 0, len(text), text, 0) for number, text in enumerate(texts, start=1)
        )
        question = Question("facts", "", (FACT,), {}, 0, "q", _AnyModel)
        window = Window(shown, 0)
        reply = Reply(
            "f",
            json.dumps({"documents": [{"id": "k", "record": {"facts": facts}}]}),
            "stop",
            Usage(0, 0),
            "m",
            "e",
            0.0,
        )
        (record,), _ = check(Request("f", question, window, {"k": "d"}, {}, 0, 0), reply)
        for item in record.evidence:
            total += 1
            right += item.page == pages[int(re.findall(r"\d+", item.field)[0])]
    print(
        f"facts planted on known pages of long documents: {total} values, on the right page {right} ({right / max(1, total):.2%})"
    )


class _AnyModel(RootModel[dict[str, Any]]):
    """Takes every record as it is."""


def print_speed() -> None:
    """CPU seconds to check a reply of 500 values about a window of 256K tokens, all of them right, and a tenth found nowhere."""
    with pypdfium2.PdfDocument(
        max((CORPUS / "long").glob("*.pdf"), key=lambda path: path.stat().st_size)
    ) as pdf:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in list(pdf)[:400])
    text = (text * (1_000_000 // max(1, len(text)) + 1))[:1_000_000]
    size = len(text) // 50
    shown = tuple(
        Part(f"d{number}", 1, 1, 0, size, text[number * size : (number + 1) * size], 0)
        for number in range(50)
    )
    words = [re.findall(r"\w[\w ]{12,30}\w", part.text)[5:12] for part in shown]
    field = Field("facts", "list", item=Field("fact", "text"))
    amounts = Field("amounts", "list", item=Field("amount", "decimal"))
    question = Question("facts", "", (field, amounts), {}, 0, "q", _AnyModel)
    nowhere, prose = "Nowhere to be found {}", ".".join(text[:2_000].split(".")[::2])[:600]
    cases: tuple[tuple[int, TextFrom, str, str], ...] = (
        (0, "file", nowhere, "all found"),
        (1, "file", nowhere, "a tenth found nowhere"),
        (1, "ocr", nowhere, "the same from OCR"),
        (1, "file", prose + " {}", "that tenth 600 characters of sentences that stand apart"),
    )
    for lost, text_from, lie, label in cases:
        records, shown = [], tuple(replace(part, text_from=text_from) for part in shown)
        for part, own in zip(shown, words, strict=True):
            numbers = re.findall(r"(?<![\d.,])\d{2,4}(?![\d.,])", part.text)[: 10 - len(own)]
            records.append({"facts": [*own[lost:], *[lie.format(part.document)] * lost], "amounts": numbers})
        ids = {f"k{number}": part.document for number, part in enumerate(shown)}
        entries = [{"id": key, "record": record} for key, record in zip(ids, records, strict=True)]
        reply = Reply("f", json.dumps({"documents": entries}), "stop", Usage(0, 0), "m", "e", 0.0)
        started = time.process_time()
        records_, _ = check(Request("f", question, Window(shown, 0), ids, {}, 0, 0), reply)
        spent = time.process_time() - started
        values = sum(item.state == "given" for record in records_ for item in record.evidence)
        print(f"window of {len(text):,} characters, {values} values, {label}: {spent:.2f} s CPU")


def print_confidence(labelled: list[Gold]) -> None:
    """Answers of the offline rules: how often those of each confidence are what the label says."""
    right: dict[float, list[bool]] = defaultdict(list)
    for question, window in windows(labelled):
        answers = [offline.ask(one.text, offline.MODELS[one.schema]) for one in window]
        records, rejects = judge(
            question, window, [json.loads(json.dumps(answer, default=str)) for answer in answers]
        )
        by_document = {one.document: one for one in window}
        for record in map(rated, [*records, *(reject.kept for reject in rejects if reject.kept)]):
            for item in record.evidence:
                wanted = by_document[record.document].values.get(item.field)
                if wanted is not None and not isinstance(wanted, list) and item.confidence is not None:
                    given = record.value[item.field]
                    right[item.confidence].append(
                        offline.same(str(given) if isinstance(given, date) else _float(given), wanted)
                    )
    for confidence, marks in sorted(right.items(), reverse=True):
        print(f"confidence {confidence:.3f}: {len(marks):4} values, right {sum(marks) / len(marks):.0%}")


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


if __name__ == "__main__":
    main()

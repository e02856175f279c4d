"""Labels and an output folder in; scores by field out: `octavo eval`.

Labels are a JSON file {path: {"schema": ..., "values": {...}, "pages": {...}}}, a list of such entries with their "document", the same
as JSON lines, or a folder of JSON files with an entry each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from octavo.flows.corrections.labels_of import Band, bands
from octavo.processors.score import answers as score
from octavo.processors.store.warehouse import Warehouse, corrections_of
from octavo.schemas.compile.compiler import compile_question, table_of
from octavo.schemas.errors import SchemaError, SettingsError, system_message
from octavo.schemas.labels import Labels
from octavo.schemas.pipeline import Question

PROVED = ("exact", "loose")
NAMED = 20  # labelled documents that a sentence names


@dataclass(frozen=True, slots=True)
class Scored:
    """One labelled document: its marks, and the evidence of its answer by field."""

    labels: Labels
    question: Question
    found: Mapping[str, Any] | None
    marks: Sequence[score.Mark]
    evidence: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Report:
    """All scores. What is asked of it is worked out once."""

    scored: Sequence[Scored]
    missing: Sequence[
        str
    ] = ()  # labelled paths that the output folder does not know, whose values count as missed
    cost_usd: float = 0.0
    pages: int = 0
    bands: Sequence[Band] = ()  # how right values were by confidence, where people corrected some
    marks: Mapping[str, list[score.Mark]] = field(init=False)

    def __post_init__(self) -> None:
        by_field: dict[str, list[score.Mark]] = {}
        for one in self.scored:
            for mark in one.marks:
                by_field.setdefault(f"{one.question.name}.{mark.field}", []).append(mark)
        object.__setattr__(self, "marks", by_field)

    @cached_property
    def tallies(self) -> dict[str, score.FieldCounts]:
        """Tallies by name: `all`, then each question, then its fields, such as `invoice.line_items[].amount`."""
        by_question: dict[str, list[score.Mark]] = {}
        for name, marks in self.marks.items():
            by_question.setdefault(name.partition(".")[0], []).extend(marks)
        everything = [mark for marks in self.marks.values() for mark in marks]
        return {
            name: score.tally(marks)
            for name, marks in {"all": everything, **by_question, **self.marks}.items()
        }

    @cached_property
    def proved(self) -> tuple[int, int]:
        """Right values with a place in their document, and right values."""
        right = [one.evidence.get(mark.path) for one in self.scored for mark in one.marks if mark.right]
        return sum(row is not None and row["grade"] in PROVED for row in right), len(right)

    @cached_property
    def pages_right(self) -> tuple[int, int]:
        """Right values proved on the page that the labels name, and right values whose page is labelled."""
        wanted = [
            (one, mark, one.labels.pages.get(mark.gold_path))
            for one in self.scored
            for mark in one.marks
            if mark.right
        ]
        labelled = [
            (one.evidence.get(mark.path, {}).get("page"), page)
            for one, mark, page in wanted
            if page is not None
        ]
        return sum(found == page for found, page in labelled), len(labelled)

    def sentences(self) -> Iterator[str]:
        """What the scores do not say: how much is proved, what it cost, and which labels were of no use."""
        (proved, right), (on_page, labelled) = self.proved, self.pages_right
        yield f"{len(self.scored)} labelled documents scored; {proved} of {right} right values are proved in their document."
        if labelled:
            yield f"{on_page} of {labelled} stand on the page that the labels name."
        if self.cost_usd and self.pages:
            yield f"${self.cost_usd:.4f} for {self.pages:,} pages, ${self.cost_usd / self.pages:.6f} a page."
        yield from (
            f"Confidence {one.low:.2f} to {one.high:.2f}: {one.right} of {one.judged} judged values were right ({one.share:.0%})."
            for one in self.bands
            if one.share is not None
        )
        if self.missing:
            named = ", ".join(self.missing[:NAMED]) + (" and others" if len(self.missing) > NAMED else "")
            yield f"Not in the tables, so that their values count as missed: {len(self.missing)} labelled documents ({named})."

    @property
    def nothing(self) -> str:
        """Why nothing was scored, so that no figure says anything; "" when something was."""
        if not any(self.marks.values()):
            return "Nothing was scored: no label names a schema and values."
        if len(self.missing) == len(self.scored):
            return "Nothing was scored: none of the labelled documents is in the tables. Is --out theirs, and are paths as in `documents`?"
        return ""

    def as_json(self) -> dict[str, Any]:
        """The report as JSON, with every wrong value."""
        return {
            "scores": {name: _shown(found) for name, found in self.tallies.items()},
            "documents": len(self.scored),
            "missing": list(self.missing),
            "proved": _share(self.proved),
            "pages_right": _share(self.pages_right),
            "pages": self.pages,
            "cost_usd": self.cost_usd,
            "calibration": [asdict(one) for one in self.bands],
            "cost_usd_per_page": self.cost_usd / self.pages if self.pages else None,
            "wrong": [_wrong(one, mark) for one in self.scored for mark in one.marks if not mark.right],
        }


def evaluate(gold: Path, out: Path) -> Report:
    """Score the answers in an output folder by labels. Raises SettingsError, SchemaError and StorageError."""
    labels = list(read_labels(gold))
    warehouse = Warehouse(out)
    documents = {row["path"]: row for row in warehouse.rows("documents")}
    if not documents:
        step = "`octavo run INBOX --out DIR` makes them."
        raise SettingsError(f"There are no tables in {out}.", about="out", next_step=step)
    asked = [one for one in labels if one.question is not None]
    own = _own_schemas(warehouse)
    questions = {spec: _question(spec, own) for spec in dict.fromkeys(one.question for one in asked) if spec}
    answers = {
        question.name: {row["document"]: row for row in warehouse.rows(question.name)}
        for question in questions.values()
    }
    proofs, said = _proofs(warehouse), _as_answered(out, answers)
    for (name, document), row in said.answers.items():
        answers[name][document] = dict(row)
        proofs[name, document] = said.proofs[name, document]
    scored = []
    for one in asked:
        question, sha256 = questions[one.question or ""], documents.get(one.document, {}).get("document", "")
        found = answers[question.name].get(sha256)
        marks = score.compare(question.fields, one.values, found)
        scored.append(Scored(one, question, found, marks, proofs.get((question.name, sha256), {})))
    shas = {documents[one.document]["document"] for one in asked if one.document in documents}
    return Report(
        scored,
        [one.document for one in asked if one.document not in documents],
        _cost_usd(warehouse, shas, {question.name for question in questions.values()}),
        sum(
            {
                row["document"]: row["page_count"] for row in documents.values() if row["document"] in shas
            }.values()
        ),
        said.bands,
    )


@dataclass(frozen=True, slots=True)
class _AsAnswered:
    """What the models said about answers that people corrected, by question and document; and what became of it by confidence."""

    answers: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    proofs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    bands: Sequence[Band] = ()


def _as_answered(out: Path, answers: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> _AsAnswered:
    """The answers without what people corrected, which is no merit of a model."""
    store = corrections_of(out)
    if store is None:
        return _AsAnswered()
    with closing(store):
        said = _AsAnswered(bands=bands(store.each()))
        for document, name in store.corrected():
            answer = store.answer(document, name)
            if answer and document in answers.get(name, {}):
                said.answers[name, document] = answers[name][document] | answer["value"]
                said.proofs[name, document] = {item["field"]: item for item in answer["evidence"]}
        return said


def read_labels(gold: Path) -> Iterator[Labels]:
    """The labels in a file or folder. Raises SettingsError, naming the file and the entry, for what are no labels."""
    if gold.is_dir():
        paths = sorted(gold.glob("*.json"))
        if not paths:
            raise SettingsError(
                f"{gold} has no .json files.",
                about="gold",
                next_step="Name a file of labels, or a folder of them.",
            )
        for path in paths:
            yield from _entries(path)
    else:
        yield from _entries(gold)


def _entries(path: Path) -> Iterator[Labels]:
    try:
        text = path.read_text(encoding="utf-8")
        loaded = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else json.loads(text)
        )
    except (OSError, ValueError) as error:
        step = "Check its path, and that it holds JSON as README shows."
        raise SettingsError(
            f"{path} cannot be read as labels: {system_message(error)}.", about="gold", next_step=step
        ) from None
    if isinstance(loaded, dict) and "document" in loaded:
        loaded = [loaded]
    if isinstance(loaded, dict):
        loaded = [
            {"document": name, **entry} if isinstance(entry, dict) else entry
            for name, entry in loaded.items()
        ]
    for number, entry in enumerate(loaded if isinstance(loaded, list) else [loaded], start=1):
        try:
            yield Labels.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            message = f"Entry {number} of {path} is no label: {place or 'it'}: {first['msg']}."
            raise SettingsError(
                message, about="gold", next_step='An entry has "document", "schema" and "values".'
            ) from None


def shortfalls(report: Report, least: Sequence[str]) -> list[str]:
    """A sentence for each threshold, such as `all=0.9` or `invoice.total=0.95`, that an F1 does not reach. Raises SettingsError."""
    sentences = []
    for threshold in least:
        name, _, wanted = threshold.rpartition("=")
        if name not in report.tallies or not re.fullmatch(r"[01]|0?\.\d+|1\.0+", wanted):
            step = f"Write NAME=F1 with one of: {', '.join(report.tallies)}."
            raise SettingsError(f"{threshold!r} is no threshold.", about="min", next_step=step)
        if report.tallies[name].f1 < float(wanted):
            sentences.append(f"F1 of {name} is {report.tallies[name].f1:.3f}, below {wanted}.")
    return sentences


def draw(report: Report, path: Path) -> None:
    """Write a chart of the F1 of each field. Raises SettingsError."""
    everything = report.tallies["all"]
    title = f"{everything.right} of {everything.gold} labelled values right, F1 {everything.f1:.2f}"
    score.draw({name: report.tallies[name].f1 for name in report.marks}, title, path)


def write_pairs(report: Report, folder: Path) -> None:
    """For scorers of others: a folder a document with `schema.json`, `gold.json` and `extracted.json`, as ExtractBench takes them."""
    for one in report.scored:
        place = folder / re.sub(r"[^\w.-]+", "_", one.labels.document) / one.question.name
        place.mkdir(parents=True, exist_ok=True)
        contents = score.exchanged(one.question.fields, one.labels.values, one.found)
        for name, content in zip(("schema", "gold", "extracted"), contents, strict=True):
            (place / f"{name}.json").write_text(
                json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8"
            )


def _own_schemas(warehouse: Warehouse) -> dict[str, str]:
    """By the name of its table, the schema file that filled it last. A file of the user's own may be called as a schema that ships."""
    found: dict[str, str] = {}
    for row in sorted(warehouse.rows("runs", ["started_at", "job"]), key=lambda row: str(row["started_at"])):
        for spec in json.loads(row["job"] or "{}").get("extract") or ():
            found[table_of(spec)] = spec
    return found


def _question(spec: str, own: Mapping[str, str]) -> Question:
    """The question that labels name: by the schema that filled the table of that name, else as `octavo run` takes it."""
    used = own.get(spec, spec)
    try:
        return compile_question(used)
    except SchemaError as error:
        if used == spec:
            raise
        message = f"The table {spec} was filled by {used}, which cannot be read from here: {error.message}"
        raise SettingsError(
            message, about=used, next_step="Run `octavo eval` where `octavo run` was run."
        ) from error


def _proofs(warehouse: Warehouse) -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    proofs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in warehouse.rows("evidence", ["question", "document", "field", "grade", "page"]):
        proofs.setdefault((row["question"], row["document"]), {})[row["field"]] = row
    return proofs


def _cost_usd(warehouse: Warehouse, documents: set[str], questions: set[str]) -> float:
    """What was paid for these documents: of a window's price the share that they have in it."""
    bills = warehouse.rows("requests", ["question", "documents", "cost_usd"])
    paid = (
        row for row in bills if row["question"].partition(".")[0] in questions
    )  # with `.again` and `.second`
    return float(
        sum(
            row["cost_usd"] * len(documents.intersection(row["documents"])) / (len(row["documents"]) or 1)
            for row in paid
        )
    )


def _wrong(one: Scored, mark: score.Mark) -> dict[str, Any]:
    place = f"{one.question.name}.{mark.path or mark.gold_path}"
    return {"document": one.labels.document, "field": place, "gold": mark.gold, "found": mark.found}


def _shown(found: score.FieldCounts) -> dict[str, Any]:
    shares = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return {"gold": found.gold, "found": found.found, "right": found.right} | {
        name: round(share, 4) for name, share in shares.items()
    }


def _share(counts: tuple[int, int]) -> dict[str, Any]:
    some, everything = counts
    return {"right": some, "of": everything, "share": round(some / everything, 4) if everything else None}

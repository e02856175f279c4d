"""How often values of each confidence are right, on makers that the constants were learnt from and on makers held out.

    python -m tests.benchmarks.confidence            # the calibration table, and what `review` holds
    python -m tests.benchmarks.confidence --learn    # of the half to learn from: right and all, by what is known of a value

Two readers answer about what `makers` gives, each document alone. The offline rules, with the mistakes that they make. And a simulated
reader, since there are no replies of Kimi to learn from: it gives the labels, and a wrong value in one of seven fields. Its errors are
another value of the kind from the same document (a near label, another date), that of another row, two figures exchanged, the value of
another document, and a value that nobody printed. So its figures say how well wrong values are told from right ones, and nothing about how
often a model is wrong. A value of the view `review` is one with less than 0.9.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

from octavo.processors.check.confidence import SURE, summed
from octavo.processors.check.records import check, rated
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.pipeline import Evidence, Question, Record, Reply, Request, Usage, Window
from octavo.schemas.text.values import amounts_in, dates_in, parse_amount, parse_date
from tests.benchmarks import offline_quality as offline
from tests.benchmarks.makers import Labelled, labelled

WRONG = 1 / 7  # of the fields of the simulated reader
BANDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)
READERS = ("offline rules", "simulated")
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a reader gave, what is known of it, and whether it is right."""

    reader: str
    document: Labelled
    evidence: Evidence
    known: tuple[str, ...]
    right: bool

    @property
    def confidence(self) -> float:
        """How sure Octavo is of it."""
        return self.evidence.confidence or 0.0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How often values of each confidence are right.")
    parser.add_argument("--learn", action="store_true", help="print what the constants are learnt from")
    if parser.parse_args().learn:
        print_known([one for one in values() if one.document.half == "tuned"])
    else:
        print_table(list(values()))


def values() -> Iterator[Value]:
    """All values of both readers that labels say something about."""
    documents = labelled()
    for number, one in enumerate(documents):
        answer = offline.ask(one.text, offline.MODELS[one.schema])
        yield from _judged("offline rules", one, answer, set())
        yield from _judged("simulated", one, *_simulated(one, documents, random.Random(number)))


def _judged(reader: str, one: Labelled, answer: Answer, planted: set[str]) -> Iterator[Value]:
    """The values of an answer with their confidence."""
    for record in map(rated, _records(one, answer)):
        sums = summed(record.value)
        for item in record.evidence:
            right = (
                _is_right(one, record, item.field)
                if reader == READERS[0]
                else _top(item.field) not in planted and item.field not in planted
            )
            if item.state == "given" and right is not None:
                yield Value(reader, one, item, _known(item, summed=item.field in sums), right)


def _known(item: Evidence, *, summed: bool) -> tuple[str, ...]:
    """What is known of a value: its form, how it is proved, and what is noted."""
    form = (
        "day"
        if re.fullmatch(r"\d{4}-\d\d-\d\d", item.value)
        else "amount"
        if re.fullmatch(r"[\d.-]+", item.value)
        else "words"
    )
    sign = "number" if any(map(str.isdigit, item.value)) and " " not in item.value and form == "words" else ""
    return (
        *filter(None, (form, sign)),
        item.by or "-",
        item.grade,
        *sorted(item.notes),
        *(("summed",) if summed else ()),
    )


def _records(one: Labelled, answer: Answer) -> list[Record]:
    """What the check makes of an answer about one document, also of one of which fields are refused."""
    text = json.dumps({"documents": [{"id": "k", "record": answer}]}, default=_plain)
    shown = Request("f", _question(one.schema), Window(one.parts, 0), {"k": one.document}, {}, 0, 0)
    records, rejects = check(shown, Reply("f", text, "stop", Usage(0, 0), "m", "e", 0.0))
    return [*records, *(reject.kept for reject in rejects if reject.kept)]


@cache
def _question(schema: str) -> Question:
    return compile_question(schema)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value.isoformat()


def _top(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _is_right(one: Labelled, record: Record, path: str) -> bool | None:
    """Whether a value is what the label says; None where labels say nothing of it."""
    name = _top(path)
    if name not in one.values:
        return None
    wanted = one.values[name]
    row = re.fullmatch(r"line_items\[(\d+)\]\.(description|amount)", path)
    if row and wanted:
        place, given = int(row[1]), record.value[name][int(row[1])][row[2]]
        told = wanted[0][place][row[2] == "amount"] if place < len(wanted[0]) else None
        return told is not None and offline.same(given, told)
    if path.startswith("parties["):
        given = record.value[name][int(path[8:-1])]
        return any(offline.same([given], [party]) for party in wanted[0])
    if path != name:
        return None
    given = record.value[name]
    return any(offline.same(given.isoformat() if isinstance(given, date) else given, told) for told in wanted)


# --- the simulated reader --------------------------------------------------------------------------------------------


def _simulated(one: Labelled, others: list[Labelled], chance: random.Random) -> tuple[Answer, set[str]]:
    """The labels as an answer, with planted errors, and the paths of these."""
    answer = {name: told[0] for name, told in one.values.items() if told}
    answer = {name: _typed(name, told) for name, told in answer.items()}
    planted: set[str] = set()
    for name, told in list(answer.items()):
        if name == "line_items":
            rows = [{"description": what, "amount": amount} for what, amount in told]
            if chance.random() < WRONG and rows[0]["amount"] != rows[1]["amount"]:
                rows[0]["amount"], rows[1]["amount"] = rows[1]["amount"], rows[0]["amount"]
                planted |= {"line_items[0].amount", "line_items[1].amount"}
            answer[name] = rows
        elif not isinstance(told, list) and chance.random() < WRONG:
            wrong = next(_errors(name, told, one, others, chance), None)
            if wrong is not None and not offline.same(wrong, told) and len(str(wrong)) > 1:
                answer[name] = wrong
                planted.add(name)
    return answer, planted


def _typed(name: str, told: Any) -> Any:
    """A label in the type of its field."""
    if isinstance(told, list | Decimal | date):
        return told
    if name.endswith(("_total", "total")):
        return parse_amount(str(told))
    return parse_date(str(told)) or told if name.endswith("date") else str(told)


def _errors(
    name: str, told: Any, one: Labelled, others: list[Labelled], chance: random.Random
) -> Iterator[Any]:
    """Wrong values of a field in an order of chance."""
    kinds = ["near", "near", "digits", "neighbour", "invented"]
    chance.shuffle(kinds)
    for kind in kinds:
        if kind == "near":
            found = [same for same in _alike(name, told, one.text) if not offline.same(same, told)]
            yield from found and [chance.choice(found)]
        elif kind == "digits":
            yield from _exchanged(told, chance)
        elif kind == "neighbour":
            theirs = [
                other.values[name][0] for other in others if other is not one and other.values.get(name)
            ]
            yield _typed(name, chance.choice(theirs))
        else:
            yield _invented(told, chance)


def _alike(name: str, told: Any, text: str) -> list[Any]:
    """Values of the same kind that the document prints."""
    if isinstance(told, Decimal):
        return [found.value for found in amounts_in(text) if re.search(r"[.,]\d\d", found.text)]
    if isinstance(told, date):
        return [found.value for found in dates_in(text, day_first=True)]
    if name.endswith("number"):
        return [token for token in re.findall(r"[\w/-]*\d[\w/-]{2,}", text) if token != told]
    lines = (cell.strip() for line in text.split("\n") for cell in line.split(" | "))
    return [line for line in lines if 5 < len(line) < 40 and sum(map(str.isalpha, line)) > 0.8 * len(line)]


def _exchanged(told: Any, chance: random.Random) -> Iterator[Any]:
    """A value with two of its figures exchanged, or a date with day and month or years."""
    if isinstance(told, date):
        yield told.replace(day=told.month, month=told.day) if told.day <= 12 else told + timedelta(days=9)
        return
    figures = str(told)
    pairs = [
        n for n in range(len(figures) - 1) if figures[n : n + 2].isalnum() and figures[n] != figures[n + 1]
    ]
    if pairs and any(map(str.isdigit, figures)):
        n = chance.choice(pairs)
        wrong = figures[:n] + figures[n + 1] + figures[n] + figures[n + 2 :]
        yield Decimal(wrong) if isinstance(told, Decimal) else wrong


def _invented(told: Any, chance: random.Random) -> Any:
    """A value that nobody printed."""
    if isinstance(told, Decimal):
        return Decimal(chance.randint(1000, 900_000)).scaleb(-2)
    if isinstance(told, date):
        return told + timedelta(days=chance.randint(40, 300))
    return chance.choice(["Acme Trading Ltd", "J. Miller", "Example Holdings"])


# --- tables ----------------------------------------------------------------------------------------------------------


def print_known(some: Iterable[Value]) -> None:
    """Right and all by what is known of a value, for each reader."""
    right: Counter[tuple[str, tuple[str, ...]]] = Counter()
    every: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for one in some:
        every[one.reader, one.known] += 1
        right[one.reader, one.known] += one.right
    for (reader, known), count in sorted(every.items(), key=lambda pair: (pair[0][0], -pair[1])):
        print(
            f"{reader:14} {right[reader, known]:4} of {count:4} {right[reader, known] / count:5.0%}  {' '.join(known)}"
        )


def print_table(every: list[Value]) -> None:
    """The share of right values by confidence, and what those to be looked at hold, for makers held out."""
    sources: Mapping[str, Any] = {"corpus": "corpus", "made": "made bills"}
    print(
        "| reader | documents | "
        + " | ".join(f"{low:.2f} to {high:.2f}" for low, high in _bands())
        + f" | at {SURE} and above | in `review` | of the wrong |"
    )
    print("| --- " * (len(BANDS) + 4) + "|")
    for reader in READERS:
        for half in ("held out", "tuned"):
            for source, words in sources.items():
                some = [
                    one
                    for one in every
                    if (one.reader, one.document.half, one.document.source) == (reader, half, source)
                ]
                if some:
                    print(f"| {reader} | {words}, {half} | {_row(some)} |")


def _bands() -> list[tuple[float, float]]:
    return list(pairwise(BANDS))


def _row(some: list[Value]) -> str:
    bands = [_share([one for one in some if low <= one.confidence < high]) for low, high in _bands()]
    looked_at = [one for one in some if one.confidence < SURE]
    wrong = sum(not one.right for one in some)
    caught = sum(not one.right for one in looked_at)
    sure = _share([one for one in some if one.confidence >= SURE])
    return " | ".join(
        [
            *bands,
            sure,
            f"{len(looked_at) / len(some):.0%} of {len(some)}",
            f"{caught} of {wrong} ({caught / max(1, wrong):.0%})",
        ]
    )


def _share(some: list[Value]) -> str:
    return f"{sum(one.right for one in some) / len(some):.0%} of {len(some)}" if some else ""


if __name__ == "__main__":
    main()

"""What each offline rule earns: every function and label group is taken out in turn, and the labelled documents are scored again.

    python -m tests.benchmarks.offline_ablation           # rules: functions, some minutes
    python -m tests.benchmarks.offline_ablation labels    # groups of labels: the tiers of a concept

In: what `makers` gives. Out: a line for each, with how many right fields it brings (right with it less right without) in both halves, and
how many more wrong values are given without it. A rule that earns nothing in either half is one to delete, if the samples do not need it
either. "Taken out" means that it finds nothing: null, false, an empty list. What others cannot do without ends in `needed`.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from octavo.processors.ask import offline
from octavo.processors.ask.offline import field_labels, text_sheet
from tests.benchmarks.makers import Labelled, labelled
from tests.benchmarks.offline_quality import HALVES, measure

PACKAGE = offline.__name__
NO_RULES = ("provider", "text_sheet", "field_labels")  # what every rule stands on
MODULES = [
    import_module(f"{PACKAGE}.{path.stem}") for path in sorted(Path(offline.__path__[0]).glob("[a-z]*.py"))
]
Counts = dict[str, tuple[int, int]]  # by half: right fields, wrong values


def main() -> None:
    """Print what each rule earns."""
    parser = argparse.ArgumentParser(description="What each offline rule earns.")
    parser.add_argument("what", nargs="?", default="rules", choices=("rules", "labels"))
    what = parser.parse_args().what
    documents = labelled()
    whole = count(documents)
    print(f"{'':40} right fields: tuned, held out; wrong values less: tuned, held out")
    for name, without in rules() if what == "rules" else labels():
        with without():
            try:
                left = count(documents)
            except Exception as error:  # noqa: BLE001 - whatever breaks says that others need it
                print(f"{name:40} needed ({type(error).__name__})")
                continue
        rights = [whole[half][0] - left[half][0] for half in HALVES]
        wrongs = [left[half][1] - whole[half][1] for half in HALVES]
        print(
            f"{name:40} {rights[0]:+4} {rights[1]:+4}   {wrongs[0]:+4} {wrongs[1]:+4}{'' if any(rights + wrongs) else '   nothing'}"
        )
        sys.stdout.flush()


def count(documents: list[Labelled]) -> Counts:
    """Right fields and wrong values by half."""
    scores = list(measure(documents))
    return {
        half: (
            sum(one.right and bool(one.wanted) for one in scores if one.document.half == half),
            sum(bool(one.given) and not one.right for one in scores if one.document.half == half),
        )
        for half in HALVES
    }


def rules() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every function of the offline modules, and every method of a sheet, with what takes it out."""
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not module.__name__.endswith(NO_RULES):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", partial(_silent, function)


@contextmanager
def _silent(function: Any) -> Iterator[None]:
    """Without a function, wherever a module has it by name."""
    nothing = _nothing(str(inspect.signature(function).return_annotation))
    places = [
        (module, name) for module in MODULES for name, value in vars(module).items() if value is function
    ]
    for module, name in places:
        setattr(module, name, lambda *_, **__: nothing())
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, function)


def _nothing(annotation: str) -> Callable[[], Any]:
    """What a function of this type gives that finds nothing."""
    kinds = {"Iterator": tuple, "list": list, "Sequence": list, "Mapping": dict, "dict": dict, "bool": bool}
    kind: Callable[[], Any] | None = next(
        (made for start, made in kinds.items() if annotation.startswith(start)), None
    )
    if annotation.startswith("Iterator"):
        return lambda: iter(())
    return kind or (str if annotation == "str" else lambda: None)


def labels() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every tier of every concept, with what takes its labels out."""
    for name, concept in field_labels.CONCEPTS.items():
        for tier in range(len(concept.tiers)):
            yield f"{name} {tier}", partial(_unlabelled, name, tier)


@contextmanager
def _unlabelled(name: str, tier: int) -> Iterator[None]:
    """Without the labels of a tier; they stay labels of nothing, so that no shorter one inside them is taken."""
    before = field_labels.LABELS
    after = {label: [one for one in meanings if one != (name, tier)] for label, meanings in before.items()}
    _use(after)
    try:
        yield
    finally:
        _use(before)


def _use(labels: Mapping[str, list[tuple[str, int]]]) -> None:
    """Have these labels, and no other, known."""
    for module in (field_labels, text_sheet):
        vars(module)["LABELS"] = labels
    text_sheet._labels_of.cache_clear()
    field_labels.concept_of.cache_clear()


if __name__ == "__main__":
    main()

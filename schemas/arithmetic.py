"""Rules between the fields of a record, one line each as a schema says them: a line and a record in, what does not hold out.

    "net_total + tax_total == grand_total"
    "sum(line_items.amount) in (net_total, grand_total)"       one of them
    "issue_date <= due_date"
    "jobs.start <= jobs.end"                                    of each job

A line is one comparison, in Python's words, of fields, numbers, `+ - *`, `sum(LIST.FIELD)` and `count(LIST)`. Numbers may be off by half
a cent for each of them in the line. Where a value is null nothing is compared.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field

HALF_A_CENT = Decimal("0.005")
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_ORDERS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.LtE: operator.le,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
}
_FUNCTIONS = ("sum", "count")
_SHAPE = "Write a comparison of its fields, such as net_total + tax_total == grand_total."


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that does not hold: the paths of the values that were compared, and a sentence."""

    paths: tuple[str, ...]
    why: str


class _NothingToCompareError(Exception):
    """A value is null."""


def refuse_rule(rule: object, fields: Sequence[Field], about: str) -> None:
    """Raise SchemaError when a line is no comparison, or names what is no field of the schema."""
    try:
        tree = _parsed(str(rule))
        unknown = {path for path in _paths(tree) if not _leads(path.split("."), fields)}
        _Comparison({}, tree, "", 0).side(tree.left)
    except _NothingToCompareError:
        pass
    except (SyntaxError, ValueError, TypeError) as error:
        raise SchemaError(
            f"The rule {rule!r} of {about} is no comparison: {error}.", about=about, next_step=_SHAPE
        ) from None
    if unknown:
        raise SchemaError(
            f"The rule {rule!r} of {about} names {min(unknown)!r}, which is no field.",
            about=about,
            next_step=_SHAPE,
        )


def broken_rules(rules: Sequence[str], record: Mapping[str, Any]) -> Iterator[BrokenRule]:
    """The rules that do not hold in a record; one between the fields of the items of a list is looked at item by item."""
    for rule in rules:
        tree = _parsed(rule)
        lists = {path.rpartition(".")[0] for path in _paths(tree, outside=True) if _list_at(record, path)}
        items = [(name, number) for name in lists for number in range(len(record[name] or ()))]
        for name, number in items or [("", 0)]:
            comparison = _Comparison(record, tree, name, number)
            try:
                if not comparison.holds():
                    yield BrokenRule(
                        tuple(dict.fromkeys(comparison.paths)), f"{rule} does not hold: {comparison}"
                    )
            except _NothingToCompareError:
                continue


@dataclass(slots=True)
class _Comparison:
    """One comparison of the values of a record, or of one item of a list of it."""

    record: Mapping[str, Any]
    tree: ast.Compare
    items: str  # the list whose items are compared one by one; empty for none
    number: int
    paths: list[str] = field(default_factory=list)
    numbers: int = 0

    def __str__(self) -> str:
        right = self.tree.comparators[0]
        others = right.elts if isinstance(right, ast.Tuple) else [right]
        return f"{self.side(self.tree.left)} beside {' and '.join(str(one) for one in map(self._or_none, others) if one is not None)}"

    def holds(self) -> bool:
        left, right, how = self.side(self.tree.left), self.tree.comparators[0], self.tree.ops[0]
        if isinstance(how, ast.In) and isinstance(right, ast.Tuple):
            others = [one for one in map(self._or_none, right.elts) if one is not None]
            if not others:
                raise _NothingToCompareError
            return any(self._equal(left, other) for other in others)
        other = self.side(right)
        if isinstance(how, ast.Eq):
            return self._equal(left, other)
        return _ORDERS[type(how)](left, other) or self._equal(left, other)

    def side(self, node: ast.expr) -> Any:
        """The value of one side. What is null ends the comparison."""
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self.side(node.left), self.side(node.right))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return Decimal(str(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return self._of_list(node.func.id, _dotted(node.args[0]))
        return self._value(_dotted(node))

    def _or_none(self, node: ast.expr) -> Any:
        try:
            return self.side(node)
        except _NothingToCompareError:
            return None

    def _of_list(self, function: str, path: str) -> Any:
        name, _, inner = path.partition(".")
        items = self.record.get(name) or []
        if not items:
            raise _NothingToCompareError
        if function == "count":
            self.paths.append(name)
            return Decimal(len(items))
        given = [(n, item[inner]) for n, item in enumerate(items) if item and item.get(inner) is not None]
        self.paths += [f"{name}[{n}].{inner}" for n, _ in given]
        self.numbers += len(given)
        if not given:
            raise _NothingToCompareError
        return sum((Decimal(str(one)) for _, one in given), Decimal(0))

    def _value(self, path: str) -> Any:
        value: Any = self.record
        shown = path
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
            if isinstance(value, list) and step == self.items:
                value, shown = value[self.number], path.replace(step, f"{step}[{self.number}]", 1)
        if value is None or isinstance(value, list | Mapping):
            raise _NothingToCompareError
        self.paths.append(shown)
        self.numbers += 1
        if isinstance(value, datetime):
            return value.replace(tzinfo=None)
        return Decimal(str(value)) if isinstance(value, int | float) else value

    def _equal(self, one: Any, other: Any) -> bool:
        if isinstance(one, Decimal) and isinstance(other, Decimal):
            return abs(one - other) <= HALF_A_CENT * self.numbers
        return bool(one == other)


@lru_cache(maxsize=256)
def _parsed(rule: str) -> ast.Compare:
    """The tree of a line. Raises SyntaxError or ValueError when it is no comparison of two sides."""
    tree = ast.parse(rule.strip(), mode="eval").body
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise ValueError("one comparison is wanted")
    how = tree.ops[0]
    if not isinstance(how, ast.Eq | ast.In) and type(how) not in _ORDERS:
        raise ValueError("it is none of == <= < >= > in")
    return tree


def _paths(tree: ast.AST, *, outside: bool = False) -> Iterator[str]:
    """The fields that a line names; `outside` leaves out those within sum and count."""
    if isinstance(tree, ast.Call):
        if not outside:
            yield from (path for inner in tree.args for path in _paths(inner))
    elif isinstance(tree, ast.Name | ast.Attribute):
        yield _dotted(tree)
    else:
        for inner in ast.iter_child_nodes(tree):
            yield from _paths(inner, outside=outside)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise ValueError(f"{ast.unparse(node)} is no field, number, sum or count")


def _list_at(record: Mapping[str, Any], path: str) -> bool:
    name, dot, _ = path.partition(".")
    return bool(dot) and isinstance(record.get(name), list)


def _leads(steps: Sequence[str], fields: Sequence[Field]) -> bool:
    """Whether these steps lead to a field, through records and the items of lists."""
    found = next((one for one in fields if one.name == steps[0]), None)
    if found is None:
        return False
    inside = found.item.fields if found.item else found.fields
    return len(steps) == 1 or _leads(steps[1:], inside)

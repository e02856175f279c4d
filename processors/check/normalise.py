"""One record as the reply has it comes in; the same with native values goes out, and what is wrong with it, field by field.

    normalise(fields, {"total": "1.234,56 €", "paid": "yes", "due": "N/A"}, problems)
    {"total": Decimal("1234.56"), "paid": True, "due": None}

Nothing is guessed and nothing is rounded away: a value that does not fit is a problem, told in words that a model can act on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from octavo.schemas.columns import ANY_DIGITS
from octavo.schemas.pipeline import Field, Kind
from octavo.schemas.text.values import parse_amount, parse_date

NULL_WORDS = frozenset({"", "null", "none", "n/a"})  # what models write where they should have written null
WHOLE_DIGITS = 18  # of a whole number that fits in 64 bits for sure
INTEGER_LIMIT = 2**63  # of the columns
SHOWN_CHARACTERS = 60  # of a value that is quoted in a problem
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TRUE, _FALSE = (
    frozenset({"true", "yes", "y", "ja", "oui", "sí", "si", "是"}),
    frozenset({"false", "no", "n", "nein", "non", "否"}),
)


def normalise(fields: Sequence[Field], record: Any, problems: list[str], place: str = "") -> dict[str, Any]:
    """The record with every field native. What does not fit is left out and added to `problems`, named by its path.

    Words for "nothing" become None. A field that may not be null is left out instead, so that validation says so.
    """
    if not isinstance(record, dict):
        problems.append(f"{place or 'record'}: {_no_record(fields, record)}")
        return {}
    known = {field.name for field in fields}
    problems += [
        f"{join(place, shown(key, quoted=False))}: is no field of the schema; leave it out"
        for key in record
        if key not in known
    ]
    values = {
        field.name: _value(field, record.get(field.name), problems, join(place, field.name))
        for field in fields
    }
    return {
        field.name: values[field.name] for field in fields if field.nullable or values[field.name] is not None
    }


def only_known(fields: Sequence[Field], value: Any) -> Any:
    """The value without what no field names, at every depth; what is no object is left as it is."""
    if not isinstance(value, dict):
        return value
    return {field.name: _known_inside(field, value[field.name]) for field in fields if field.name in value}


def join(place: str, name: str) -> str:
    """The path of a field inside a record: `line_items[0]` and `amount` make `line_items[0].amount`."""
    return f"{place}.{name}" if place else name


def shown(value: Any, *, quoted: bool = True) -> str:
    """A value for a sentence, cut where it is long."""
    text = repr(value) if quoted and isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _no_record(fields: Sequence[Field], record: Any) -> str:
    if isinstance(record, list):
        names = ", ".join(field.name for field in fields)
        return f"must be a row of {len(fields)} values ({names}), null where there is none, and has {len(record)}: {shown(record)}"
    return f"must be an object, or a row with a value for each field, not {shown(record)}"


def _known_inside(field: Field, value: Any) -> Any:
    if field.kind == "list" and field.item is not None and isinstance(value, list):
        return [_known_inside(field.item, item) for item in value]
    return only_known(field.fields, value) if field.kind == "record" else value


def _value(field: Field, value: Any, problems: list[str], place: str) -> Any:
    if _is_nothing(field, value):
        return None
    if field.kind == "record":
        return normalise(field.fields, value, problems, place)
    if field.kind == "list":
        return _list(field, value, problems, place)
    try:
        return _READERS[field.kind](field, value)
    except ValueError as error:
        problems.append(f"{place}: {shown(value)} {error}")
        return None


def _is_nothing(field: Field, value: Any) -> bool:
    if not isinstance(value, str):
        return value is None
    word = value.strip().casefold()
    return word in NULL_WORDS and word not in (choice.casefold() for choice in field.choices)


def _list(field: Field, value: Any, problems: list[str], place: str) -> list[Any] | None:
    """The items of a list; items that say nothing are left out."""
    if not isinstance(value, list) or field.item is None:
        problems.append(f"{place}: must be a list, not {shown(value)}")
        return None
    items = (_value(field.item, item, problems, f"{place}[{number}]") for number, item in enumerate(value))
    kept = [item for item in items if item is not None]
    return [item for at, item in enumerate(kept) if item not in kept[:at]] if field.form == "set" else kept


def _text(_: Field, value: Any) -> str:
    """A number is text when text is asked for, digit by digit; NUL and half characters are refused, as no table can hold them."""
    text = (
        str(value).strip()
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool)
        else "\x00"
    )
    if _UNSTORABLE.search(text):
        raise ValueError("is no text that can be stored; write a plain string, or null")
    return text


def _choice(field: Field, value: Any) -> str:
    """One of the choices, as the schema spells it."""
    word = str(value).strip().casefold()
    for choice in field.choices:
        if choice.casefold() == word:
            return choice
    raise ValueError(f"is none of {', '.join(field.choices)}")


def _date(_: Field, value: Any) -> date:
    day = None if isinstance(value, bool) or not isinstance(value, str | int) else parse_date(str(value))
    if day is None:
        raise ValueError("is no full date; write YYYY-MM-DD, or null")
    return day


def _datetime(field: Field, value: Any) -> datetime:
    """A date without a time of day is its midnight."""
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        if ":" in str(value):
            raise ValueError("is no date with a time; write YYYY-MM-DDTHH:MM:SS, or null") from None
        return datetime.combine(_date(field, value), time())


def _instant(field: Field, value: Any) -> datetime:
    """A moment with an offset, which can be told in UTC."""
    moment = _datetime(field, value)
    if moment.tzinfo is None:
        raise ValueError(
            "names no offset; write YYYY-MM-DDTHH:MM:SS with the offset that is printed, or null"
        )
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None
    return moment


def _exact(_: Field, value: Any) -> Decimal:
    """The number that a JSON number or a written amount stands for."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    number = parse_amount(value) if isinstance(value, str) else None
    if number is None:
        raise ValueError("is no number; write plain digits with a point, or null")
    return number


def _chosen(field: Field, number: Decimal) -> Decimal:
    """The number, which is one of the choices where there are some."""
    if field.choices and number not in map(Decimal, field.choices):
        raise ValueError(f"is none of {', '.join(field.choices)}")
    return number


def _decimal(field: Field, value: Any) -> Decimal:
    """The number with at most `scale` digits after the point; zeros beyond them may go, other digits may not."""
    number = _chosen(field, _exact(field, value))
    before = field.precision - field.scale
    try:
        scaled = number.quantize(Decimal(1).scaleb(-field.scale), context=ANY_DIGITS)
    except InvalidOperation:
        raise ValueError(f"has more than {before} digits before the point") from None
    if scaled != number:
        raise ValueError(
            f"has more than {field.scale} digits after the point; copy the amount as it is printed"
        )
    if len(scaled.as_tuple().digits) > field.precision:
        raise ValueError(f"has more than {before} digits before the point")
    return scaled if _places(number) > field.scale else number


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _integer(field: Field, value: Any) -> int:
    number = _chosen(field, _exact(field, value))
    if (
        abs(number.adjusted()) > WHOLE_DIGITS
        or number != number.to_integral_value()
        or not -INTEGER_LIMIT <= number < INTEGER_LIMIT
    ):
        raise ValueError("is no whole number that fits in 64 bits")
    return int(number)


def _number(field: Field, value: Any) -> float:
    number = float(_chosen(field, _exact(field, value)))
    if number in (float("inf"), float("-inf")):
        raise ValueError("is too large")
    return number


def _boolean(_: Field, value: Any) -> bool:
    word = str(value).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("is neither true nor false")


_READERS: dict[Kind, Callable[[Field, Any], Any]] = {
    "text": _text,
    "choice": _choice,
    "date": _date,
    "datetime": _datetime,
    "instant": _instant,
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "boolean": _boolean,
}

"""What validates an answer: a tree of nodes or a user's pydantic model comes in; a model in which every field may be null goes out.

A document may not say what a schema calls required, and a model that must answer invents. So null is allowed everywhere, whatever was
declared, and replaces declared defaults too. All other limits hold for values that are there: those that strict mode knows and those
it does not, and the user's own validators. Keys that were not asked for are refused at every level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, is_typeddict

from pydantic import (
    AwareDatetime,
    BaseModel,
    ModelWrapValidatorHandler,
    PlainSerializer,
    RootModel,
    create_model,
    model_validator,
)
from pydantic import Field as Limits

from octavo.schemas.compile.json_schema import Node
from octavo.schemas.compile.keywords import digits
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Kind

_TYPES: dict[Kind, Any] = {
    "text": str,
    "date": date,
    "datetime": datetime,
    "instant": AwareDatetime,
    "integer": int,
    "number": float,
    "decimal": Decimal,
    "boolean": bool,
}
_NATIVE = (*_TYPES.values(), type(None))
_WORDS = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "pattern": "pattern",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
# Values arrive as JSON has them, hence not strict; names are the columns, hence no aliases; an Enum's value is what a column holds.
_CONFIG: dict[str, Any] = {
    "extra": "forbid",
    "strict": False,
    "use_enum_values": True,
    "validate_default": False,
    "alias_generator": None,
}


class Answer(BaseModel):
    """Base of all models that validate answers: nulls are taken out before any validator sees them, and stay null."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_nulls(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if isinstance(value, Mapping):
            value = {key: item for key, item in value.items() if item is not None}
        try:
            return handler(value)
        except (TypeError, AttributeError, LookupError, ArithmeticError) as error:
            message = f"a validator of {cls.__name__} failed with {type(error).__name__}: {error}; it has to expect None in any field"
            raise ValueError(message) from error


def model_of(node: Node, name: str) -> type[BaseModel]:
    """A model made from the tree of a record, with all its limits."""
    fields = {
        part.field.name: (_type_of(part, f"{name}_{part.field.name}") | None, None) for part in node.parts
    }
    return create_model(name, __base__=Answer, __cls_kwargs__=_CONFIG, **cast("Any", fields))


def forgiving(model: type[BaseModel]) -> type[BaseModel]:
    """The user's model with every field allowed to be null, at every level; its validators run on values that are there.

    Raises SchemaError for what cannot be made so: computed fields, dataclasses and typed dicts.
    """
    if model.model_computed_fields:
        names = ", ".join(model.model_computed_fields)
        raise SchemaError(
            f"{model.__name__} has computed fields: {names}.",
            about=names,
            next_step="Leave them out and compute with SQL.",
        )
    fields = {
        name: (_field_type(info.annotation, info.metadata) | None, None)
        for name, info in model.model_fields.items()
    }
    return create_model(
        model.__name__,
        __base__=(Answer, model),
        __module__=model.__module__,
        __doc__=model.__doc__,
        __cls_kwargs__=_CONFIG,
        **cast("Any", fields),
    )


def _type_of(node: Node, name: str) -> Any:
    """The annotation of a node, limits included. A record within is named after its path."""
    kind = node.field.kind
    if kind == "record":
        return model_of(node, name)
    if kind == "choice":
        return Literal[node.field.choices]
    if kind == "list":
        item = _type_of(node.parts[0], name)
        bare: Any = list[item | None] if node.parts[0].field.nullable else list[item]  # type: ignore[valid-type]
    else:
        bare = _TYPES[kind]
    limits = dict(_limit(kind, word, value) for word, value in node.limits.items() if word in _WORDS)
    return Annotated[bare, Limits(**limits)] if limits else bare


def _limit(kind: Kind, word: str, value: Any) -> tuple[str, Any]:
    """A limit in pydantic's words. A decimal step that is a power of ten bounds the digits, which is exact."""
    if kind != "decimal":
        return _WORDS[word], value
    step = Decimal(str(value)).normalize()
    if word == "multipleOf" and step.as_tuple().digits == (1,) and digits(value):
        return "decimal_places", digits(value)
    return _WORDS[word], step


def _field_type(annotation: Any, metadata: list[Any]) -> Any:
    kept = _forgiving_type(annotation)
    return Annotated[(kept, *metadata)] if metadata else kept


def _forgiving_type(annotation: Any) -> Any:
    """An annotation with the models in it made forgiving, and values that are no column made text on the way out."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_forgiving_type(args[0]), *args[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(_forgiving_type(arg) for arg in args)]  # noqa: UP007 - the members are known only now
    if origin is Literal or not isinstance(origin or annotation, type):
        return annotation
    if origin is not None:
        return origin[tuple(_forgiving_type(arg) for arg in args)]
    return _forgiving_class(annotation)


def _forgiving_class(kind: type) -> Any:
    if issubclass(kind, BaseModel) and not issubclass(kind, RootModel):
        return forgiving(kind)
    if dataclasses.is_dataclass(kind) or is_typeddict(kind):
        raise SchemaError(
            f"{kind.__name__} is no pydantic model.",
            about=kind.__name__,
            next_step="Derive it from pydantic.BaseModel.",
        )
    if issubclass(kind, (*_NATIVE, Enum, RootModel)):
        return kind
    return Annotated[kind, PlainSerializer(_native, return_type=Any)]


def _native(value: Any) -> Any:
    """What a column holds for a value: a UUID or URL becomes text; special kinds of dates, such as PastDate, are dates already."""
    return value if isinstance(value, _NATIVE) else str(value)

"""What validates an answer: a tree of nodes or a user's pydantic model comes in; a model in which every field may be null goes out.

A document may not say what a schema calls required, and a model that must answer invents. So null is allowed everywhere, whatever was
declared, and replaces declared defaults too. All other limits hold for values that are there: those that strict mode knows and those
it does not, and the user's own validators. Keys that were not asked for are refused at every level.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import (
    AwareDatetime,
    BaseModel,
    ModelWrapValidatorHandler,
    RootModel,
    create_model,
    model_validator,
)
from pydantic import Field as Limits
from pydantic.fields import FieldInfo

from octavo.schemas.compile.json_schema import Node
from octavo.schemas.compile.keywords import digits
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
    "protected_namespaces": (),
}


class Answer(BaseModel):
    """Base of all models that validate answers: nulls are taken out before any validator sees them, and stay null."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_nulls(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if isinstance(value, Mapping):
            value = {key: item for key, item in value.items() if item is not None}
        return handler(value)


def model_of(node: Node, name: str) -> type[BaseModel]:
    """A model made from the tree of a record, with all its limits."""
    fields = {
        part.field.name: (_type_of(part, f"{name}_{part.field.name}") | None, None) for part in node.parts
    }
    return create_model(name, __base__=Answer, __cls_kwargs__=_CONFIG, **cast("Any", fields))


@cache
def without_counts(model: type[BaseModel]) -> type[BaseModel]:
    """The model without limits on how many items its lists have, at every level; all else that it checks stays."""
    fields = {
        name: (_uncounted(_with_metadata(info.annotation, info.metadata)), None)
        for name, info in model.model_fields.items()
    }
    return create_model(model.__name__, __base__=model, __module__=model.__module__, **cast("Any", fields))


def _uncounted(annotation: Any) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        is_list = any(get_origin(one) is list for one in (args[0], *get_args(args[0])))
        kept = [one for one in args[1:] if not (is_list and _limits_length(one))]
        return _with_metadata(_uncounted(args[0]), kept)
    if origin in (Union, UnionType):
        return Union[tuple(_uncounted(arg) for arg in args)]  # noqa: UP007 - the members are known only now
    if origin is list:
        return list[_uncounted(args[0])]  # type: ignore[misc]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return without_counts(annotation) if is_model and not issubclass(annotation, RootModel) else annotation


def _limits_length(metadata: Any) -> bool:
    """Whether an annotation's metadata, or a Field within them, bounds a length."""
    inside = metadata.metadata if isinstance(metadata, FieldInfo) else [metadata]
    return any(hasattr(one, word) for one in inside for word in ("min_length", "max_length"))


def _type_of(node: Node, name: str) -> Any:
    """The annotation of a node, limits included. A record within is named after its path."""
    kind = node.field.kind
    if kind == "record":
        return model_of(node, name)
    if kind == "choice":
        return Literal[node.field.choices]
    if node.field.choices and kind == "integer":
        return Literal[tuple(int(choice) for choice in node.field.choices)]
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


def _with_metadata(annotation: Any, metadata: list[Any]) -> Any:
    return Annotated[(annotation, *metadata)] if metadata else annotation

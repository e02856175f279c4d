"""What a user's file calls a dataclass, a TypedDict or a NamedTuple comes in; a pydantic model with the same fields goes out.

Its fields keep their types, descriptions (`Annotated[str, Field(description=...)]`) and defaults, its docstring is the instruction. What
`__post_init__` of a dataclass raises is a doubt about the record, as a check of a model is; what it changes is not in the table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast, get_type_hints, is_typeddict

from pydantic import BaseModel, Field, create_model
from typing_extensions import is_typeddict as is_typeddict_of_extensions

from octavo.schemas.errors import SchemaError

_MARKS = {"Required", "NotRequired", "ReadOnly"}  # of the keys of a TypedDict, which may all be null here
Fields = Mapping[str, Any]


def is_like_a_model(kind: Any) -> bool:
    """Whether a class has named fields with types, and is no pydantic model."""
    if not isinstance(kind, type) or issubclass(kind, BaseModel):
        return False
    return dataclasses.is_dataclass(kind) or _is_typed_dict(kind) or hasattr(kind, "_field_defaults")


@cache
def as_model(kind: type) -> type[BaseModel]:
    """The class as a pydantic model. Raises SchemaError for a dataclass of pydantic's own that has validators, which would be lost."""
    if any(_code(kind)):
        raise SchemaError(
            f"The dataclass {kind.__name__} has validators or computed fields.",
            about=kind.__name__,
            next_step="Derive it from pydantic.BaseModel, where they run.",
        )
    doc = kind.__doc__ if kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(") else None
    base = _checked(kind) if hasattr(kind, "__post_init__") else BaseModel
    fields: dict[str, Any] = dict(_fields(kind))
    return create_model(kind.__name__, __base__=base, __module__=kind.__module__, __doc__=doc, **fields)


def _fields(kind: type) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Each field with its type, and its default as pydantic has it."""
    hints = {name: _without_mark(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if field.init:
                yield field.name, (hints[field.name], _default(field))
        return
    defaults = getattr(kind, "_field_defaults", {})
    yield from ((name, (hint, defaults.get(name, ...))) for name, hint in hints.items())


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory)
    return ... if field.default is dataclasses.MISSING else field.default


def _checked(kind: Any) -> type[BaseModel]:
    """A base whose models are made as the dataclass, too, so that its `__post_init__` is heard."""

    def model_post_init(self: BaseModel, context: Any, /) -> None:
        del context
        kind(**{name: getattr(self, name) for name in type(self).model_fields})

    model_post_init.said_as = "__post_init__"  # type: ignore[attr-defined]
    return cast("type[BaseModel]", type("Checked", (BaseModel,), {"model_post_init": model_post_init}))


def _code(kind: type) -> Iterator[Any]:
    decorators = getattr(kind, "__pydantic_decorators__", None)
    for name in ("field_validators", "model_validators", "computed_fields", "validators", "root_validators"):
        yield getattr(decorators, name, None)


def _is_typed_dict(kind: type) -> bool:
    return is_typeddict(kind) or is_typeddict_of_extensions(kind)


def _without_mark(hint: Any) -> Any:
    """The type of a key without `Required` and the like."""
    while getattr(getattr(hint, "__origin__", None), "_name", "") in _MARKS:
        (hint,) = hint.__args__
    return hint

"""A pydantic model comes in; its JSON Schema goes out, with what pydantic's own schema loses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import BaseModel, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import (
    BytesSchema,
    CallableSchema,
    DatetimeSchema,
    DecimalSchema,
    IsInstanceSchema,
    IsSubclassSchema,
    TimedeltaSchema,
)

from octavo.schemas.errors import SchemaError, describe


def schema_of(
    model: type[BaseModel], mode: Literal["validation", "serialization"], spec: str
) -> dict[str, Any]:
    """The schema of what a model takes, or of what it writes. Raises SchemaError for what JSON Schema cannot say."""
    try:
        return model.model_json_schema(by_alias=False, schema_generator=_Generator, mode=mode)
    except Exception as error:
        why = error.message if isinstance(error, PydanticUserError) else describe(error)
        message = f"The schema {spec} cannot be compiled: {why}."
        raise SchemaError(message, about=spec, next_step="Change the field and try again.") from error


def unused_code(model: type[BaseModel]) -> list[str]:
    """Sentences on code of the model that changes no column."""
    told = []
    code = model.__pydantic_decorators__
    for name, one in code.field_serializers.items():
        columns = ", ".join(one.info.fields)
        told.append(
            f"the column of {columns} holds its value, and what the serializer {name} writes only where that is of the same type."
        )
    if code.model_serializers:
        told.append(
            f"the serializer {', '.join(code.model_serializers)} of the whole model is not used: columns are its fields."
        )
    for inner in {one for info in model.model_fields.values() for one in _models(info.annotation)}:
        if inner.model_computed_fields:
            names = ", ".join(inner.model_computed_fields)
            told.append(
                f"{names} of {inner.__name__} is computed inside a record and no column; compute it with SQL."
            )
    return told


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


class _Generator(GenerateJsonSchema):
    """Writes a Decimal with its digits, and a moment that has to have a zone as `instant`: pydantic's own schema loses both."""

    def datetime_schema(self, schema: DatetimeSchema) -> JsonSchemaValue:
        """A moment; `instant` for an AwareDatetime."""
        return {
            "type": "string",
            "format": "instant" if schema.get("tz_constraint") == "aware" else "date-time",
        }

    def timedelta_schema(self, schema: TimedeltaSchema) -> JsonSchemaValue:
        """A span of time as ISO 8601 writes it."""
        del schema
        return {"type": "string", "format": "duration"}

    def bytes_schema(self, schema: BytesSchema) -> JsonSchemaValue:
        """No column: a document's text has none."""
        del schema
        return {"type": "bytes"}

    def is_instance_schema(self, schema: IsInstanceSchema) -> JsonSchemaValue:
        """No column: a document's text has no objects."""
        del schema
        return {"type": "class"}

    def is_subclass_schema(self, schema: IsSubclassSchema) -> JsonSchemaValue:
        """No column either: a document's text has no classes."""
        del schema
        return {"type": "class"}

    def callable_schema(self, schema: CallableSchema) -> JsonSchemaValue:
        """No column either: a document's text has no functions."""
        del schema
        return {"type": "class"}

    def decimal_schema(self, schema: DecimalSchema) -> JsonSchemaValue:
        """A number whose `multipleOf` says how many digits follow the point."""
        bounds = {
            "ge": "minimum",
            "le": "maximum",
            "gt": "exclusiveMinimum",
            "lt": "exclusiveMaximum",
            "multiple_of": "multipleOf",
        }
        written: JsonSchemaValue = {"type": "number", "format": "decimal"}
        written |= {word: float(schema[key]) for key, word in bounds.items() if key in schema}  # type: ignore[literal-required]
        if most := schema.get("max_digits"):
            written["max_digits"] = most
        if places := schema.get("decimal_places"):
            written["multipleOf"] = float(f"1e-{places}")
        return written

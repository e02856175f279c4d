"""A pydantic model comes in; its JSON Schema goes out, with what pydantic's own schema loses."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import BytesSchema, DatetimeSchema, DecimalSchema, TimedeltaSchema

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

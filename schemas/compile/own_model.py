"""A user's pydantic model comes in; models that run its code on answers go out, and what its code says of a record.

Its validators, serializers and computed fields run where pydantic runs them, with two differences. A document may not say what the model
calls required, so null is allowed in every field. And a document whose own figures do not agree is still that document: what a check of a
whole record says, or whatever else the model's code raises, is a doubt about the values that the check looked at, and never loses them.

    forgiving(model)   for each answer: validators of fields refuse values and change them; a check of a record is not heard yet,
                       since an answer may be about a piece of a document
    checked(model)     for the whole record: validators of fields are silent, checks of records are heard
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import cache, wraps
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Json,
    ModelWrapValidatorHandler,
    PlainValidator,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticOmit, PydanticUseDefault

from octavo.schemas.compile.as_model import as_model, is_like_a_model
from octavo.schemas.compile.found import ITEMS
from octavo.schemas.compile.own_form import Places
from octavo.schemas.errors import SchemaError, describe

Use = Literal["forgiving", "checked"]
Check = tuple[tuple[str, ...], str]  # the paths that a check looked at, and what it says
_REFUSALS = (
    ValueError,
    AssertionError,
    PydanticOmit,
    PydanticUseDefault,
)  # by which a validator speaks to pydantic
_VALIDATORS = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
_STREAMS = (Iterable, Iterator, Generator)
_CONFIG: dict[str, Any] = {
    "extra": "forbid",
    "strict": False,
    "validate_default": False,
    "alias_generator": None,
    "protected_namespaces": (),
    "arbitrary_types_allowed": True,
    "validate_assignment": False,
}


@dataclasses.dataclass(slots=True)
class Listening:
    """What the model's code says of one record, and what it reads of it."""

    places: Places  # records by the id of the object that stands for them
    place: str = ""
    checks: list[Check] = dataclasses.field(default_factory=list)
    instances: dict[int, tuple[str, BaseModel]] = dataclasses.field(default_factory=dict)
    reads: list[tuple[int, str]] | None = None  # what a check reads: records and names

    def hear(self, path: str, words: str) -> None:
        """Keep what was said about a path."""
        self.checks.append(((path,), words))


_LISTENING: ContextVar[Listening | None] = ContextVar("listening", default=None)


@contextmanager
def listening(places: Places) -> Iterator[Listening]:
    """Hear what the model's code says meanwhile."""
    heard = Listening(places)
    token = _LISTENING.set(heard)
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


class OwnAnswer(BaseModel):
    """Base of the models that run a user's code. It notes what a check reads."""

    def __getattribute__(self, name: str) -> Any:
        """The attribute, noted while a check runs."""
        heard = _LISTENING.get()
        if heard is not None and heard.reads is not None and name in type(self).__pydantic_fields__:
            heard.reads.append((id(self), name))
        return super().__getattribute__(name)


def forgiving(model: type[BaseModel]) -> type[BaseModel]:
    """The model for one answer. Raises SchemaError for what cannot be made so, such as a Secret."""
    return _made(model, "forgiving")


def checked(model: type[BaseModel]) -> type[BaseModel]:
    """The model for a whole record, all of whose values were accepted."""
    return _made(model, "checked")


def as_record(model: type[BaseModel]) -> type[BaseModel]:
    """The model itself, or one whose only field is what a RootModel holds."""
    if not issubclass(model, RootModel):
        return model
    made = create_model(
        model.__name__, __module__=model.__module__, __doc__=model.__doc__, **{ITEMS: (model, ...)}
    )  # type: ignore[call-overload]
    return cast("type[BaseModel]", made)


@cache
def _made(model: type[BaseModel], use: Use) -> type[BaseModel]:
    fields = {
        name: (_named_type(model, name, info, use) | None, None) for name, info in model.model_fields.items()
    }
    return create_model(
        model.__name__,
        __base__=(OwnAnswer, model),
        __module__=model.__module__,
        __doc__=model.__doc__,
        __cls_kwargs__=_CONFIG,
        __validators__=_field_code(model, use)
        | _record_code(model, use)
        | _after_code(model, use)
        | _place_code(model),
        **cast("Any", fields),
    )


def _place_code(model: type[BaseModel]) -> dict[str, Any]:
    """A validator around all others of a record: nulls are taken out before they see it, and it knows its place.

    It is called as the model, by which pydantic names one of a choice of models.
    """

    def run(cls: type[BaseModel], value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        heard = _LISTENING.get() or Listening({})
        before, heard.place = heard.place, heard.places.get(id(value), heard.place)
        try:
            made = handler(
                {key: one for key, one in value.items() if one is not None}
                if isinstance(value, Mapping)
                else value
            )
        except _REFUSALS:
            raise
        except (Exception, SystemExit) as error:
            raise ValueError(f"the code of {cls.__name__} fails with {describe(error)}") from error
        else:
            heard.instances[id(made)] = heard.place, made
            return made
        finally:
            heard.place = before

    run.__name__ = run.__qualname__ = model.__name__
    return {"octavo_place": model_validator(mode="wrap")(cast("Any", classmethod(run)))}


# --- the model's code, guarded -------------------------------------------------------------------------------------------


def _field_code(model: type[BaseModel], use: Use) -> dict[str, Any]:
    """The validators of fields under their names: what they raise beside a refusal is heard, and the value stays."""
    made = {}
    for name, one in model.__pydantic_decorators__.field_validators.items():
        func = (
            _guarded(one.func, name, one.info.mode, one.info.fields)
            if use == "forgiving"
            else _silent(one.info.mode)
        )
        fields = [field for field in one.info.fields if field == "*" or field in model.model_fields]
        if fields:
            made[name] = field_validator(*fields, mode=one.info.mode, check_fields=False)(staticmethod(func))
    return made


def _record_code(model: type[BaseModel], use: Use) -> dict[str, Any]:
    """The validators of records under their names: none of them loses a record, and those of whole records are heard."""
    required = {name for name, info in model.model_fields.items() if not _may_be_none(info)}
    made: dict[str, Any] = {}
    for name, one in model.__pydantic_decorators__.model_validators.items():
        mode = one.info.mode
        guarded = _check(one.func, name, mode, required, is_heard=(use == "checked") == (mode == "after"))
        made[name] = model_validator(mode=mode)(guarded if mode == "after" else staticmethod(guarded))
    return made


def _after_code(model: type[BaseModel], use: Use) -> dict[str, Any]:
    """What a model does once it is made, which pydantic calls without asking for a validator."""
    own = next(
        (vars(one)["model_post_init"] for one in model.__mro__ if "model_post_init" in vars(one)), None
    )
    if own is None or own is vars(BaseModel)["model_post_init"] or own.__name__ == "init_private_attributes":
        return {}
    required = {name for name, info in model.model_fields.items() if not _may_be_none(info)}
    name = getattr(own, "said_as", "model_post_init")
    return {"model_post_init": _check(own, name, "after", required, is_heard=use == "checked")}


def _guarded(
    func: Callable[..., Any], name: str, mode: str, fields: Sequence[str] = ()
) -> Callable[..., Any]:
    """A validator of fields that lets a value be, and is heard, where it fails and refuses nothing."""

    @wraps(func)
    def run(value: Any, *rest: Any) -> Any:
        try:
            return func(value, *rest)
        except _REFUSALS:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is recorded as a doubt about the document
            _hear(f"the validator {name} fails with {describe(error)}", fields)
            return rest[0](value) if mode == "wrap" else value

    return run


def _silent(mode: str) -> Callable[..., Any]:
    if mode == "wrap":
        return lambda value, handler: handler(value)
    return lambda value: value


def _check(
    func: Callable[..., Any], name: str, mode: str, required: set[str], *, is_heard: bool
) -> Callable[..., Any]:
    @wraps(func)
    def run(value: Any, *rest: Any) -> Any:
        heard = _LISTENING.get()
        if heard is not None and is_heard:
            heard.instances[id(value)] = heard.place, value
            heard.reads = []  # of what a check before the record is made reads, nothing is known
        try:
            return func(value, *rest)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is recorded as a doubt about the document
            if heard is not None and is_heard:
                _judge(heard, value, name, error, required if mode == "after" else set())
            return rest[0](value) if mode == "wrap" else value
        finally:
            if heard is not None and is_heard:
                heard.reads = None

    return run


def _judge(heard: Listening, record: Any, name: str, error: BaseException, required: set[str]) -> None:
    """What a check that failed says of the values it looked at; nothing when one of them is required, and the document does not say it."""
    reads, heard.reads = heard.reads or [], None
    known = {key: pair for key, pair in heard.instances.items() if any(key == one for one, _ in reads)}
    if any(
        key == id(record) and field in required and getattr(record, field) is None for key, field in reads
    ):
        return
    looked_at = [
        f"{known[key][0]}.{field}".lstrip(".")
        for key, field in dict.fromkeys(reads)
        if key in known and not _holds_records(getattr(known[key][1], field))
    ]
    is_said = isinstance(error, (ValueError, AssertionError))
    words = f"{name} says: {error}" if is_said else f"{name} fails with {describe(error)}"
    heard.checks.append((tuple(looked_at) or (heard.place,), f"the check {' '.join(words.split())}"))


def _holds_records(value: Any) -> bool:
    inside = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | tuple | set)
        else [value]
    )
    return any(isinstance(one, BaseModel) for one in inside)


def _hear(words: str, fields: Sequence[str]) -> None:
    if heard := _LISTENING.get():
        name = fields[0] if len(fields) == 1 and fields[0] != "*" else ""
        heard.hear(f"{heard.place}.{name}".strip("."), words)


def _may_be_none(info: FieldInfo) -> bool:
    """Whether the model's own code has to expect None in a field."""
    return type(None) in get_args(info.annotation) or info.annotation is Any or info.default is None


# --- its types, with null everywhere -------------------------------------------------------------------------------------


def _named_type(model: type[BaseModel], name: str, info: FieldInfo, use: Use) -> Any:
    try:
        return _field_type(info.annotation, info.metadata, use)
    except SchemaError as error:
        if error.about == f"{model.__name__}.{name}" or "." in error.about:
            raise
        message = f"The field {name} of {model.__name__} cannot be a column: {error.message}"
        raise SchemaError(message, about=f"{model.__name__}.{name}", next_step=error.next_step) from error


def _field_type(annotation: Any, metadata: Sequence[Any], use: Use) -> Any:
    if annotation is Json or any(
        isinstance(one, cast("type", Json)) for one in metadata
    ):  # its column holds the text
        held: Any = Json if annotation is Json else cast("Any", Json)[annotation]
        return Annotated[str, AfterValidator(_as_written(TypeAdapter(held)))]
    kept = [made for one in metadata if (made := _metadata(one, use)) is not None]
    inner = _type(annotation, use)
    return Annotated[(inner, *kept)] if kept else inner


def _as_written(kind: TypeAdapter[Any]) -> Callable[[str], str]:
    def run(text: str) -> str:
        kind.validate_python(text)
        return text

    return run


def _metadata(one: Any, use: Use) -> Any:
    """A part of an annotation: validators guarded, limits only where answers are held to them, and no discriminators, which null breaks."""
    if isinstance(one, FieldInfo) and one.discriminator is not None:
        return None
    if use == "checked":
        return None
    if isinstance(one, _VALIDATORS):
        mode = type(one).__name__.removesuffix("Validator").lower()
        name = getattr(one.func, "__name__", type(one).__name__)
        return dataclasses.replace(one, func=_guarded(one.func, name, mode))
    return one


def _type(annotation: Any, use: Use) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _field_type(args[0], args[1:], use)
    if origin in (Union, UnionType):
        return Union[tuple(_type(arg, use) for arg in args)]  # noqa: UP007 - the members are known only now
    if origin is Literal:
        return _by_text(annotation, {str(one): one for one in args})
    if not isinstance(origin or annotation, type):
        return annotation
    if origin is None:
        return _class(annotation, use)
    if origin in _STREAMS:
        origin = list  # one that is gone through once could not be checked and kept
    is_record = origin is tuple and Ellipsis not in args
    return origin[tuple(_type(arg, use) | None if is_record else _type(arg, use) for arg in args)]


def _by_text(annotation: Any, members: Mapping[str, Any]) -> Any:
    """A choice of values of unlike types, which its column holds as text."""
    if len({type(one) for one in members.values()}) < 2:
        return annotation
    texts = {(text.lower() if isinstance(one, bool) else text): one for text, one in members.items()}
    return Annotated[
        annotation,
        BeforeValidator(lambda value: texts.get(value, value) if isinstance(value, str) else value),
    ]


def _class(kind: type, use: Use) -> Any:
    if issubclass(kind, Enum):
        return _by_text(kind, {str(one.value): one.value for one in kind})
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):  # a NamedTuple, or its values where one is null
        places: Any = tuple(_type(arg, use) | None for arg in get_type_hints(kind).values())
        return kind | tuple.__class_getitem__(places)
    if issubclass(kind, RootModel):
        info, code = kind.model_fields["root"], kind.__pydantic_decorators__
        has_code = code.field_validators or code.model_validators
        return kind if has_code else _field_type(info.annotation, info.metadata, use)
    if issubclass(kind, BaseModel):
        return _made(kind, use)
    if issubclass(kind, Secret | SecretStr | SecretBytes):
        raise SchemaError(
            f"A {kind.__name__} hides its value, and a table shows it.",
            about=kind.__name__,
            next_step="Use str, or leave the field out.",
        )
    if is_like_a_model(kind):
        return _made(as_model(cast("Any", kind)), use)
    return kind

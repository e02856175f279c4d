"""The path of a file with a schema comes in; a pydantic model of a Python file, which is run, or what a JSON file holds goes out."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pydantic import BaseModel

from octavo.schemas.compile.as_model import as_model, is_like_a_model
from octavo.schemas.errors import SchemaError


class _FreshLoader(SourceFileLoader):
    """Runs a file as it is now, and leaves no compiled copy beside it."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file, compiled anew."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def user_model(path: Path, name: str, spec: str) -> type[BaseModel]:
    """A model of a Python file. Raises SchemaError when the file cannot be run, or has no such model."""
    module = _run(path, spec)
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and (issubclass(value, BaseModel) or is_like_a_model(value))
        and value.__module__ == module.__name__
    }
    if name in found:
        return found[name] if issubclass(found[name], BaseModel) else as_model(found[name])
    known = ", ".join(f"{path.name}:{key}" for key in found) or "no pydantic model"
    why = (
        f"has no pydantic model called {name!r}"
        if name
        else "may hold several models, so one has to be named"
    )
    raise SchemaError(
        f"The file {path} {why}.", about=spec, next_step=f"It has {known}; write FILE.py:Model."
    )


def _run(path: Path, spec: str) -> ModuleType:
    """The module of a user's file. Whatever it raises becomes a SchemaError that says so."""
    name = "octavo_schema_" + hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    description = spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    if description is None or description.loader is None or not path.is_file():
        raise SchemaError(
            f"There is no file {path}.", about=spec, next_step="Give the path of a Python file, then :Model."
        )
    module = module_from_spec(description)
    sys.modules[name] = module  # pydantic looks up the names in annotations there
    try:
        description.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        message = f"The file {path} cannot be run: {type(error).__name__}: {error}."
        raise SchemaError(message, about=spec, next_step="Run it with Python to see where.") from error
    return module


def json_file(path: Path, spec: str) -> Any:
    """What a JSON file holds. Raises SchemaError when it cannot be read, is no JSON, or has a key twice in one object."""
    try:
        return json.loads(path.read_text("utf-8-sig"), object_pairs_hook=_unique)
    except OSError as error:
        raise SchemaError(
            f"The file {path} cannot be read: {error.strerror}.", about=spec, next_step="Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SchemaError(
            f"The file {path} is no JSON: {error}.", about=spec, next_step="Correct it and try again."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(
            f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object"
        )
    return made

"""The whole of what tables on a bucket are at one moment, as one JSON object: `manifest.json`.

    {"format": "octavo 1", "commit": "4f0c...", "committed_at": "...",
     "tables": {"invoice": {"meaning": "...", "rows": 12, "columns": [{"name", "type", "meaning"}],
                            "files": [{"path": "tables/invoice/000-of-001-4f0c....parquet", "rows", "bytes", "sha256", "generation"}]}},
     "books": {...}, "corrections": {...}, "replaced": [...]}

A reader takes the paths of a table from here and has rows of one commit, whatever is written meanwhile: files are never changed, and stay
for an hour after their successors came. `books` is the warehouse's own bookkeeping, from which it can be made again. Pure: JSON in and out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from octavo.schemas.errors import StorageError

KEY = "manifest.json"
FORMAT = "octavo 1"
KEEP = timedelta(hours=1)  # how long a replaced file stays, for who has read the manifest before


@dataclass(frozen=True, slots=True)
class TableFile:
    """One Parquet file of a table or view. `name` is its place in the table (`000-of-001`), `path` its key below the prefix."""

    name: str
    path: str
    rows: int
    bytes: int
    sha256: str
    generation: int


@dataclass(frozen=True, slots=True)
class TableState:
    """A table or view: what it means, its columns as name, DuckDB type and meaning, and its files."""

    meaning: str
    columns: tuple[tuple[str, str, str], ...]
    files: tuple[TableFile, ...]
    is_view: bool = False

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All tables of one commit. `replaced` are keys of files that are of no table any more, and since when."""

    commit: str = ""
    committed_at: str = ""
    tables: Mapping[str, TableState] = field(default_factory=dict)
    books: Mapping[str, Any] = field(default_factory=dict)
    corrections: Mapping[str, Any] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """The keys of all its files."""
        yield from (file.path for table in self.tables.values() for file in table.files)
        if self.corrections:
            yield str(self.corrections["path"])

    def file(self, table: str, name: str, generation: int) -> TableFile | None:
        """A file of a table as it was in this generation, if that is what is there."""
        files = self.tables[table].files if table in self.tables else ()
        return next((one for one in files if (one.name, one.generation) == (name, generation)), None)

    @property
    def generation(self) -> int:
        """The newest generation of any file."""
        return max((file.generation for table in self.tables.values() for file in table.files), default=0)

    def same_as(self, other: Manifest) -> bool:
        """Whether both say the same of tables, books and corrections."""
        mine = (dict(self.tables), dict(self.books), dict(self.corrections))
        return mine == (dict(other.tables), dict(other.books), dict(other.corrections))

    def following(self, before: Manifest, commit: str, now: datetime) -> Manifest:
        """This one as the successor of `before`: what that had and this has not is replaced from now on."""
        mine, at = set(self.paths()), now.isoformat(timespec="seconds")
        replaced = {**dict.fromkeys(before.paths(), at), **before.replaced}
        return replace(
            self,
            commit=commit,
            committed_at=at,
            replaced={path: since for path, since in sorted(replaced.items()) if path not in mine},
        )

    def outlived(self, now: datetime) -> list[str]:
        """The replaced files that nobody reads any more."""
        return [path for path, since in self.replaced.items() if datetime.fromisoformat(since) + KEEP <= now]

    def without(self, gone: list[str]) -> Manifest:
        """The same when these replaced files were removed."""
        return replace(
            self, replaced={path: at for path, at in self.replaced.items() if path not in set(gone)}
        )

    def as_json(self) -> bytes:
        """What stands in the bucket."""
        tables = {name: _table_json(table) for name, table in sorted(self.tables.items())}
        whole = {"format": FORMAT, **asdict(replace(self, tables={})), "tables": tables}
        return json.dumps(whole, ensure_ascii=False).encode()


def parsed(data: bytes, url: str) -> Manifest:
    """The manifest that stands in a bucket. Raises StorageError when it is none that this Octavo knows."""
    try:
        whole = json.loads(data)
        assert whole["format"] == FORMAT
        tables = {name: _table(found) for name, found in whole["tables"].items()}
        return Manifest(
            whole["commit"],
            whole["committed_at"],
            tables,
            whole["books"],
            whole["corrections"],
            whole["replaced"],
        )
    except (AssertionError, ValueError, KeyError, TypeError) as error:
        message = f"{url}/{KEY} is no manifest that this Octavo knows."
        raise StorageError(message, about=url, next_step="Update Octavo, or use another prefix.") from error


def _table_json(table: TableState) -> dict[str, Any]:
    columns = [dict(zip(("name", "type", "meaning"), column, strict=True)) for column in table.columns]
    return {
        "meaning": table.meaning,
        "is_view": table.is_view,
        "rows": table.rows,
        "columns": columns,
        "files": [asdict(file) for file in table.files],
    }


def _table(found: dict[str, Any]) -> TableState:
    columns = tuple((column["name"], column["type"], column["meaning"]) for column in found["columns"])
    return TableState(
        found["meaning"], columns, tuple(TableFile(**file) for file in found["files"]), found["is_view"]
    )

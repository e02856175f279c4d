"""How values travel between PostgreSQL and us, so that rows are those that SQLite gives; and what each connection is told first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown

OPTIONS = {  # of a connection, unless the address says otherwise; a host that is gone is noticed within a minute
    "connect_timeout": 5,
    "application_name": "octavo",
    "client_encoding": "utf8",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
STALE_S = 60  # a transaction in which nothing happens for so long is ended, so that a host that sleeps holds nobody up


class NamedRow:
    """A row by name, by place and in order."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: dict[str, int], values: Sequence[Any]) -> None:
        """`names` are the columns with their places."""
        self._names, self._values = names, values

    def __getitem__(self, key: str | int) -> Any:
        """The value of a column. Raises KeyError and IndexError."""
        return self._values[self._names[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        """The values in order."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many values it has."""
        return len(self._values)

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._names)


def by_name(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], NamedRow]:
    """What makes rows of a cursor's values."""
    names = {column.name: place for place, column in enumerate(cursor.description or ())}
    return lambda values: NamedRow(names, values)


class WholeNumber(Loader):
    """Sums of whole numbers are `numeric` in PostgreSQL; they are whole numbers still."""

    def load(self, data: bytes | bytearray | memoryview) -> int | float:
        """The number."""
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class Text(StrDumperUnknown):
    r"""PostgreSQL's text has no character 0. It is written as JSON writes it, `\u0000`, which in a raw reply means the same."""

    def dump(self, obj: str) -> bytes:
        """The text; half characters, which a provider's error may have, are written out too."""
        return obj.replace("\0", "\\u0000").encode("utf-8", "backslashreplace")


def missing_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a connection is told beside what its address says."""
    return {name: value for name, value in OPTIONS.items() if name not in given}


def session_settings(place: str, durable: bool, busy_s: float) -> str:  # noqa: FBT001 - said by name at its one place
    """What a connection is told first. A server notices within a minute that a host is gone, as by a power cut."""
    return f"""
        SET search_path TO {place};
        SET synchronous_commit TO {"on" if durable else "off"};
        SET lock_timeout TO {int(busy_s * 1_000)};
        SET idle_in_transaction_session_timeout TO {STALE_S * 1_000};
        SET tcp_keepalives_idle TO 30;
        SET tcp_keepalives_interval TO 10;
        SET tcp_keepalives_count TO 3;
    """

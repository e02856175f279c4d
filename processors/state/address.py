"""Where the state that hosts share is: the variable OCTAVO_STATE in, an address that shows no password out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from octavo.schemas.errors import SettingsError

VARIABLE = "OCTAVO_STATE"
EXAMPLE = "postgresql://USER@HOST:5432/DATABASE"
HIDDEN = "***"
SHORTEST = 3  # characters of a password that is looked for in sentences; a shorter one would be found in any


@dataclass(frozen=True, slots=True)
class Address:
    """A PostgreSQL database. `url` may hold a password, and is in no repr."""

    url: str = field(repr=False)
    place: str  # host, port and database, for sentences

    def redacted(self, text: str) -> str:
        """A text without the password, in case somebody else's words have it."""
        parts = urlsplit(self.url)
        words = {self.url, parts.password or "", os.environ.get("PGPASSWORD", "")}
        words |= set(parse_qs(parts.query).get("password", []))
        for word in {form for one in words for form in (one, unquote(one), quote(one, safe=""))}:
            text = text.replace(word, HIDDEN) if len(word) >= SHORTEST else text
        return text


def address_of(environ: Mapping[str, str]) -> Address | None:
    """The address that the environment names; None when it names none. Raises SettingsError, without showing what it is."""
    url = environ.get(VARIABLE, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("postgresql", "postgres") and parts.path.strip("/") and parts.port != 0
        known = (
            known and "@" not in parts.path
        )  # a password with a slash that is not written as %2F, which would be shown
    except ValueError:  # a port that is no number
        known = False
    if not known:
        raise unusable(f"{VARIABLE} is no address of a PostgreSQL database.")
    host = parts.netloc.rpartition("@")[2] or "this machine"
    return Address(url, f"{host}{parts.path}")


def unusable(message: str) -> SettingsError:
    """What to say of an address that cannot be used; it is not shown, since it may hold a password."""
    return SettingsError(message, about=VARIABLE, next_step=f"Write it as in {VARIABLE}={EXAMPLE}")

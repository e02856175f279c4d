"""The Kimi vocabulary, fetched once and only when somebody asks: an address in, a checked file in the cache folder out."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from octavo.flows import settings
from octavo.processors.pack.windows import VOCABULARY_SHA256
from octavo.schemas.errors import SettingsError, StorageError

VOCABULARY_BYTES = 2_795_286
PATIENCE_S = 30.0  # without a byte


def fetch(address: str = settings.PUBLIC_VOCABULARY, environ: Mapping[str, str] = os.environ) -> Path:
    """Put the vocabulary into the cache folder, unless the right one is there, and give its path. Nothing else ever fetches it.

    A file with another size or SHA-256 than the published one is not kept. Raises SettingsError and StorageError.
    """
    place = settings.cache_folder(environ) / settings.VOCABULARY_NAME
    if not (place.is_file() and _is_right(place.read_bytes())):
        data = _download(address)
        if not _is_right(data):
            message = f"{address} gave {len(data):,} bytes that are not the vocabulary of Kimi K2, K2.6 and K3, so they were not kept."
            raise SettingsError(
                message, about="tokenizer", next_step=f"Take it from {settings.PUBLIC_VOCABULARY}."
            )
        _write(place, data)
    return place


def _is_right(data: bytes) -> bool:
    return len(data) == VOCABULARY_BYTES and hashlib.sha256(data).hexdigest() == VOCABULARY_SHA256


def _download(address: str) -> bytes:
    """What an address gives, but not more than would be right and a byte."""
    if not address.startswith(("https://", "http://")):
        raise SettingsError(
            f"{address} is no web address.",
            about="tokenizer",
            next_step=f"Name one such as {settings.PUBLIC_VOCABULARY}.",
        )
    try:
        with urlopen(address, timeout=PATIENCE_S) as answer:  # noqa: S310 - the scheme was looked at above
            data: bytes = answer.read(VOCABULARY_BYTES + 1)
    except (URLError, OSError, http.client.HTTPException, ValueError) as error:
        message = f"The vocabulary could not be fetched from {address}: {error}."
        step = "Try again, or fetch it by other means and name the file in OCTAVO_TOKENIZER."
        raise SettingsError(message, about="tokenizer", next_step=step) from error
    return data


def _write(place: Path, data: bytes) -> None:
    """The file is there whole or not at all."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(
            f"{place} cannot be written: {error}.",
            next_step="Free space, or name a file in OCTAVO_TOKENIZER.",
        ) from error

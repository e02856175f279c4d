"""An inbox on another machine (`s3://bucket/prefix`, or any URL that fsspec knows): what `discover` does for a folder, done for a URL.

Listing and fetching happen in the parent, where the credentials are; a worker gets the bytes in a temporary
file. A URL that holds a password is refused, since the inbox stands in rows and logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from octavo.processors.read import discover
from octavo.processors.read.discover import FoundFile
from octavo.schemas.errors import DocumentError, SettingsError, describe
from octavo.schemas.pipeline import Document

_LOCAL = ("file", "local")
_BLOCK_BYTES = 8 << 20  # a request each
_EXTRAS = {"s3": "octavo[s3]", "s3a": "octavo[s3]"}  # protocol -> what to install
_NAMELESS = "nameless"  # beside the types of fsspec, file and directory
_Files = Any  # a file system; fsspec has no types for what it loads by name


def url(inbox: Path | str) -> str:
    """The URL, when the inbox is one that leads to another machine; else ""."""
    place = str(inbox)
    return (
        place.rstrip("/")
        if "://" in place and not place.startswith(tuple(f"{name}://" for name in _LOCAL))
        else ""
    )


def folder(inbox: Path | str) -> Path:
    """The folder on this machine that is named by its path or as file:///path."""
    place = str(inbox)
    return (
        Path(place.partition("://")[2])
        if place.startswith(tuple(f"{name}://" for name in _LOCAL))
        else Path(inbox)
    )


def walk(inbox: str, max_file_bytes: int, max_depth: int, skip: str = "") -> Iterator[FoundFile | Document]:
    """Every path below the URL but for `skip` once, in byte order, one folder of it in memory at a time. Raises SettingsError."""
    if skip == inbox:
        message = f"{inbox} is the inbox and the output, so that tables would be read as documents."
        raise SettingsError(
            message, about="out", next_step="Name another prefix as --out, such as one below it."
        )
    files, root = _opened(inbox)
    if not _answer(files.isdir, root, inbox):
        raise SettingsError(
            f"There is no folder {inbox}.",
            about="inbox",
            next_step="Name the bucket or folder that holds the documents.",
        )
    ignored = f"{root}/{discover.IGNORE_FILE}"
    patterns = discover.patterns_in(files.cat_file(ignored)) if _answer(files.isfile, ignored, inbox) else []
    listed: dict[bytes, dict[str, Any]] = {}
    return discover.descend(
        partial(_look, files, root, inbox.encode(), max_file_bytes, listed),
        patterns,
        max_depth,
        os.fsencode(skip.removeprefix(f"{inbox}/")) if skip.startswith(f"{inbox}/") else None,
    )


def outermost(inbox: str, document: Document) -> FoundFile:
    """The file in which a document lies, or which it is."""
    files, root = _opened(inbox)
    path = document.path_bytes
    if document.container:
        path = next(
            (place for place in discover.above(path) if _answer(files.isfile, _key(root, place), inbox)), path
        )
    return FoundFile(inbox.encode(), path, 0)


def fetch(found: FoundFile, copy: Path, max_file_bytes: int) -> None:
    """Write the bytes of a file to `copy`, once, and at most one byte over the limit. Raises DocumentError: vanished, unreadable."""
    files, root = _opened(found.inbox.decode())
    try:
        place = _key(root, found.path_bytes)
        with (
            files.open(place, "rb", cache_type="readahead", block_size=_BLOCK_BYTES) as source,
            copy.open("wb") as to,
        ):
            left = max_file_bytes + 1
            while left and (block := source.read(min(left, _BLOCK_BYTES))):
                to.write(block)
                left -= len(block)
    except FileNotFoundError as error:
        raise DocumentError("vanished", "It was there when the folder was listed and is gone now.") from error
    except Exception as error:
        raise DocumentError(
            "unreadable", f"It cannot be fetched: {describe(error)}.", next_step="Check rights and network."
        ) from error


def _look(
    files: _Files, root: str, inbox: bytes, most: int, listed: dict[bytes, dict[str, Any]], path: bytes
) -> discover.Sight:
    """What `path` is, from the listing of its folder."""
    info = listed.pop(path, {"type": "directory"})
    if discover.is_hidden(path):
        return discover.dotfile(path)
    if info["type"] == _NAMELESS:
        sentence = "A folder without a name lies here, for a key has two slashes; rename what is below it to have it read."
        return discover.refused(path, "skipped", "unnamed", sentence)
    if info["type"] != "directory":
        return discover.sized(inbox, path, int(info["size"] or 0), most)
    place = _key(root, path)
    try:
        below = _below(root, path, files.ls(place, detail=True, refresh=True))
    except FileNotFoundError:
        return (
            []
            if not path
            else discover.refused(
                path, "error", "vanished", "It was there when its folder was listed and is gone now."
            )
        )
    except Exception as error:
        if not path:
            raise SettingsError(
                f"{inbox.decode()} cannot be listed: {describe(error)}.",
                about="inbox",
                next_step="Check rights.",
            ) from error
        return discover.refused(
            path, "error", "unreadable", f"It cannot be listed: {describe(error)}. Check rights and network."
        )
    listed.update(below)
    return sorted(below)


def _below(root: str, path: bytes, listing: list[dict[str, Any]]) -> dict[bytes, dict[str, Any]]:
    """What lies in a folder, by path. Subtle: a key may have two slashes, and a folder the name of a file; its path ends in one then."""
    below: dict[bytes, dict[str, Any]] = {}
    for one in sorted(listing, key=lambda one: one["type"] == "directory"):
        place = _path(root, one["name"])
        if place != path.rstrip(b"/"):
            below[place + b"/" if place in below else place] = one
        elif (
            one["type"] == "directory" or one["size"]
        ):  # else the empty object that stands for the folder itself
            below[place + b"//"] = {"type": _NAMELESS}
    return below


def _opened(inbox: str) -> tuple[_Files, str]:
    """The file system of a URL and its path there. Raises SettingsError."""
    import fsspec

    if urlsplit(inbox).password is not None:
        message = "The URL of the inbox holds a password, which would stand in rows and logs."
        raise SettingsError(
            message, about="inbox", next_step="Take it out and put credentials into the environment."
        )
    protocol = inbox.partition("://")[0]
    try:
        files, root = fsspec.core.url_to_fs(inbox, use_listings_cache=False)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        step = f"Install it with: pip install '{extra}'" if extra else f"{error}."
        raise SettingsError(
            f"What reads {protocol}:// is not installed.", about="inbox", next_step=step
        ) from error
    except ValueError as error:
        message = f"{protocol}:// is no kind of inbox: {error}."
        raise SettingsError(message, about="inbox", next_step="Name a folder or an s3:// URL.") from error
    return files, str(root).rstrip("/")


def _answer(ask: Any, place: str, inbox: str) -> bool:
    """Whether there is such a thing. Raises SettingsError when the other machine does not say."""
    try:
        return bool(ask(place))
    except Exception as error:
        step = "Check its address, the network and the credentials in the environment."
        raise SettingsError(
            f"{inbox} does not answer: {describe(error)}.", about="inbox", next_step=step
        ) from error


def _key(root: str, path: bytes) -> str:
    return f"{root}/{os.fsdecode(path)}" if path else root


def _path(root: str, name: str) -> bytes:
    return os.fsencode(name[len(root) :].strip("/"))

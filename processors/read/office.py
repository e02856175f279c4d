"""Old and rich documents in (doc, rtf, ppt, msg); leaves out, by the optional extra `office` or by LibreOffice where it is installed.

Without both the file is skipped, with the sentence that says what to install.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from octavo.processors.read import opendocument, rtf, table_rows, text
from octavo.processors.read.content import Content, Inner, Source
from octavo.processors.read.kinds import DOC, MSG, PPT, RTF, media_type
from octavo.processors.read.ole import Compound
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties

_SHORT_NAMES = {DOC: "doc", RTF: "rtf", PPT: "ppt", MSG: "msg"}
_TARGETS = {DOC: "odt", RTF: "odt", PPT: "odp"}  # what LibreOffice turns them into; it knows no msg
_WORD_6 = b"\xdc\xa5"  # how its main stream begins; later ones begin with 0xA5EC
_SHARE = 0.8  # of the time limit for LibreOffice, so that it is ended before the worker is

# The instruction of a field of Word, which the extra leaves in the text: its name, then words in quotes and switches.
_FIELD = re.compile(
    r"""[ ]?\b(?:HYPERLINK|INCLUDEPICTURE|PAGEREF|REF|NOTEREF|SEQ|TOC|STYLEREF|MERGEFIELD|DOCPROPERTY|DATE|TIME|PAGE|NUMPAGES|FORMTEXT)
    (?:[ ]+"[^"\n]*"|[ ]+\\[*@\#][ ]*(?:"[^"\n]*"|\w+)|[ ]*\\[a-z](?:[ ]+"[^"\n]*")?|[ ]+[\w.]+(?=[ ]+\\))+[ ]?""",
    re.VERBOSE,
)
_NAMES_OF_ATTACHMENT = ("3707", "3704", "3001")  # properties: long name, short name, name for display
_DATA_OF_ATTACHMENT = "37010102"


def read(source: Source) -> Content:
    """The document in pages. Raises DocumentError: unsupported (with what to install), encrypted, corrupt, timeout, too_many_pages."""
    kind = media_type(source.data)
    _refuse_locked(source.data, kind)
    if find_spec("kreuzberg") is not None:
        return _by_extra(source, kind)
    if kind in _TARGETS and (program := shutil.which("soffice")):
        return opendocument.read(Source(_converted(program, source, kind), source.limits))
    other = " or LibreOffice" if kind in _TARGETS else ""
    message = f"Reading a {_SHORT_NAMES[kind]} file needs the extra office{other}, and it is not installed."
    raise DocumentError("unsupported", message, next_step="Install it with: pip install 'octavo[office]'")


def _refuse_locked(data: bytes, kind: str) -> None:
    """An old Word or PowerPoint file that asks for a password: [MS-DOC] sets a bit in its header, [MS-PPT] adds a stream."""
    if kind not in (DOC, PPT):
        return
    try:
        streams = Compound(data)
        head = streams.read("WordDocument")[:12] if kind == DOC else bytes(12)
        locked = head[11] & 1 == 1 if kind == DOC else "EncryptedSummary" in streams.names
    except (ValueError, KeyError, IndexError):
        return  # damaged: the reader says so
    if head[:2] == _WORD_6:
        message = "It is a file of Word 6 or Word 95, which is not read."
        raise DocumentError("unsupported", message, next_step="Save it as docx or PDF to have it read.")
    if locked:
        raise DocumentError(
            "encrypted", "The Office file asks for a password.", next_step="Save it without one."
        )


def _letters_in(data: bytes) -> int:
    """How many characters an old Word file says its text has, with the mark at its end ([MS-DOC] FibRgLw97, ccpText)."""
    try:
        return int.from_bytes(Compound(data).read("WordDocument")[0x4C:0x50], "little")
    except (ValueError, KeyError):
        return 0


def _by_extra(source: Source, kind: str) -> Content:
    """By kreuzberg: nothing cached on disk, one thread, no OCR."""
    from kreuzberg import ConcurrencyConfig, ExtractionConfig, extract_bytes_sync

    config = ExtractionConfig(
        use_cache=False, enable_quality_processing=False, concurrency=ConcurrencyConfig(max_threads=1)
    )
    data, letters = rtf.plain_letters(source.data) if kind == RTF else (source.data, {})
    found = extract_bytes_sync(data, kind, config)
    words = (
        _with_bars(_FIELD.sub("", found.content))
        if kind == DOC
        else _with_rows(found.content, [table.cells for table in found.tables])
    ).translate(letters)
    cut_off = kind == RTF and source.data.count(b"{") > source.data.count(b"}")
    if not words.strip() and (cut_off or (kind == DOC and _letters_in(source.data) > 1)):
        message = "The Office file is damaged or cut off: no text of it can be read."
        raise DocumentError("corrupt", message, next_step="Open it in its program and save it again.")
    inner, left = _attachments(source.data) if kind == MSG else ((), ())
    detail = f"{len(left)} attachment(s) not read: {', '.join(left)}." if left else ""
    pages = text.paged(
        words,
        source.limits,
        detail if words.strip() else f"The extra office found nothing in it. {detail}".strip(),
    )
    return Content(pages.leaves, pages.detail, properties=_properties(found.metadata), inner=inner)


def _with_rows(words: str, tables: Sequence[Sequence[Sequence[str]]]) -> str:
    """The text with a bar between the cells of its tables, which the extra joins with a space in the text."""
    for table in tables:
        joined = "\n".join(" ".join(row) for row in table)
        words = words.replace(joined, table_rows.lines(table), 1)
    return words


def _with_bars(words: str) -> str:
    """The text of a doc with a line for each row of its tables: the extra gives a table as one line, a tab after each cell and each row."""
    return "\n".join(_table(line.split("\t")) or line for line in words.split("\n"))


def _table(cells: list[str]) -> str:
    """The rows of what was one line, in the first width at which each ends with a mark of its own; "" for what is no table."""
    for width in range(2, len(cells) - 1 if not cells[-1] else 0):
        starts = range(0, len(cells) - 1, width + 1)
        if (len(cells) - 1) % (width + 1) == 0 and not any(cells[width :: width + 1]):
            return table_rows.lines([cells[start : start + width] for start in starts])
    return ""


def _attachments(data: bytes) -> tuple[tuple[Inner, ...], tuple[str, ...]]:
    """The files attached to a msg, and the names of what is attached as something else: a mail within the mail, or a link."""
    streams = Compound(data)
    folders = sorted(
        {name.partition("/")[0] for name in streams.names if name.startswith("__attach_version1.0_#")}
    )
    inner, left = [], []
    for folder in folders:
        name = next(_names(streams, folder), folder)
        if (data_of := f"{folder}/__substg1.0_{_DATA_OF_ATTACHMENT}") in streams.names:
            inner.append(Inner(name, streams.read(data_of)))
        else:
            left.append(name)
    return tuple(inner), tuple(left)


def _names(streams: Compound, folder: str) -> Iterator[str]:
    """The names of an attachment, the best first; in UTF-16 or in the code page of its writer."""
    for number in _NAMES_OF_ATTACHMENT:
        for suffix, encoding in (("001F", "utf-16-le"), ("001E", "cp1252")):
            if (path := f"{folder}/__substg1.0_{number}{suffix}") in streams.names:
                yield streams.read(path).decode(encoding, "replace").rstrip("\0")


def _properties(metadata: Any) -> Properties:
    authors = metadata.get("authors") or []
    title = metadata.get("title") or metadata.get("subject") or ""
    return Properties(
        title, ", ".join(authors), _moment(metadata.get("created_at")), _moment(metadata.get("modified_at"))
    )


def _moment(words: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(words or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _converted(program: str, source: Source, kind: str) -> bytes:
    """The file as OpenDocument, by LibreOffice with a profile of its own, since two that share one refuse to run."""
    with tempfile.TemporaryDirectory(prefix="octavo-office-") as folder:
        given = Path(folder) / f"in.{_SHORT_NAMES[kind]}"
        given.write_bytes(source.data)
        profile = f"-env:UserInstallation={Path(folder, 'profile').as_uri()}"
        command = [
            program,
            profile,
            "--headless",
            "--convert-to",
            _TARGETS[kind],
            "--outdir",
            folder,
            str(given),
        ]
        _run(command, source.limits.timeout_s * _SHARE)
        made = given.with_suffix(f".{_TARGETS[kind]}")
        if not made.exists():
            raise DocumentError(
                "corrupt",
                "LibreOffice could not read it.",
                next_step="Open it in its program and save it again.",
            )
        return made.read_bytes()


def _run(command: list[str], timeout_s: float) -> None:
    """Run a program to its end, or end it with all that it started."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(  # noqa: S603 - no shell
        command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            message = f"LibreOffice took longer than {timeout_s:g} s and was stopped."
            raise DocumentError(
                "timeout", message, next_step="Raise the limit timeout_s, or split the file."
            ) from error

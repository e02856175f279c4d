"""What the app works with: the tables for reading, the corrections, the sandbox that renders pages, and who is here.

The warehouse is replaced whole by each commit: it stays open, and what was worked out over it is kept, until its file is another.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from octavo.flows.corrections.current import KnownSchemas, schemas_of
from octavo.flows.corrections.entry import Desk
from octavo.flows.corrections.settle import settle
from octavo.processors.read.pages import PlacedWords, Reader
from octavo.processors.store.warehouse import (
    CorrectionStore,
    FileVersion,
    SteadyReader,
    has_corrections,
    hold,
)
from octavo.schemas.errors import DocumentError, Locked, OctavoError, SettingsError, describe
from octavo.schemas.pipeline import Document

CLAIM_MINUTES = 10.0  # after which a document that nobody touches is anybody's again
SESSIONS = 200  # browsers that are remembered; the oldest is forgotten
PICTURES = 48  # rendered pages that are kept, of 0.1 to 0.5 MB
KEPT = 300  # things that are worked out over all tables
SETTLE_AFTER_S = 0.5  # of quiet, so that a quick hand makes one commit and not ten
SETTLE_LATEST_S = 5.0  # when the hand does not rest
SETTLE_PAUSE_S = 5.0  # at most, and as long as a commit took: those of large tables take seconds
SETTLE_AGAIN_S = 3.0  # while a run holds the folder, and to see what was said elsewhere
UNTOUCHED = ("schemas", "answer tables")  # by corrections

Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """Something that was worked out over the tables of one version."""

    version: FileVersion
    made_at: float  # monotonic seconds
    value: Any


@dataclass
class Visitor:
    """One browser: its secret for posts, its name, and the way that it came."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    who: str = ""
    trail: list[str] = field(default_factory=list)  # addresses of values that were looked at, the latest last
    said: list[str] = field(default_factory=list)  # batches of corrections, the latest last
    held: tuple[str, datetime] | None = None  # the document that is claimed, and since when
    cursor: tuple[float, str, str] | None = (
        None  # confidence, path and id of the document that was claimed last
    )


class Workspace:
    """One output folder, open for looking and correcting."""

    def __init__(self, out: Path, *, who: str, read_only: bool = False, token: str = "") -> None:
        """Raises SettingsError where there are no tables."""
        self.out, self.read_only, self.who = out, read_only, who
        self.reader = SteadyReader(out)
        if not self.reader.path.exists() or not self.reader.has("evidence"):
            raise SettingsError(
                f"There are no tables in {out}.",
                about="out",
                next_step="`octavo run INBOX --out DIR` makes them.",
            )
        self.token = token or secrets.token_urlsafe(24)
        self.visitors: OrderedDict[str, Visitor] = OrderedDict()
        self.said = asyncio.Event()
        self._settle_trouble = self._list_trouble = ""
        self.speaking = (
            threading.Lock()
        )  # one says something at a time, so that each has seen what the last one said
        self._store: CorrectionStore | None = None
        self._pages = Reader()
        self._ocr: Reader | None = None
        self._lines: dict[str, tuple[int, int, list[Any]]] = {}
        self._kept: dict[str, _Kept] = {}
        self._pictures: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._words: OrderedDict[tuple[str, int], PlacedWords | None] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._settling_took_s = 0.0

    @property
    def settle_trouble(self) -> str:
        """Why the tables do not have what was said yet, or the list of values not what is in the tables."""
        return " ".join(filter(None, (self._settle_trouble, self._list_trouble)))

    @property
    def store(self) -> CorrectionStore:
        """The file of corrections, made when it is first needed; who only looks makes none."""
        if self._store is None:
            there = not self.read_only or has_corrections(self.out)
            self._store = CorrectionStore(self.out if there else None)
        return self._store

    @property
    def has_corrections(self) -> bool:
        """Whether anybody has corrected anything, so that who only looks makes no file."""
        return has_corrections(self.out)

    def close(self) -> None:
        """Stop the workers and close the file."""
        for reader in filter(None, (self._pages, self._ocr)):
            reader.__exit__(None, None, None)
        self.reader.close()
        if self._store:
            self._store.close()

    def visitor(self, cookie: str) -> Visitor | None:
        """Who has this cookie."""
        return self.visitors.get(cookie) if cookie else None

    def admit(self, token: str, known: str = "") -> str:
        """A cookie for who has the link, the one that they have if it is `known` here; "" for who has not."""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return ""
        if self.visitor(known):
            return known
        cookie = secrets.token_urlsafe(32)
        self.visitors[cookie] = Visitor(who=self.who)
        while len(self.visitors) > SESSIONS:
            self.visitors.popitem(last=False)
        return cookie

    @property
    def schemas(self) -> KnownSchemas:
        """The schemas of the tables, as the latest runs named them."""
        return self.cached("schemas", lambda: schemas_of(self.reader))

    @property
    def desk(self) -> Desk:
        """What corrections are made with."""
        return Desk(self.reader, self.store, self.schemas)

    def rows(self, statement: str, parameters: Sequence[Any] = (), **parts: str) -> list[Row]:
        """The rows of one of our own statements; `parts` are ready words of SQL for the places `$name` in it."""
        query = Template(statement).substitute(parts) if parts else statement
        found: list[Row] = self.reader.query(query, parameters).to_pylist()
        return found

    def cached(self, name: str, make: Callable[[], T], patience_s: float = 0.0) -> T:
        """What `make` gives, made anew when the tables have changed and it is older than that."""
        version = self.reader.version()
        kept = self._kept.get(name)
        if kept is None or (kept.version != version and time.monotonic() - kept.made_at >= patience_s):
            kept = self._made(name, make, version, kept)
        found: T = kept.value
        return found

    def _made(self, name: str, make: Callable[[], Any], version: FileVersion, last: _Kept | None) -> _Kept:
        """Make it, once at a time: who needs it while another makes it has the last one, where patience allows for one."""
        making = self._making.setdefault(name, threading.Lock())
        if last is not None and making.locked():
            return last
        with making:
            kept = self._kept.get(name)
            if kept is None or kept is last:  # else another has made it meanwhile
                if len(self._kept) > KEPT:
                    self._kept.clear()
                kept = self._kept[name] = _Kept(version, time.monotonic(), make())
            return kept

    def place(self, document: str) -> tuple[str, Document]:
        """Inbox and noun of a document. Raises KeyError."""
        rows = self.rows("SELECT inbox FROM documents WHERE document = ? ORDER BY path LIMIT 1", [document])
        if not rows:
            raise KeyError(document)
        return rows[0]["inbox"], self.reader.document(document, rows[0]["inbox"])

    async def picture(self, document: str, page: int) -> bytes:
        """A page as JPEG, rendered in the sandbox. Raises DocumentError and KeyError."""
        if (document, page) not in self._pictures:
            inbox, noun = self.place(document)
            found = await self._pages.images(inbox, noun, [page])
            if page not in found:
                raise DocumentError("no_picture", "This kind of file has no pictures of pages.")
            self._pictures[document, page] = found[page]
            while len(self._pictures) > PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[document, page]

    async def words(self, document: str, page: int) -> PlacedWords | None:
        """The words of a page with their boxes, read in the sandbox once; None for a kind without. Raises DocumentError and KeyError."""
        if (document, page) not in self._words:
            inbox, noun = self.place(document)
            self._words[document, page] = await self._pages.words(inbox, noun, page)
            while len(self._words) > PICTURES:
                self._words.popitem(last=False)
        return self._words[document, page]

    async def cut(self, document: str, page: int, window: tuple[float, float, float, float]) -> bytes:
        """A window of a page as JPEG; left, top, right and bottom are shares of it. Raises DocumentError and KeyError."""
        return await self._pages.cropped(await self.picture(document, page), window)

    async def recognised(self, document: str, page: int, picture: bytes) -> tuple[int, int, list[Any]]:
        """What local OCR sees on a page: width and height of its picture, and the lines. Raises DocumentError."""
        key = f"ocr {document} {page}"
        if key not in self._lines:
            self._ocr = self._ocr or Reader(ocr=True)
            found = await self._ocr.recognised(picture)
            self._lines[key] = (*jpeg_size(picture), found)
        return self._lines[key]

    def settle_now(self) -> bool:
        """Bring the tables up to what was said; False while a run holds the folder. What fails is said in `settle_trouble`."""
        if self.read_only or not self.store.unsettled():
            self._settle_trouble = ""
            return True
        begun = time.monotonic()
        try:
            with hold(self.out) as warehouse:
                before = self.reader.version()
                settle(warehouse, self.store, self.schemas.questions)
                self._carry_over(before)
        except Locked:
            self._settle_trouble = (
                "A run holds the folder: what you say is on disk, and in the tables with its next commit."
            )
            return False
        except Exception as error:  # noqa: BLE001 - such as code of a schema that judges what was corrected; told, and tried again
            self._settle_trouble = f"What you say is on disk, and not in the tables yet: {_why(error)}"
            return False
        self._settle_trouble = ""
        self._settling_took_s = time.monotonic() - begun
        return True

    def _carry_over(self, before: FileVersion) -> None:
        """Keep what corrections do not touch, since no run has changed the tables: this holds the folder."""
        after = self.reader.version()
        for name in UNTOUCHED:
            if (kept := self._kept.get(name)) and kept.version == before:
                self._kept[name] = replace(kept, version=after)

    async def keep_settling(self, renew: Callable[[Workspace], None]) -> None:
        """Bring the tables up soon after each word, look now and then for what was said elsewhere, and renew what views wait for."""
        await asyncio.to_thread(self._try, renew)
        while True:
            await self._hushed()
            await asyncio.to_thread(self.settle_now)
            await asyncio.to_thread(self._try, renew)
            await asyncio.sleep(min(self._settling_took_s, SETTLE_PAUSE_S) if self.said.is_set() else 0)

    async def _hushed(self) -> None:
        """Wait until somebody says something and then nothing for a moment, or for as long as that may take."""
        try:
            await asyncio.wait_for(self.said.wait(), SETTLE_AGAIN_S)
        except TimeoutError:
            return
        latest = time.monotonic() + SETTLE_LATEST_S
        while self.said.is_set() and time.monotonic() < latest:
            self.said.clear()
            await asyncio.sleep(SETTLE_AFTER_S)
        self.said.clear()

    def _try(self, renew: Callable[[Workspace], None]) -> None:
        """Renew; what fails is said in `settle_trouble`, and tried again next time."""
        try:
            renew(self)
        except Exception as error:  # noqa: BLE001 - such as tables that are away for a moment; who goes on correcting must be settled
            self._list_trouble = f"The list of values is not up to date: {_why(error)}"
        else:
            self._list_trouble = ""


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, OctavoError) else describe(error)


def jpeg_size(picture: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, from its frame header (ITU T.81, B.2.2); 0, 0 where there is none."""
    at = 2
    while at + 9 < len(picture) and picture[at] == 0xFF:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(picture[at + 7 : at + 9], "big"), int.from_bytes(
                picture[at + 5 : at + 7], "big"
            )
        at += 2 + length
    return 0, 0


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)

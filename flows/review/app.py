"""The app: what each address shows, and what is done with what is posted. Views are templates over plain values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from octavo.flows.corrections.entry import say
from octavo.flows.review import doubts, listing, page_view, posted, run_charts
from octavo.flows.review.doubts import Filters
from octavo.flows.review.record_form import cell_at, paths_of, readable, sections, words
from octavo.flows.review.security import Gate
from octavo.flows.review.value_view import other_places, value_view
from octavo.flows.review.workspace import Visitor, Workspace, utc_now
from octavo.schemas.errors import DocumentError, OctavoError, SettingsError

HERE = Path(__file__).parent
TRAIL = 500  # values that k leads back to

View = Callable[[Request], Awaitable[Response]]


def make_app(workspace: Workspace) -> ASGIApp:
    """The app over an output folder, behind its gate."""
    templates = Jinja2Templates(directory=HERE / "templates")
    templates.env.globals |= {
        "words": words,
        "readable": readable,
        "urlencode": urlencode,
        "read_only": workspace.read_only,
    }
    templates.env.filters |= {"seg": lambda text: quote(text, safe="")}
    views = _Views(workspace, templates)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        settling = asyncio.create_task(workspace.keep_settling(doubts.renew))
        yield
        settling.cancel()
        with suppress(asyncio.CancelledError):
            await settling
        await asyncio.to_thread(workspace.settle_now)

    routes = [
        Route("/", views.queue),
        Route("/value/{document}/{question}", views.value),
        Route("/document/{document}", views.document),
        Route("/documents", views.documents),
        Route("/runs", views.runs),
        Route("/runs/{run}", views.runs),
        Route("/page/{document}/{number:int}.jpg", views.picture),
        Route("/words/{document}/{number:int}", views.words),
        Route("/find/{document}", views.find),
        Route("/api/next", views.next, methods=["POST"]),
        Route("/api/back", views.back, methods=["POST"]),
        Route("/api/say", views.say, methods=["POST"]),
        Route("/api/undo", views.undo, methods=["POST"]),
        Route("/api/who", views.who, methods=["POST"]),
        Route("/favicon.ico", lambda _: RedirectResponse("/static/icon.svg", 303)),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    trouble = _Trouble(workspace, templates)
    handlers = {OctavoError: trouble.refusal, KeyError: trouble.unknown, 404: trouble.no_address}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    return Gate(app, workspace)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What went wrong, in its own sentence: as JSON for what was posted, as a page for who looks."""

    workspace: Workspace
    templates: Jinja2Templates

    async def refusal(self, request: Request, error: Exception) -> Response:
        """A refusal."""
        return self._answer(request, str(error), 422 if request.method == "POST" else 409)

    async def unknown(self, request: Request, _: Exception) -> Response:
        """A document that is not there."""
        return self._answer(request, "There is no such document here.", 404)

    async def no_address(self, request: Request, _: Exception) -> Response:
        """An address that leads nowhere."""
        return self._answer(request, "There is nothing at this address.", 404)

    def _answer(self, request: Request, sentence: str, status: int) -> Response:
        if request.method == "POST":
            return JSONResponse({"error": sentence}, status)
        own = {"visitor": request.scope["visitor"], "trouble": "", "here": "", "sentence": sentence}
        return self.templates.TemplateResponse(request, "error.html", own, status)


class _Views:
    """The addresses."""

    def __init__(self, workspace: Workspace, templates: Jinja2Templates) -> None:
        self._workspace, self._templates = workspace, templates

    def _page(self, request: Request, name: str, **context: Any) -> Response:
        visitor: Visitor = request.scope["visitor"]
        own = {"visitor": visitor, "trouble": self._workspace.settle_trouble, "here": name}
        return self._templates.TemplateResponse(request, f"{name}.html", {**own, **context})

    async def queue(self, request: Request) -> Response:
        """The values to be looked at, the most doubtful first."""
        filters, start = _filters(request.query_params), _whole(request, "start")
        return self._page(
            request,
            "queue",
            filters=asdict(filters),
            facets=doubts.facets(self._workspace),
            rows=doubts.listed(self._workspace, filters, start),
            left=doubts.counted(self._workspace, filters),
            start=start,
            a_page=doubts.A_PAGE,
            address=_value_address,
        )

    async def value(self, request: Request) -> Response:
        """One value: its page beside the record."""
        document, question = request.path_params["document"], request.path_params["question"]
        field = request.query_params.get("field", "")
        visitor: Visitor = request.scope["visitor"]
        if not self._workspace.read_only:
            doubts.keep_claim(self._workspace, visitor, document, utc_now())
        context = value_view(self._workspace, document, question, field, _whole(request, "page"))
        return self._page(
            request,
            "value",
            filters=asdict(_kept(request.query_params)),
            address=_value_address,
            **context,
        )

    async def document(self, request: Request) -> Response:
        """A document: its first answer, or its pages and why there is none."""
        document = request.path_params["document"]
        about = listing.questions_about(self._workspace, document)
        if about:
            return RedirectResponse(_value_address(document, about[0], ""), 303)
        found = listing.answers_of(self._workspace, document)
        if not found:
            raise KeyError(document)
        number = max(1, _whole(request, "page"))
        return self._page(
            request,
            "document",
            document=found,
            fillable=listing.fillable(self._workspace, found),
            address=_value_address,
            **_shown_page(self._workspace, found, number),
        )

    async def documents(self, request: Request) -> Response:
        """All documents."""
        params = request.query_params
        search = listing.Search(
            params.get("text", "").strip(), params.get("kind", ""), _whole(request, "start")
        )
        rows, total = listing.documents(self._workspace, search)
        return self._page(
            request,
            "documents",
            rows=rows,
            total=total,
            search=search,
            kinds=list(listing.KINDS),
            a_page=listing.A_PAGE,
        )

    async def runs(self, request: Request) -> Response:
        """All runs, and one in full with its run_charts."""
        run = listing.run_of(self._workspace, request.path_params.get("run", ""))
        drawn = run_charts.of_run(self._workspace, run) if run else []
        return self._page(request, "runs", runs=listing.runs(self._workspace), run=run, charts=drawn)

    async def picture(self, request: Request) -> Response:
        """A page as JPEG."""
        try:
            picture = await self._workspace.picture(
                request.path_params["document"], request.path_params["number"]
            )
        except DocumentError as error:
            return PlainTextResponse(str(error), 404)
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    async def words(self, request: Request) -> Response:
        """The words of a page with their boxes, as JSON, and where a field's value stands elsewhere."""
        document, number = request.path_params["document"], request.path_params["number"]
        found = await page_view.words_of(self._workspace, document, number)
        found["marks"] = []
        question, field = request.query_params.get("question", ""), request.query_params.get("field", "")
        if question:
            stands = self._workspace.desk.current(document, question)
            marks = page_view.marks_of(stands.record.evidence, number, field)
            marks += [one for one in other_places(self._workspace, stands, field, number) if one not in marks]
            found["marks"] = [[one.start, one.end, one.focused] for one in marks]
        return JSONResponse(found)

    async def find(self, request: Request) -> Response:
        """Where a text stands in a document."""
        return JSONResponse(
            posted.found_in(
                self._workspace, request.path_params["document"], request.query_params.get("text", "")
            )
        )

    async def next(self, request: Request) -> Response:
        """The next value: of this document, else of the next one that nobody else holds."""
        told = await posted.body(request)
        visitor: Visitor = request.scope["visitor"]
        filters, here = _filters(told.get("filters") or {}), told.get("here") or {}
        address = self._after(visitor, filters, here)
        if address and here.get("document"):
            visitor.trail = [
                *visitor.trail,
                _value_address(here["document"], here["question"], here["field"]),
            ][-TRAIL:]
        if not address:
            visitor.cursor = None  # who begins anew sees what was passed over
        return JSONResponse({"address": address, "left": doubts.counted(self._workspace, filters)})

    def _after(self, visitor: Visitor, filters: Filters, here: Mapping[str, Any]) -> str:
        document = str(here.get("document") or "")
        if document:
            left = self._ordered(document, filters, here)
            if left:
                return _value_address(document, *left[0], filters)
        while document := doubts.claimed(self._workspace, visitor, filters, utc_now()):
            if left := self._ordered(document, filters, {}):
                return _value_address(document, *left[0], filters)
        return ""

    def _ordered(self, document: str, filters: Filters, here: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The doubts of a document behind where one is, in the order of the forms."""
        rows = doubts.of_document(self._workspace, document, filters)
        own = str(here.get("question") or "")
        found: list[tuple[str, str]] = []
        for question in sorted({row["question"] for row in rows} | ({own} if own else set())):
            if question >= own:
                wanted = {row["field"] for row in rows if row["question"] == question}
                at = str(here.get("field") or "") if question == own else None
                found += [(question, path) for path in self._behind(document, question, wanted, at)]
        return found

    def _behind(self, document: str, question: str, wanted: set[str], at: str | None) -> list[str]:
        """The fields of one form to go to, behind the one where one is; of a form that one fills in, each that is still empty."""
        try:
            stands = self._workspace.desk.current(document, question)
        except SettingsError:  # what one looked at is gone by now
            return []
        paths = paths_of(sections(stands))
        if at is not None:
            wanted = wanted - {"", at}
            if stands.by_person:
                wanted |= (
                    set(paths)
                    - {one.field for one in stands.record.evidence if one.state == "corrected"}
                    - {at}
                )
        behind = paths.index(at) if at in paths else -1
        return sorted(wanted - set(paths)) + [path for path in paths[behind + 1 :] if path in wanted]

    async def back(self, request: Request) -> Response:
        """The value that was looked at before."""
        visitor: Visitor = request.scope["visitor"]
        here = (await posted.body(request)).get("here") or {}
        document, question, field = (str(here.get(name) or "") for name in ("document", "question", "field"))
        now = _value_address(document, question, field)
        while visitor.trail and visitor.trail[-1] == now:
            visitor.trail.pop()
        return JSONResponse({"address": visitor.trail.pop() if visitor.trail else ""})

    async def say(self, request: Request) -> Response:
        """What a person says of a value."""
        self._refuse_if_read_only()
        visitor: Visitor = request.scope["visitor"]
        saying = posted.saying(await posted.body(request))
        made = await asyncio.to_thread(say, self._workspace.desk, saying, visitor.who, utc_now())
        self._workspace.said.set()
        stands = self._workspace.desk.current(saying.document, saying.question)
        cell = cell_at(sections(stands, saying.field), saying.field)
        return JSONResponse({"value": cell.value if cell else "", "verdict": made[-1].verdict})

    async def undo(self, request: Request) -> Response:
        """Take the last word back."""
        self._refuse_if_read_only()
        visitor: Visitor = request.scope["visitor"]
        undone = await asyncio.to_thread(self._workspace.store.undo, visitor.who, utc_now())
        self._workspace.said.set()
        if not undone:
            return JSONResponse({"address": "", "sentence": "There is nothing to take back."})
        last = undone[0]
        address = _value_address(last.document, last.question, last.field)
        return JSONResponse({"address": address, "sentence": f"Taken back: {last.field}."})

    async def who(self, request: Request) -> Response:
        """The name under which this browser speaks."""
        visitor: Visitor = request.scope["visitor"]
        name = str((await posted.body(request)).get("who") or "").strip()
        if not name or len(name) > posted.LONGEST_NAME or not name.isprintable():
            raise SettingsError(f"A name has 1 to {posted.LONGEST_NAME} characters.", about="who")
        visitor.who = name
        return JSONResponse({"who": name})

    def _refuse_if_read_only(self) -> None:
        if self._workspace.read_only:
            raise SettingsError(
                "This was opened with --read-only.", next_step="Start it without, to correct."
            )


def _shown_page(workspace: Workspace, document: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The page of a document without an answer."""
    page = page_view.page_of(workspace, document["document"], number)
    pictured = page_view.has_picture(document["media_type"] or "")
    return {
        "number": number,
        "pictured": pictured,
        "blocks": list(page_view.blocks(page.text, ())) if page and not pictured else [],
        "page": page,
    }


def _filters(given: Mapping[str, Any]) -> Filters:
    return Filters(*(str(given.get(name) or "") for name in ("schema", "field", "reason", "folder")))


def _kept(given: Mapping[str, Any]) -> Filters:
    """The filters of the queue, as the address of a value keeps them."""
    return _filters({name: given.get(f"only_{name}") for name in ("schema", "field", "reason", "folder")})


def _value_address(
    document: str, question: str, field: str, filters: Filters | Mapping[str, str] | None = None
) -> str:
    told = asdict(filters) if isinstance(filters, Filters) else dict(filters or {})
    kept = {f"only_{name}": value for name, value in told.items() if value}
    query = urlencode({name: value for name, value in {"field": field, **kept}.items() if value})
    return f"/value/{quote(document, safe='')}/{quote(question, safe='')}" + (f"?{query}" if query else "")


def _whole(request: Request, name: str) -> int:
    given = request.query_params.get(name, "0")
    return int(given) if given.isdigit() and len(given) < 10 else 0

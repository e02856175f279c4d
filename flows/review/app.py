"""The app: what each address shows, and what is done with what is posted. Views are templates over plain values."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
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

from octavo.flows.corrections.entry import SEEN, Saying, say
from octavo.flows.review import doubts, listing, next_value, page_view, posted, run_charts
from octavo.flows.review.doubts import Filters
from octavo.flows.review.next_value import Spot, value_address
from octavo.flows.review.record_form import cell_at, readable, sections, words
from octavo.flows.review.security import Gate
from octavo.flows.review.sentence_html import with_code
from octavo.flows.review.value_view import value_view
from octavo.flows.review.workspace import Visitor, Workspace, utc_now
from octavo.schemas.corrections import Correction
from octavo.schemas.errors import DocumentError, OctavoError, SettingsError

HERE = Path(__file__).parent
View = Callable[[Request], Awaitable[Response]]


def make_app(workspace: Workspace) -> ASGIApp:
    """The app over an output folder, behind its gate."""
    templates = Jinja2Templates(directory=HERE / "templates")
    templates.env.globals |= {
        "words": words,
        "readable": readable,
        "urlencode": urlencode,
        "read_only": workspace.read_only,
        "asset": _asset,
    }
    templates.env.filters |= {"seg": lambda text: quote(text, safe=""), "prose": with_code}
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
        """A refusal; 409 where somebody looks at what is another by now."""
        is_wrong = request.method == "POST" and getattr(error, "about", "") != SEEN
        return self._answer(request, str(error), 422 if is_wrong else 409)

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
            address=value_address,
        )

    async def value(self, request: Request) -> Response:
        """One value: its page beside the record."""
        spot = Spot.of({**request.path_params, "field": request.query_params.get("field", "")})
        return self._value(request, spot, _kept(request.query_params), _whole(request, "page"))

    def _value(self, request: Request, spot: Spot, filters: Filters, page: int = 0) -> Response:
        visitor: Visitor = request.scope["visitor"]
        if not self._workspace.read_only:
            doubts.keep_claim(self._workspace, visitor, spot.document, utc_now())
        context = value_view(self._workspace, spot.document, spot.question, spot.field, page)
        there = Spot(spot.document, spot.question, context["field"])
        return self._page(
            request,
            "value",
            filters=asdict(filters),
            address=value_address,
            ahead=next_value.ahead(self._workspace, visitor, filters, there),
            **context,
        )

    async def document(self, request: Request) -> Response:
        """A document: its first answer, or its pages and why there is none."""
        document = request.path_params["document"]
        about = listing.questions_about(self._workspace, document)
        if about:
            return RedirectResponse(value_address(document, about[0], ""), 303)
        found = listing.answers_of(self._workspace, document)
        if not found:
            raise KeyError(document)
        number = max(1, _whole(request, "page"))
        return self._page(
            request,
            "document",
            document=found,
            fillable=listing.fillable(self._workspace, found),
            address=value_address,
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
        """The words of a page with their boxes, as JSON."""
        document, number = request.path_params["document"], request.path_params["number"]
        found = await page_view.words_of(self._workspace, document, number)
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
        return JSONResponse(self._step(request, told))

    def _step(self, request: Request, told: Mapping[str, Any]) -> dict[str, Any]:
        """Address and view of the next value; "" when nothing is left."""
        visitor: Visitor = request.scope["visitor"]
        filters = _filters(told.get("filters") or {})
        there = next_value.step(self._workspace, visitor, filters, Spot.of(told.get("here")), utc_now())
        if there is None:
            return {"address": "", "view": ""}
        return {"address": there.address(filters), "view": _html(self._value(request, there, filters))}

    async def back(self, request: Request) -> Response:
        """The value that was looked at before."""
        told = await posted.body(request)
        return JSONResponse({"address": next_value.back(request.scope["visitor"], Spot.of(told.get("here")))})

    async def say(self, request: Request) -> Response:
        """What a person says of a value; and the next one, or this one as it is then."""
        self._refuse_if_read_only()
        told = await posted.body(request)
        saying = posted.saying(told)
        made = await asyncio.to_thread(self._put, request.scope["visitor"], saying)
        self._workspace.said.set()
        if told.get("then") == "next":
            return JSONResponse({"verdict": made.verdict, **self._step(request, told)})
        spot = Spot(saying.document, saying.question, str(told.get("focus") or saying.field))
        page = told.get("page")
        view = self._value(
            request, spot, _filters(told.get("filters") or {}), page if type(page) is int else 0
        )
        stands = self._workspace.desk.current(saying.document, saying.question)
        cell = cell_at(sections(stands, saying.field), saying.field)
        return JSONResponse(
            {"value": cell.value if cell else "", "verdict": made.verdict, "view": _html(view)}
        )

    def _put(self, visitor: Visitor, saying: Saying) -> Correction:
        with self._workspace.speaking:
            batch = secrets.token_hex(8)
            made = say(self._workspace.desk, saying, visitor.who, utc_now(), batch)
            visitor.said.append(batch)
            return made[-1]

    async def undo(self, request: Request) -> Response:
        """Take the last word back."""
        self._refuse_if_read_only()
        undone = await asyncio.to_thread(self._undo, request.scope["visitor"])
        self._workspace.said.set()
        if not undone:
            return JSONResponse({"address": "", "sentence": "There is nothing to take back."})
        last = undone[0]
        address = value_address(last.document, last.question, last.field)
        return JSONResponse({"address": address, "sentence": f"Taken back: {last.field}."})

    def _undo(self, visitor: Visitor) -> list[Correction]:
        """What this browser said, the last first; then what was said under the same name, but for what another one said that is here."""
        with self._workspace.speaking:
            here = list(self._workspace.visitors.values())
            others = {batch for one in here if one is not visitor for batch in one.said}
            return self._workspace.store.undo(visitor.who, utc_now(), set(visitor.said), others)

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


@cache
def _asset(name: str) -> str:
    """The address of a file of ours, which is another one when the file is."""
    return f"/static/{name}?{hashlib.sha256((HERE / 'static' / name).read_bytes()).hexdigest()[:12]}"


def _html(page: Response) -> str:
    return bytes(page.body).decode()


def _whole(request: Request, name: str) -> int:
    given = request.query_params.get(name, "0")
    return int(given) if given.isdigit() and len(given) < 10 else 0

"""The tools of the agent: a call with its arguments in, what it gave as JSON out; and what all calls together have shown.

Each tool looks something up and changes nothing but the folder of charts. What a page says stands in JSON strings, and is obeyed by nobody.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from octavo.flows.agent.conversation import put
from octavo.flows.lookups import Lookups, QueryRows
from octavo.processors.ask.replies import ToolCall
from octavo.processors.check import records as check
from octavo.processors.query import sql
from octavo.schemas.errors import OctavoError

ROWS = 100  # of a query that the model sees at once
FACTORS = frozenset({"0", "1", "100"})  # with which shown figures become shares and rises
_READ = re.compile(
    r'\b(?:from|join|pivot|unpivot|summarize|describe)\s+(?:"?\w+"?\.)?("?\w+"?)', re.IGNORECASE
)
_NO_COLUMN = re.compile(r"\bas\s+(?:\w+|\"[^\"]*\")|\b(?:select|distinct|all)\b|'[^']*'", re.IGNORECASE)
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
WEB = "$web_search"


def _tool(
    name: str, about: str, required: tuple[str, ...] = (), **properties: tuple[Mapping[str, Any], str]
) -> dict[str, Any]:
    """A tool as the provider is told of it, in the subset of JSON Schema that Kimi's strict mode takes."""
    shape = {name: {**kind, "description": meaning} for name, (kind, meaning) in properties.items()}
    parameters = {
        "type": "object",
        "properties": shape,
        "required": list(required),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


TOOLS = (
    _tool(
        "list_tables",
        "All tables with rows, meanings and columns.",
        table=(_TEXT, "One table, for types and meanings of its columns."),
    ),
    _tool(
        "run_sql",
        "Run one read-only SELECT in DuckDB's SQL. Work out every figure here, not in your head.",
        ("sql",),
        sql=(_TEXT, "The SELECT. Take path along, so that pages can be cited."),
        page_token=(_TEXT, "next_page_token of the page before."),
    ),
    _tool(
        "search_pages",
        "Pages that have words, the best first.",
        ("words",),
        words=(_TEXT, 'Words, or "a phrase".'),
        document=(_TEXT, "Path, to search in one document."),
    ),
    _tool(
        "read_page",
        "The text of pages of one document.",
        ("document",),
        document=(_TEXT, "Path."),
        page=(_NUMBER, "First page, from 1."),
        start=(_NUMBER, "Character to begin at: next_start of the part before."),
    ),
    _tool(
        "find_evidence",
        "Page, quote and grade behind the values of documents.",
        document=(_TEXT, "Path; empty for all."),
        field=(_TEXT, "Column, such as grand_total; empty for all."),
        table=(_TEXT, "Table; empty for all."),
    ),
    _tool(
        "chart",
        "Draw the rows of a SELECT for the person who asked.",
        ("sql", "kind", "x", "y"),
        sql=(_TEXT, "The SELECT."),
        kind=({"type": "string", "enum": ["bar", "line", "point", "area", "pie"]}, "Kind."),
        x=(_TEXT, "Column along, or slices of a pie."),
        y=(_TEXT, "Column up, or sizes of a pie."),
        colour=(_TEXT, "Column to tell apart by colour; empty for none."),
        title=(_TEXT, "Title."),
    ),
)
WEB_TOOL = {"type": "builtin_function", "function": {"name": WEB}}


@dataclass(slots=True)
class ToolFindings:
    """What the calls of an answer have shown so far, by which it is checked, and what went wrong, which is told."""

    statements: list[str] = field(default_factory=list)
    rows: QueryRows | None = None  # of the last query
    pages: set[tuple[str, int]] = field(default_factory=set)
    figures: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)  # of documents; none that the model wrote itself
    charts: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Toolbox:
    """The tools over one output folder."""

    lookups: Lookups
    shown: ToolFindings = field(default_factory=ToolFindings)

    async def call(self, call: ToolCall) -> str:
        """What a call gives, as JSON; trouble as `error`, from which the model may learn."""
        given = call.values
        if call.name == WEB:
            return (
                call.arguments
            )  # the provider searches by itself when its arguments come back (documentation of 2026-08-13)
        tool = self._tools().get(call.name)
        if tool is None:
            return self._error(
                call, f"There is no tool {call.name[:80]!r}. Tools: {', '.join(self._tools())}."
            )
        if given is None:
            return self._error(call, "The arguments are no JSON object. Write them again.")
        try:
            result = json.dumps(await tool(given), ensure_ascii=False, default=str)
        except OctavoError as error:
            return self._error(call, str(error))
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            return self._error(call, f"The arguments are wrong: {type(error).__name__} {error}.")
        return result

    def _error(self, call: ToolCall, sentence: str) -> str:
        self.shown.failed.append(f"{call.name} {call.arguments[:300]}: {sentence}")
        return json.dumps({"error": sentence}, ensure_ascii=False)

    def _tools(self) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]:
        return {
            "list_tables": self._list_tables,
            "run_sql": self._run_sql,
            "search_pages": self._search,
            "read_page": self._read,
            "find_evidence": self._evidence,
            "chart": self._chart,
        }

    async def _list_tables(self, given: Mapping[str, Any]) -> Any:
        if given.get("table"):
            return asdict(self.lookups.table(str(given["table"])))
        return [asdict(table) for table in self.lookups.tables()]

    async def _run_sql(self, given: Mapping[str, Any]) -> Any:
        statement = str(given["sql"])
        found = await self.lookups.rows(statement, str(given.get("page_token") or ""), ROWS)
        self._rest_on(statement, found)
        return asdict(found)

    def _rest_on(self, statement: str, found: QueryRows) -> None:
        """Note what the answer may rest on: the statement and its figures."""
        if statement not in self.shown.statements:
            self.shown.statements.append(statement)
        self.shown.rows = found
        known = self.shown.figures.union(*map(check.figures_in, self.shown.words))
        if _is_constant(statement):
            return
        if not self._reads_tables(statement) and check.figures_in(statement) - known - FACTORS:
            return  # worked out of figures that nobody has shown
        given = check.figures_in(json.dumps([found.total_rows, found.rows], ensure_ascii=False))
        self.shown.figures |= given - (_own_figures(statement) - known)

    def _reads_tables(self, statement: str) -> bool:
        """Whether a table of the folder stands where a statement names what it reads."""
        read = {name.lower().strip('"') for name in _READ.findall(statement)}
        return any(table.name.lower() in read for table in self.lookups.tables())

    async def _search(self, given: Mapping[str, Any]) -> Any:
        found = await self.lookups.search(str(given["words"]), document=str(given.get("document") or ""))
        self.shown.pages |= {(hit.path, hit.page) for hit in found.hits}
        self.shown.words += [f"{hit.path}\n{hit.snippet}" for hit in found.hits]
        return asdict(found)

    async def _read(self, given: Mapping[str, Any]) -> Any:
        page, start = int(given.get("page") or 1), int(given.get("start") or 0)
        found = await self.lookups.pages(str(given["document"]), page, 0, start)
        self.shown.pages |= {(found.path, one.page) for one in found.pages}
        self.shown.words += [found.path, *(one.text for one in found.pages)]
        return asdict(found)

    async def _evidence(self, given: Mapping[str, Any]) -> Any:
        names = (str(given.get(name) or "") for name in ("document", "field", "table"))
        found = await self.lookups.evidence(*names)
        self.shown.pages |= {(proof.path, proof.page) for proof in found.evidence if proof.page}
        self.shown.words += [f"{proof.path}\n{proof.value}\n{proof.quote}" for proof in found.evidence]
        return asdict(found)

    async def _chart(self, given: Mapping[str, Any]) -> Any:
        statement = str(given["sql"])
        table = await sql.selecting(self.lookups.folder, statement, self.lookups.limits)
        names = {name: str(given.get(name) or "") for name in ("kind", "x", "y", "colour", "title")}
        drawn = sql.chart_svg(table, sql.ChartOrder(**names)).encode()
        path = Path("charts") / f"{hashlib.sha256(drawn).hexdigest()[:12]}.svg"
        put(self.lookups.folder / path, drawn)
        if statement not in self.shown.statements:
            self.shown.statements.append(statement)
        self.shown.charts.append(str(path))
        return {"drawn": str(path), "rows": table.num_rows}


def _listed(statement: str) -> str:
    """What a plain SELECT gives back, without what it reads; the whole of any other statement."""
    is_plain = len(re.findall(r"\bselect\b", statement, re.IGNORECASE)) == 1
    return re.split(r"\bfrom\b", statement, maxsplit=1, flags=re.IGNORECASE)[0] if is_plain else statement


def _is_constant(statement: str) -> bool:
    """Whether a statement reads a table and gives back nothing of it, so that its rows say what the model has said."""
    listed = _listed(statement)
    return (
        listed != statement
        and bool(listed.strip())
        and not re.search(r"[^\W\d]|\*", _NO_COLUMN.sub(" ", listed))
    )


def _own_figures(statement: str) -> set[str]:
    """Figures that a statement itself gives back, which its rows do not prove; years, days and small ones apart.

    Those of a plain SELECT stand before its FROM: what a condition names is found in the rows, or is not.
    """
    own = check.figures_in(_listed(statement))
    return {one for one in own if not re.fullmatch(r"(?:19|20)\d\d|\d\d?|100|\d+-\d\d-\d\d", one)}

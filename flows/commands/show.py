"""What people see in the terminal: progress, prices, tables and troubles. Results go to standard output, the rest to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from octavo.flows import consent
from octavo.schemas.errors import OctavoError
from octavo.schemas.sql_names import sql_name

if TYPE_CHECKING:
    from datetime import date

    from octavo.flows.commands.doctor import Finding
    from octavo.flows.commands.evaluate import Report
    from octavo.flows.consent import Estimate
    from octavo.flows.outcome.outcome import Outcome
    from octavo.processors.ask.providers import Catalogue, Model
    from octavo.processors.ask.replies import Account, Order
    from octavo.processors.store.warehouse import TableInfo


class _Output(Console):
    """A console that leaves it to the command line what a reader who has left means."""

    def on_broken_pipe(self) -> None:
        """Called while the error is handled."""
        raise  # noqa: PLE0704 - of the error that is being handled


out = _Output(
    highlight=False, width=None if sys.stdout.isatty() else 160
)  # 160: a pipe has no width of its own
err = Console(stderr=True, highlight=False)


def trouble(error: OctavoError) -> None:
    """One sentence for what happened, one for what to do."""
    err.print(
        f"[bold red]octavo:[/] {escape(error.message)} {escape(error.next_step)}".rstrip(), soft_wrap=True
    )


def note(sentence: str) -> None:
    """A remark that is no part of the result."""
    err.print(escape(sentence), soft_wrap=True)


def notes(sentences: Iterable[str]) -> None:
    """Some of them."""
    for sentence in sentences:
        note(sentence)


def outcome(ended: Outcome) -> None:
    """How a run ended, and where the tables lie, as it also stands in `runs` and on the page of the run."""
    from octavo.flows.outcome.report import report

    err.print(escape(report(ended).rstrip()), soft_wrap=True)


def can_ask() -> bool:
    """Whether somebody at a terminal can be asked."""
    return sys.stdin.isatty() and err.is_terminal


def estimate(found: Estimate, account: Account) -> None:
    """What `octavo plan` says."""
    grid = Table(box=None, show_header=False)
    expected = (
        "as long as earlier ones were"
        if found.learned
        else "as long as schemas and tables let expect, since there are none yet"
    )
    counted = (
        "counted with the model's vocabulary"
        if found.exact
        else "estimated; `octavo doctor` says how to count exactly"
    )
    shown_if = {"Vanished": found.vanished, "Changed": found.changed}
    for name, value in (
        ("Model", f"{account.model.id} at {account.base_url}"),
        ("Files", f"{found.files:,} with {found.pages:,} pages"),
        ("To ask", f"{found.tokens:,} tokens in {found.windows:,} windows ({counted})"),
        ("Windows", f"{found.windows:,}: {found.reason}"),
        ("Known", f"{found.stored:,} replies in the ledger, free"),
        ("Vanished", f"{found.vanished:,} known files, so many that a run removes nothing and says so"),
        ("Changed", f"{found.changed:,} answers, of another question or model than now: asked for again"),
        ("Calls", f"{found.cost.requests:,}"),
        (
            "Tokens",
            f"{found.cost.prompt_tokens:,} in, of which {found.cost.cached_tokens:,} cached; about {found.cost.reply_tokens:,} out",
        ),
        ("Replies", expected),
        ("Price", consent.dollars(found) if account.model.priced else "not in the catalogue"),
        ("Time", consent.time(found)),
        ("Not in it", "what has to be asked again: answers that are not accepted, rows that a list left out"),
    ):
        if shown_if.get(name, True):
            grid.add_row(f"[bold]{name}[/]", escape(value))
    out.print(grid)


def tables(found: Iterable[TableInfo]) -> None:
    """Every table with its columns and what they mean."""
    for table in found:
        meaning = table.meaning.rstrip(".")
        out.print(f"\n[bold]{escape(sql_name(table.name))}[/]  {table.rows:,} rows. {escape(meaning)}.")
        grid = Table(box=None, show_header=False, padding=(0, 2))
        for column in table.columns:
            grid.add_row(
                escape(sql_name(column.name)), f"[dim]{escape(column.type)}[/]", escape(column.meaning)
            )
        out.print(grid)


def models(catalogue: Catalogue) -> None:
    """The catalogue: what can be asked where, at which price per million tokens, and what is gone."""
    gone = Table(
        "model",
        "retired",
        "use instead",
        box=None,
        title="[bold]No longer served[/]",
        title_justify="left",
        style="dim",
    )
    last = []
    grids: dict[tuple[str, ...], Table] = {}
    for model in catalogue.models.values():
        if model.retired and model.is_gone():
            gone.add_row(model.id, f"{model.retired:%Y-%m-%d}", model.successor)
        else:
            grids.setdefault(model.providers, _models_grid(model.providers)).add_row(*_model_cells(model))
            if model.retired:
                last.append(f"{model.id} is retired on {model.retired:%Y-%m-%d}. {model.instead}")
    for grid in (*grids.values(), gone):
        out.print(grid)
        out.print()
    for sentence in (*last, *_sources(catalogue)):
        out.print(escape(sentence), soft_wrap=True)
    anything = ", ".join(provider.name for provider in catalogue.providers.values() if provider.any_model)
    out.print(
        f"Prices are USD per million tokens. Any other model may be asked for at {anything}.", soft_wrap=True
    )


def _sources(catalogue: Catalogue) -> Iterator[str]:
    """Where the numbers were read and when: a line for all that were read together."""
    read: dict[tuple[date | None, str], list[str]] = {}
    models = [(model.read_on, model.source, model.id) for model in catalogue.models.values()]
    tiers = [(limits.read_on, limits.source, f"tier {tier}") for tier, limits in catalogue.tiers.items()]
    for day, source, name in models + tiers:
        if source:
            read.setdefault((day, source), []).append(name)
    for (day, source), names in read.items():
        yield f"Read {f'on {day:%Y-%m-%d} ' if day else ''}in {source}: {', '.join(names)}."


def _models_grid(providers: Sequence[str]) -> Table:
    grid = Table(box=None, title=f"[bold]{escape(', '.join(providers))}[/]", title_justify="left")
    grid.add_column("model", no_wrap=True)
    for name in ("context", "in", "cached", "out", "write 5m/1h", "batch"):
        grid.add_column(name, justify="right")
    for name in ("vision", "thinks"):
        grid.add_column(name)
    return grid


def _model_cells(model: Model) -> Iterator[str]:
    yield from (model.id, f"{model.context_tokens:,}")
    for price in (model.price_in, model.price_cached, model.price_out):
        yield (f"{price:.2f}" if price == round(price, 2) else f"{price:g}") if model.priced else "?"
    yield (
        f"{model.price_cache_write_5m:.2f}/{model.price_cache_write_1h:.2f}"
        if model.price_cache_write_5m
        else ""
    )
    yield f"x {model.batch_factor:g}" if model.batch_factor else ""
    yield from (
        "yes" if model.vision else "",
        {"none": "", "switchable": "off", "always": "always"}[model.thinking],
    )


def scores(report: Report, form: str) -> None:
    """How right the answers are: a line a field, then what the whole says."""
    if form == "json":
        out.print_json(data=report.as_json(), default=str)
        return
    grid = Table("field", box=None)
    for name in ("labelled", "found", "right", "precision", "recall", "F1"):
        grid.add_column(name, justify="right")
    for name, found in report.tallies.items():
        counts = (f"{count:,}" for count in (found.gold, found.found, found.right))
        shares = (f"{share:.3f}" for share in (found.precision, found.recall, found.f1))
        grid.add_row(escape(name), *counts, *shares, style="" if "." in name else "bold")
    out.print(grid)
    for sentence in report.sentences():
        out.print(escape(sentence), soft_wrap=True)


def batches(waiting: Iterable[Order]) -> None:
    """Batches that are not over."""
    grid = Table("batch", "model", "ordered at", "requests", "reserved", box=None)
    for order in waiting:
        grid.add_row(
            order.batch or "not made",
            order.model,
            order.made_at[:19],
            f"{order.requests:,}",
            f"${order.reserved_usd:.2f}",
        )
    out.print(grid if grid.row_count else "No batch is waiting.")


def findings(found: Sequence[Finding]) -> int:
    """What was found, a line each. Gives the exit code: 1 when something that is needed is not as it should be."""
    for finding in found:
        mark = "[green]ok[/]  " if finding.ok else "[red]no[/]  " if finding.needed else "[yellow]--[/]  "
        out.print(f"{mark}[bold]{finding.name:<10}[/] {escape(finding.sentence)}", soft_wrap=True)
    return 0 if all(finding.ok for finding in found if finding.needed) else 1

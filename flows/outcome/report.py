"""How a run ended comes in; its page, as Markdown, goes out: for the Prefect UI, the end of `octavo run`, and `runs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from octavo.flows.consent import usd
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.tally import Share


def report(ended: Outcome) -> str:
    """What is new and what failed, how full and how well proved the fields are, what it cost, and where the tables are."""
    return "\n".join(_lines(ended)).strip() + "\n"


def _lines(ended: Outcome) -> Iterator[str]:
    yield f"**{ended.headline}**"
    yield ""
    yield from (
        f"{sentence}  " for sentence in ended.sentences if sentence != ended.headline
    )  # two blanks end a line in Markdown
    yield from _failures(ended)
    yield from _fields(ended)
    yield from _money(ended)
    review = f" To look at: {ended.waiting}." if ended.to_review else ""
    yield from ("", f"Tables: {_tables(ended.out)}. Run: {ended.run}.{review}")


def _tables(out: str) -> str:
    """Where the tables lie."""
    if "://" in out:
        return f"the Parquet files that {out}/manifest.json names, and `octavo sql --out {out}`"
    return f"{Path(out) / 'warehouse.duckdb'} and {Path(out) / 'tables'}/*/*.parquet"


def _failures(ended: Outcome) -> Iterator[str]:
    if not ended.failures:
        return
    rows = [
        (one.path, ".".join(filter(None, (one.question, one.field))), one.reason, one.detail)
        for one in ended.failures
    ]
    yield from _table("Failed in this run", ("document", "field", "reason", "what to know and do"), rows)
    more = ended.failed - len(rows)
    yield f"\n{f'{more} more are not shown. ' if more > 0 else ''}{ended.sql('FROM review')} lists all."


def _fields(ended: Outcome) -> Iterator[str]:
    if not ended.shares:
        return
    heading, rows = ["field", "answers", "filled", "proved"], []
    if ended.shares_before:
        heading += ["filled in the run before", "proved"]
    for (question, name), share in ended.shares.items():
        row = [f"{question}.{name}", str(share.answers), f"{share.filled_share:.0%}", _proved(share)]
        if ended.shares_before:
            before = ended.shares_before.get((question, name), Share())
            row += [f"{before.filled_share:.0%}" if before.answers else "", _proved(before)]
        rows.append(row)
    yield from _table("Fields of this run's answers", heading, rows)


def _proved(share: Share) -> str:
    return "" if share.proved_share is None else f"{share.proved_share:.0%}"


def _money(ended: Outcome) -> Iterator[str]:
    if ended.engine in ("", "offline"):
        return
    quoted = "" if ended.quoted_usd is None else f"${ended.quoted_usd:.4f}"
    budget = usd(ended.budget_usd) if ended.budget_usd else "none"
    row = (f"{ended.asked:,}", f"{ended.recalled:,}", f"${ended.cost_usd:.4f}", quoted, budget)
    yield from _table("Calls and dollars", ("calls", "from the ledger", "paid", "quoted", "budget"), [row])


def _table(title: str, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown whose columns also stand in a line in a terminal, but for the last one."""
    cells = [[_cell(cell) for cell in row] for row in (heading, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heading) - 1)] + [3]
    yield from ("", f"{title}:", "")
    for number, row in enumerate(cells):
        yield (
            "| "
            + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            + " |"
        )
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def _cell(text: str) -> str:
    """A text that ends no cell and begins no line."""
    return " ".join(text.split()).replace("|", "\\|")

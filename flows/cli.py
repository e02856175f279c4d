"""The command line: every command is one short function; what it does lives elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import select
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from flows import jobs, settings, show
from flows.batches import Halt
from schemas.errors import Interrupted, OctavoError, ResultCut, SettingsError

DRAIN_S = 900.0  # how long a run that was asked to end awaits what is in flight; the gateway cuts a silent call after that (2026-08-13)

Result = TypeVar("Result")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code (see schemas/errors.py). Trouble is a sentence on standard error."""
    try:
        args = parser().parse_args(argv)
        code: int = args.command(args)
    except OctavoError as error:
        show.trouble(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        if not _unread():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(prog="octavo", description="Folders of documents in, checked SQL tables out.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, function in (("run", run), ("plan", plan)):
        command = _command(commands, name, function)
        jobs.add_flags(command)
        command.add_argument("--yes", action="store_true", help="Do not ask before spending.")
        command.add_argument("--prefect", action="store_true", help="Report to Prefect (also done when PREFECT_API_URL is set).")
    sql_command = _command(commands, "sql", sql)
    sql_command.add_argument("statement", help='One SELECT, such as "FROM invoice".')
    sql_command.add_argument("--max-rows", type=_row_count, metavar="N", help="Most rows that are written, 1,000,000 unless named.")
    sql_command.add_argument("--format", choices=("table", "json", "csv", "parquet"), default="table", help="How rows are written.")
    doctor_command = _command(commands, "doctor", doctor)
    jobs.add_provider_flags(doctor_command)
    doctor_command.add_argument(
        "--fetch-tokenizer",
        nargs="?",
        const=settings.PUBLIC_VOCABULARY,
        default="",
        metavar="URL",
        help="First fetch the Kimi vocabulary from the model's public repository, so that tokens are counted exactly.",
    )
    batch_command = _command(commands, "batch", batch)
    batch_command.add_argument("--cancel", metavar="ID", default="", help="End this batch; what it has answered by then is paid and kept.")
    jobs.add_provider_flags(batch_command)
    for command in (sql_command, batch_command, _command(commands, "tables", tables), doctor_command):
        command.add_argument("--out", default="out", help="Output folder of the runs.")
    ledger_command = _command(commands, "ledger", ledger)
    ledger_command.add_argument("action", nargs="?", choices=("show", "replay"), default="show", help="Replay checks stored replies again.")
    ledger_command.add_argument("--out", default="out", help="Output folder of the runs.")
    ledger_command.add_argument("--extract", nargs="+", default=[], metavar="SCHEMA", help="Schemas of a replay, else the last run's.")
    ledger_command.add_argument("--format", choices=("table", "json", "csv"), default="table", help="How rows are written.")
    eval_command = _command(commands, "eval", evaluate)
    eval_command.add_argument("gold", type=Path, help="File or folder of labels.")
    eval_command.add_argument("--out", default="out", help="Output folder of the runs.")
    eval_command.add_argument("--format", choices=("table", "json"), default="table", help="How the scores are written.")
    eval_command.add_argument("--plot", type=Path, metavar="FILE", help="Chart of the F1 of each field, .svg or .png.")
    eval_command.add_argument("--pairs", type=Path, metavar="DIR", help="Schema, label and answer of each document, for other scorers.")
    eval_command.add_argument("--min", nargs="+", default=[], metavar="NAME=F1", help="Exit with 2 when an F1 is below, as all=0.9.")
    models_command = _command(commands, "models", models)
    jobs.add_provider_flags(models_command)
    models_command.add_argument("--check", action="store_true", help="Compare with what the provider serves; needs its key.")
    serve_command = _command(commands, "serve", serve)
    serve_command.add_argument("--host", default="127.0.0.1", help="Address of the Prefect server.")
    serve_command.add_argument("--port", type=int, default=4200, help="Port of the Prefect server.")
    return top


def run(args: argparse.Namespace) -> int:
    """Read a folder, ask about every document, and write tables."""
    job = jobs.from_flags(args)
    halt = Halt()
    approve = show.approve(ask=not (args.yes or job.offline))
    with show.progress() as tell:
        if args.prefect or os.environ.get("PREFECT_API_URL"):
            from flows.reporting import report_to_prefect

            work = report_to_prefect(job, tell, approve=approve, halt=halt)
        else:
            from flows import order

            account = settings.account(job)
            if not account.model.priced:
                show.note(f"No price of {account.model.id} is known, so what this run costs is not counted.")
            work = order.run(job, account, settings.vocabulary(), tell=tell, approve=approve, halt=halt)
        outcome = _until_signalled(work, halt)
    show.outcome(outcome, job)
    return outcome.exit_code


def plan(args: argparse.Namespace) -> int:
    """Say what a run would cost, and make no call."""
    from flows import order

    job = jobs.from_flags(args)
    account = settings.account(job, key_needed=False)
    with show.progress() as tell:
        estimate = asyncio.run(order.plan(job, account, settings.vocabulary(), tell=tell))
    show.estimate(estimate, account)
    return 0


def sql(args: argparse.Namespace) -> int:
    """Query the tables, read-only."""
    from processors.query import sql as query

    limits = query.Limits() if args.max_rows is None else query.Limits(rows=args.max_rows)
    table = query.select(Path(args.out), args.statement, limits)
    query.write(table, args.format, sys.stdout.buffer)
    cut = query.truncation(table)
    if cut and table.num_rows != args.max_rows:  # so many were asked for, or it is a part that passes for the whole
        raise ResultCut(cut, next_step="--max-rows N writes more rows; or ask for less: fewer columns, WHERE, LIMIT.")
    if cut and args.format != "table":
        show.note(cut)
    return 0


def tables(args: argparse.Namespace) -> int:
    """Show tables, what their columns mean, and how many rows they have."""
    from processors.store.warehouse import Warehouse

    found = Warehouse(Path(args.out)).tables()
    if not found:
        raise SettingsError(f"There is no warehouse in {args.out}.", about="out", next_step="`octavo run INBOX --out DIR` makes one.")
    show.tables(found)
    return 0


def batch(args: argparse.Namespace) -> int:
    """List the batches that wait at the provider, or end one of them."""
    from flows import asking_in_bulk as bulk

    if args.cancel:
        status = asyncio.run(bulk.cancel(jobs.from_flags(args), args.cancel, os.environ))
        show.note(f"{args.cancel} is {status}. The next run on this folder fetches what it has answered.")
    else:
        show.batches(bulk.waiting(Path(args.out)))
    return 0


def ledger(args: argparse.Namespace) -> int:
    """Show what was spent by day, model, run and question, and what is maybe paid; or check all stored replies again, for nothing."""
    from flows import money
    from processors.query import sql as query

    if args.action == "show":
        query.write(money.spent(Path(args.out)), args.format, sys.stdout.buffer)
        return 0
    from flows import order

    job = money.replay(Path(args.out), {"extract": args.extract} if args.extract else {})
    halt = Halt()
    with show.progress() as tell:
        work = order.run(job, settings.account(job), settings.vocabulary(), steps=("extract", "summarize"), tell=tell, halt=halt)
        outcome = _until_signalled(work, halt)
    show.outcome(outcome, job)
    return outcome.exit_code


def evaluate(args: argparse.Namespace) -> int:
    """Compare the answers with labels: precision, recall and F1 by field, pages of evidence, cost a page."""
    from flows import evaluating

    report = evaluating.evaluate(args.gold, Path(args.out))
    short = evaluating.shortfalls(report, args.min)
    show.scores(report, args.format)
    if args.plot:
        evaluating.draw(report, args.plot)
    if args.pairs:
        evaluating.write_pairs(report, args.pairs)
    for sentence in short:
        show.note(sentence)
    return 2 if short else 0


def models(args: argparse.Namespace) -> int:
    """Show the catalogue: models, prices, and what became of retired ones; or compare it with what the provider serves."""
    job = jobs.from_flags(args)
    if not args.check:
        show.models(settings.catalogue(job.catalogue))
        return 0
    from flows.doctor import compare

    return show.findings(asyncio.run(compare(job)))


def doctor(args: argparse.Namespace) -> int:
    """Check key, provider, tokenizer, OCR, Prefect and output folder, and say what to do; fetch the Kimi vocabulary when asked."""
    from flows.doctor import examine

    if args.fetch_tokenizer:
        from flows.tokenizer import fetch

        show.note(f"The vocabulary is at {fetch(args.fetch_tokenizer)}.")
    return show.findings(asyncio.run(examine(jobs.from_flags(args))))


def serve(args: argparse.Namespace) -> int:
    """Start the Prefect UI with all deployments and a worker; Ctrl-C ends it."""
    from flows.serve import serve as start

    return start(args.host, args.port)


def _until_signalled(work: Coroutine[Any, Any, Result], halt: Halt) -> Result:
    """Run to the end. The first SIGINT or SIGTERM lets what is in flight finish and commit; a second one, or DRAIN_S, stops at once."""

    async def guarded() -> Result:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        heard: list[int] = []

        def hear(number: int) -> None:
            if heard:
                task.cancel()
            heard.append(number)
            halt.end(Interrupted(number))
            loop.call_later(DRAIN_S, task.cancel)

        def listen() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, hear, number)

        halt.listen = listen
        listen()
        return await task

    gc.freeze()  # what was imported stays, so no collection need go through it: a tenth of what a document takes, measured 2026-11
    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise halt.error or Interrupted(signal.SIGTERM) from None
    finally:
        gc.unfreeze()  # else DuckDB's binding reports what nobody frees at exit as leaks


def _row_count(text: str) -> int:
    """A number of rows on the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


def _unread() -> bool:
    """Whether who read our output has left, so that there is no one to tell; any other broken pipe is trouble."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are always reported
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _command(commands: Any, name: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
    command.set_defaults(command=function)
    return command


if __name__ == "__main__":
    sys.exit(main())

"""The command line: every command is one short function; what it does lives elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from octavo.flows import settings
from octavo.flows.commands import flags, jobs, parsing, progress, show
from octavo.flows.commands.signals import until_signalled
from octavo.flows.hooks import Hooks, StopSignal
from octavo.flows.outcome.outcome import Outcome
from octavo.schemas.errors import OctavoError, RequestError, ResultCut, SettingsError, UsageError
from octavo.schemas.job import Job

KEEP_URL = (
    "run",
    "plan",
    "metrics",
    "rebuild",
)  # jobs name their output as it was given; other commands read its work folder
DEFECT = 70  # EX_SOFTWARE of sysexits.h
ONLY_READS = "No question is asked: the files were only read. --extract invoice, or another schema, and --summarize ask one."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code (see schemas/errors.py). Trouble is a sentence on standard error."""
    words = sys.argv[1:] if argv is None else argv
    try:
        args = parsing.parse(*flags.parsers(COMMANDS), words)
        if "://" in getattr(args, "out", "") and args.command.__name__ not in KEEP_URL:
            args.out = str(settings.out_folder(args.out, fresh=True))
        code: int = args.command(args)
    except OctavoError as error:
        if "--json" in words:
            progress.emit_trouble(error)
        show.trouble(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        if not _unread():
            return _defect()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - said in full, and by an exit code that no trouble of the user's has
        return _defect()
    return code


def _defect() -> int:
    """Say what only a mistake of ours can have raised."""
    traceback.print_exc()
    show.note("octavo: This is a mistake in Octavo. What is done is kept; please report the lines above.")
    return DEFECT


def run(args: argparse.Namespace) -> int:
    """Read a folder, ask about every document, and write tables."""
    job = jobs.from_flags(args)
    stop = StopSignal()
    with progress.reporter(stop, quiet=args.quiet, as_json=args.json) as report:
        asks = bool(job.extract or job.summarize)
        approve = progress.approve(job, report)
        if args.prefect or os.environ.get("PREFECT_API_URL"):
            from octavo.flows.commands.run_in_prefect import report_to_prefect

            told = {"asks": report.asks, "say": report.note, "patience_s": args.wait_s}
            work = report_to_prefect(job, report.tell, approve=approve, stop=stop, **told)
        else:
            from octavo.flows import folder_queue, order
            from octavo.flows.runners.chosen import workers_of

            account = settings.account(job, key_needed=asks)
            if asks and not account.model.priced:
                report.note(
                    f"No price of {account.model.id} is known, so what this run costs is not counted."
                )
            hooks = Hooks(report.tell, approve=approve, stop=stop, workers=workers_of(job))
            again = partial(order.run, job, account, settings.vocabulary(), hooks=hooks)
            work = folder_queue.in_turn(
                again, job, order.ASKS, patience_s=args.wait_s, say=report.wait, stop=stop
            )
        outcome = until_signalled(work, stop, report.note)
    if not asks:
        report.note(ONLY_READS)
    report.outcome(outcome)
    return outcome.exit_code


def plan(args: argparse.Namespace) -> int:
    """Say what a run would cost, and make no call."""
    from octavo.flows import order

    job = jobs.from_flags(args)
    account = settings.account(job, key_needed=False)
    with progress.reporter(StopSignal(), quiet=args.quiet, as_json=args.json) as report:
        estimate = asyncio.run(order.plan(job, account, settings.vocabulary(), on_progress=report.tell))
        if not (job.extract or job.summarize):
            report.note(ONLY_READS)
    if args.json:
        report.price(estimate)
    else:
        show.estimate(estimate, account)
    order.foresee(job)
    return 0


def prompt(args: argparse.Namespace) -> int:
    """Show what would be sent about one file, with its tokens by part; nothing is sent."""
    from octavo.flows.commands import prompt as prompts

    job = jobs.from_flags(args)
    prompts.write(asyncio.run(prompts.first_requests(job)), as_json=args.format == "json")
    return 0


def sql(args: argparse.Namespace) -> int:
    """Query the tables, read-only."""
    from octavo.processors.query import sql as query

    limits = query.QueryLimits() if args.max_rows is None else query.QueryLimits(rows=args.max_rows)
    table = query.select(Path(args.out), args.statement, limits)
    query.write(table, args.format, sys.stdout.buffer)
    cut = query.truncation(table)
    if (
        cut and table.num_rows != args.max_rows
    ):  # so many were asked for, or it is a part that passes for the whole
        raise ResultCut(
            cut, next_step="--max-rows N writes more rows; or ask for less: fewer columns, WHERE, LIMIT."
        )
    if cut and args.format != "table":
        show.note(cut)
    return 0


def tables(args: argparse.Namespace) -> int:
    """Show tables, what their columns mean, and how many rows they have."""
    from octavo.processors.store.warehouse import Warehouse

    found = Warehouse(Path(args.out)).tables()
    if not found:
        raise SettingsError(
            f"There is no warehouse in {args.out}.",
            about="out",
            next_step="`octavo run INBOX --out DIR` makes one.",
        )
    show.tables(found)
    return 0


def batch(args: argparse.Namespace) -> int:
    """List the batches that wait at the provider, or end one of them."""
    from octavo.flows.commands import waiting_batches

    if args.cancel:
        status = asyncio.run(waiting_batches.cancel(jobs.from_flags(args), args.cancel, os.environ))
        show.note(f"{args.cancel} is {status}. The next run on this folder fetches what it has answered.")
    else:
        show.batches(waiting_batches.waiting(Path(args.out)))
    return 0


def ledger(args: argparse.Namespace) -> int:
    """Show what was spent by day, model, run and question; check all stored replies again, for nothing; back up and restore."""
    from octavo.flows.commands import backup, ledger
    from octavo.processors.query import sql as query

    if args.action == "show":
        query.write(ledger.spent(Path(args.out)), args.format, sys.stdout.buffer)
        return 0
    if args.action in backup.ACTIONS:
        show.notes(backup.carry(args.action, Path(args.out), to=args.to, source=args.from_folder))
        return 0
    from octavo.flows import order

    job = ledger.replay(Path(args.out), {"extract": args.extract} if args.extract else {})
    stop = StopSignal()
    with progress.reporter(stop) as report:
        steps = (order.price_and_approve, order.answer)
        hooks = Hooks(on_progress=report.tell, stop=stop)
        work = order.run(job, settings.account(job), settings.vocabulary(), steps=steps, hooks=hooks)
        outcome = until_signalled(work, stop, report.note)
    show.outcome(outcome)
    return outcome.exit_code


def metrics(args: argparse.Namespace) -> int:
    """Print how an output folder is as Prometheus text: documents, rejects, calls, dollars, the last run."""
    from octavo.flows.commands import metrics

    metrics.write(settings.out_folder(args.out), args.out, args.to)
    return 0


def rebuild(args: argparse.Namespace) -> int:
    """Make an output folder of tables that stand on a bucket."""
    from octavo.flows.commands.rebuild import rebuilt

    show.note(rebuilt(args.from_url, Path(args.out)))
    return 0


def migrate(args: argparse.Namespace) -> int:
    """Move the ledger, the corrections and what was spent from files into the PostgreSQL database that OCTAVO_STATE names."""
    from octavo.flows.commands import migrate

    show.notes(migrate.migrate(Path(args.out)))
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Compare the answers with labels: precision, recall and F1 by field, pages of evidence, cost a page."""
    from octavo.flows.commands import evaluate

    if args.forms:
        return _forms(args)
    report = evaluate.evaluate(args.gold, Path(args.out))
    short = evaluate.shortfalls(report, args.min)
    show.scores(report, args.format)
    if args.plot:
        evaluate.draw(report, args.plot)
    if args.pairs:
        evaluate.write_pairs(report, args.pairs)
    wrong = [report.nothing] if report.nothing else short
    show.notes(wrong)
    return 2 if wrong else 0


def _forms(args: argparse.Namespace) -> int:
    """Ask about the labelled documents in each form of replies, and compare."""
    from octavo.flows import order
    from octavo.flows.commands import forms

    job = jobs.from_flags(args)

    def run(of_form: Job) -> Outcome:
        stop = StopSignal()
        with progress.reporter(stop, quiet=True) as report:
            hooks = Hooks(on_progress=report.tell, approve=progress.approve(of_form, report), stop=stop)
            work = order.run(of_form, settings.account(of_form), settings.vocabulary(), hooks=hooks)
            return until_signalled(work, stop, report.note)

    forms.write(list(forms.measure(job, args.gold, run)), args.format)
    return 0


def correct(args: argparse.Namespace) -> int:
    """Take corrections of values from a file (CSV or JSON), or write what people said as labels for `octavo eval`."""
    from octavo.flows.commands import correct
    from octavo.flows.corrections import entry

    if bool(args.file) == bool(args.export):
        raise UsageError(
            "`octavo correct` takes a FILE, or --export FILE.",
            next_step="`octavo correct --help` says how it is used.",
        )
    if args.export:
        show.note(
            f"{correct.export(args.export, Path(args.out))} answers with corrections are labels in {args.export}."
        )
        return 0
    taken = correct.take(args.file, Path(args.out), args.who or entry.user())
    show.notes(taken.sentences())
    return 2 if taken.refused else 0


def review(args: argparse.Namespace) -> int:
    """Open the values to be looked at in the browser, beside their pages; corrections are kept. Ctrl-C ends it."""
    from octavo.flows.review.server import serve

    return serve(
        Path(args.out), port=args.port, browser=not args.no_browser, read_only=args.read_only, say=show.note
    )


def report(args: argparse.Namespace) -> int:
    """Write one HTML file about a run, to be mailed: outcome, charts, records, and cut-outs of the pages of doubtful values."""
    from octavo.flows.review.html_report import write_report

    written = asyncio.run(write_report(Path(args.out), run=args.run, to=args.to, most=args.most))
    show.note(written)
    return 0


def models(args: argparse.Namespace) -> int:
    """Show the catalogue: models, prices, and what became of retired ones; or compare it with what the provider serves."""
    job = jobs.from_flags(args)
    if not args.check:
        show.models(settings.catalogue(job.catalogue))
        return 0
    from octavo.flows.commands.doctor import compare

    return show.findings(asyncio.run(compare(job)))


def doctor(args: argparse.Namespace) -> int:
    """Check key, provider, tokenizer, OCR, Prefect and output folder, and say what to do; fetch the Kimi vocabulary when asked."""
    from octavo.flows.commands.doctor import examine

    if args.fetch_tokenizer:
        from octavo.flows.commands.tokenizer import fetch

        show.note(f"The vocabulary is at {fetch(args.fetch_tokenizer)}.")
    return show.findings(asyncio.run(examine(jobs.from_flags(args))))


def serve(args: argparse.Namespace) -> int:
    """Start the Prefect UI with all deployments and a worker; Ctrl-C ends it."""
    from octavo.flows.serving.serve import serve as start

    return start(args.host, args.port)


def ask(args: argparse.Namespace) -> int:
    """Ask a question in words about the tables; the answer comes with its SQL and pages."""
    from octavo.flows.commands import ask as asking

    job, out = jobs.from_flags(args), Path(args.out)
    conversation = asking.begun(out, go_on=args.go_on)
    as_json = args.format == "json"
    found = asyncio.run(asking.answer(job, args.question, conversation, web=args.web, streams=not as_json))
    asking.write(found, out, as_json=as_json)
    return 0 if found.text.strip() else 2


def chat(args: argparse.Namespace) -> int:
    """Ask one question after the other, until /quit; the conversation is kept in the output folder."""
    from octavo.flows.commands import ask as asking

    job, out = jobs.from_flags(args), Path(args.out)
    conversation = asking.begun(out, go_on=args.go_on)
    for question in asking.questions():
        try:
            found = asyncio.run(asking.answer(job, question, conversation, web=args.web, streams=True))
        except RequestError as error:
            show.trouble(error)
            continue
        asking.write(found, out, as_json=False)
    return 0


def mcp(args: argparse.Namespace) -> int:
    """Let programs that speak MCP look into the tables and, with --inbox, have files read at a price."""
    from octavo.flows.commands import mcp

    args.inbox, with_inbox = args.inbox or ".", bool(args.inbox)
    mcp.serve(jobs.from_flags(args), with_inbox=with_inbox, port=args.http)
    return 0


def _unread() -> bool:
    """Whether who read our output has left, so that there is no one to tell; any other broken pipe is trouble."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are always reported
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


COMMANDS = {
    function.__name__: function
    for function in (
        run, plan, prompt, sql, tables, review, correct, report, batch, ledger, metrics, rebuild, migrate, models, doctor,
        serve, ask, chat, mcp,
    )
} | {"eval": evaluate}  # fmt: skip


def parser() -> parsing.Parser:
    """All commands and their flags."""
    return flags.parsers(COMMANDS)[0]


if __name__ == "__main__":
    sys.exit(main())

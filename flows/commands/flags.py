"""The flags of all commands: what each does stands in `cli`, what a job may say in `schemas.job`, and what is not understood in `usage`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from octavo.flows import settings
from octavo.flows.commands import jobs, parsing

ASK_FIELDS = (  # of a job, that a question may say too
    "tier",
    "concurrency",
    "budget_usd",
    "budget_day_usd",
    "budget_month_usd",
    "budget_project_usd",
    "project",
    "unpriced",
    "offline",
)
Command = Callable[[argparse.Namespace], int]


def parsers(functions: Mapping[str, Command]) -> tuple[parsing.Parser, Any]:
    """The parser of the whole command line, and those of its commands, each of which runs the function of its name."""
    top = parsing.Parser(prog="octavo", description="Folders of documents in, checked SQL tables out.")
    top.add_argument("--version", action="version", version=f"octavo {version('octavo')}")
    subparsers = top.add_subparsers(metavar="COMMAND")
    commands: dict[str, parsing.Parser] = {}
    for name, function in functions.items():
        commands[name] = subparsers.add_parser(name, help=function.__doc__, description=function.__doc__)
        commands[name].set_defaults(command=function)
    jobs.add_flags(commands["prompt"])
    _add_format(commands["prompt"], ("table", "json"))
    for command in (commands["run"], commands["plan"]):
        jobs.add_flags(command)
        loudness = command.add_mutually_exclusive_group()
        loudness.add_argument("--quiet", action="store_true", help="Say nothing unless something went wrong.")
        loudness.add_argument(
            "--json", action="store_true", help="Say how it goes as JSON on standard output, an event a line."
        )
        command.add_argument(
            "--prefect",
            action="store_true",
            help="Report to Prefect (also done when PREFECT_API_URL is set).",
        )
    wait = parsing.number(float, least=0)
    commands["run"].add_argument(
        "--wait-s",
        type=wait,
        default=0.0,
        metavar="X",
        help="Seconds to wait while another run holds the output folder; unless named none.",
    )
    _query_flags(commands)
    _review_flags(commands)
    _provider_flags(commands)
    _eval_flags(commands["eval"])
    _ask_flags(commands)
    _mcp_flags(commands["mcp"])
    serve_command = commands["serve"]
    serve_command.add_argument("--host", default="127.0.0.1", help="Address of the Prefect server.")
    serve_command.add_argument(
        "--port", type=parsing.number(int), default=4200, metavar="N", help="Port of the Prefect server."
    )
    return top, subparsers


def _query_flags(commands: Mapping[str, parsing.Parser]) -> None:
    """The commands that read an output folder: sql, tables and ledger."""
    command = commands["sql"]
    command.add_argument("statement", help='One SELECT, such as "FROM invoice".')
    rows = parsing.number(int, least=0)
    command.add_argument(
        "--max-rows", type=rows, metavar="N", help="Most rows that are written, 1,000,000 unless named."
    )
    _add_format(command, ("table", "json", "csv", "parquet"))
    _add_out(command)
    _add_out(commands["tables"])
    _add_out(commands["migrate"])
    command = commands["ledger"]
    actions = ("show", "replay", "backup", "restore")
    command.add_argument(
        "action",
        nargs="?",
        type=parsing.one_of(actions),
        default="show",
        help="Replay checks stored replies again; backup and restore carry it away and back.",
    )
    command.add_argument("--to", type=Path, metavar="FOLDER", help="Where a backup goes.")
    command.add_argument(
        "--from", dest="from_folder", type=Path, metavar="FOLDER", help="The backup of a restore."
    )
    _add_out(command)
    command.add_argument(
        "--extract", nargs="+", default=[], metavar="SCHEMA", help="Schemas of a replay, else the last run's."
    )
    _add_format(command, ("table", "json", "csv"))
    command = commands["metrics"]
    command.add_argument("--to", type=Path, metavar="FILE", help="Write them to a file, in one step.")
    _add_out(command)
    command = commands["rebuild"]
    about = "s3://bucket/prefix that a run had as --out."
    command.add_argument("--from", dest="from_url", required=True, metavar="URL", help=about)
    _add_out(command)


def _review_flags(commands: Mapping[str, parsing.Parser]) -> None:
    """The commands about what a person should look at: review, correct and report."""
    command = commands["review"]
    command.add_argument(
        "--port",
        type=parsing.number(int, least=0),
        default=0,
        metavar="N",
        help="Port on 127.0.0.1; a free one unless named.",
    )
    command.add_argument("--no-browser", action="store_true", help="Print the link, and open nothing.")
    command.add_argument("--read-only", action="store_true", help="Show everything, and take no corrections.")
    _add_out(command)
    command = commands["correct"]
    command.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="CSV or JSON: document, schema, field, value, verdict, who, note; or labels.",
    )
    command.add_argument(
        "--export", type=Path, metavar="FILE", help="Write what people said as labels for `octavo eval`."
    )
    command.add_argument(
        "--who",
        default="",
        metavar="NAME",
        help="Whose corrections they are where the file does not say; the user of this machine unless named.",
    )
    _add_out(command)
    command = commands["report"]
    command.add_argument("--run", default="", metavar="ID", help="Run to report; the last one unless named.")
    command.add_argument(
        "--to",
        type=Path,
        metavar="FILE.html",
        help="Where to write it; report.html in the output folder unless named.",
    )
    command.add_argument(
        "--most",
        type=parsing.number(int, least=0),
        default=200,
        metavar="N",
        help="Most cut-outs of pages in it, 200 unless named.",
    )
    _add_out(command)


def _provider_flags(commands: Mapping[str, parsing.Parser]) -> None:
    """The commands that speak to a provider about other things than documents: doctor, batch and models."""
    command = commands["doctor"]
    jobs.add_provider_flags(command)
    about = "First fetch the Kimi vocabulary from the model's public repository, so that tokens are counted exactly."
    command.add_argument(
        "--fetch-tokenizer",
        nargs="?",
        const=settings.PUBLIC_VOCABULARY,
        default="",
        metavar="URL",
        help=about,
    )
    _add_out(command)
    command = commands["batch"]
    command.add_argument(
        "--cancel",
        metavar="ID",
        default="",
        help="End this batch; what it has answered by then is paid and kept.",
    )
    jobs.add_provider_flags(command)
    _add_out(command)
    command = commands["models"]
    jobs.add_provider_flags(command)
    command.add_argument(
        "--check", action="store_true", help="Compare with what the provider serves; needs its key."
    )


def _ask_flags(commands: Mapping[str, parsing.Parser]) -> None:
    """Questions in words: who answers, for how much, and whether the last conversation goes on."""
    for command in (commands["ask"], commands["chat"]):
        if command is commands["ask"]:
            command.add_argument("question", help='A question, such as "Which suppliers raised prices?"')
            _add_format(command, ("text", "json"))
        _add_out(command)
        command.add_argument(
            "--continue",
            dest="go_on",
            action="store_true",
            help="Go on with the conversation of this folder.",
        )
        command.add_argument(
            "--web", action="store_true", help="Let the model search the web, where the provider has that."
        )
        jobs.add_provider_flags(command, ASK_FIELDS)


def _mcp_flags(command: parsing.Parser) -> None:
    """What programs may do with an output folder, and by which way they come."""
    _add_out(command)
    command.add_argument(
        "--http",
        nargs="?",
        type=parsing.number(int, least=0),
        const=8765,
        metavar="PORT",
        help="Serve on 127.0.0.1 instead of standard input and output; 8765 unless named.",
    )
    _mcp_paid_flags(command)


def _mcp_paid_flags(command: parsing.Parser) -> None:
    """Who is asked about files, and for how much."""
    jobs.add_provider_flags(command, ("extract", *ASK_FIELDS))
    command.set_defaults(inbox="")
    command.add_argument(
        "--inbox", metavar="FOLDER", help="Files that programs may have extracted and summarized, at a price."
    )


def _eval_flags(command: parsing.Parser) -> None:
    """Scores of an output folder; the flags of a job are for `--forms`, which asks."""
    command.add_argument("gold", type=Path, help="File or folder of labels.")
    jobs.add_flags(command)
    command.set_defaults(inbox=".", out="out")
    command.add_argument(
        "--forms",
        action="store_true",
        help="Ask about the labelled files of INBOX in each form of replies, and compare.",
    )
    _add_format(command, ("table", "json"))
    command.add_argument(
        "--plot", type=Path, metavar="FILE", help="Chart of the F1 of each field, .svg or .png."
    )
    command.add_argument(
        "--pairs",
        type=Path,
        metavar="DIR",
        help="Schema, label and answer of each document, for other scorers.",
    )
    command.add_argument(
        "--min", nargs="+", default=[], metavar="NAME=F1", help="Exit with 2 when an F1 is below, as all=0.9."
    )


def _add_out(command: parsing.Parser) -> None:
    command.add_argument("--out", default="out", metavar="DIR", help="Output folder of the runs.")


def _add_format(command: parsing.Parser, forms: Sequence[str]) -> None:
    what = f"How the result is written: {', '.join(forms)}."
    command.add_argument(
        "--format", type=parsing.one_of(forms), default=forms[0], metavar="FORMAT", help=what
    )

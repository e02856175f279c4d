"""What a call is billed beside the documents: by the emulator's journal, in tokens of the Kimi vocabulary, at the prices of the catalogue.

    python -m tests.benchmarks.cheap [--documents 2000]

In: generated slips of 300 tokens with five fields, the labels of `data/samples`, and the vocabulary. The emulator answers at once,
so that only its bill counts. Out: prompt tokens by document tokens, with the fewest windows, by tier, and with one document a request, as
this client and as one with plain JSON asks; dollars of the prompts of three questions by those of one, over the slips and over the samples;
reply tokens by those of the same values as plain JSON, written with spaces (`json.dumps`), without, and indented.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from octavo.flows import order, settings
from octavo.processors.pack import windows as pack
from octavo.schemas.compile import row_codec
from octavo.schemas.compile.compiler import compile_question, shipped
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Field, Question
from tests.benchmarks import tokens as counts
from tests.benchmarks.documents import SCHEMA, make
from tests.emulator.config import Config
from tests.emulator.fixture import running
from tests.emulator.oracle import labelled_lines

SAMPLES = counts.ROOT / "data" / "samples"
WORDS, FEW = 259, 200  # of a slip, which has then 300 tokens; slips that are asked about one by one
MARK, TIGHT = (
    "\ue000",
    (",", ":"),
)  # around numbers, which are written as they are labelled; JSON without spaces
FREE = 1_000_000_000  # a limit that binds nothing


class Bill(NamedTuple):
    """What a run was billed: calls, tokens, and dollars of its prompts."""

    calls: int
    prompt: int
    cached: int
    reply: int
    prompt_usd: float


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description="Tokens and dollars beside those of the documents.")
    parser.add_argument("--documents", type=int, default=2_000)
    number = parser.parse_args().documents
    if not counts.VOCABULARY.exists():
        print(f"There is no Kimi vocabulary at {counts.VOCABULARY}, so nothing can be counted.")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "in", number, WORDS)
        make(folder / "few", FEW, WORDS)
        for schema in ("parcel", "label", "note"):
            (folder / f"{schema}.json").write_text(
                json.dumps({**SCHEMA, "description": f"A {schema} that was sent."}), encoding="utf-8"
            )
        prompts(folder, number)
        questions(folder)
    replies()


def prompts(folder: Path, number: int) -> None:
    """Prompt tokens by document tokens, over the slips."""
    ways: dict[str, dict[str, Any]] = {"one call at a time": {"tier": 1, "concurrency": 1}}
    ways |= {f"tier {tier}": {"tier": tier} for tier in (1, 3, 5)}
    print(
        f"{number:,} documents of {tokens_of(folder / 'in') / number:.0f} tokens, five fields; prompt tokens by document tokens:"
    )
    for label, changes in ways.items():
        say(label, folder / "in", billed(folder / "in", [folder / "parcel.json"], **changes))
    say(
        "one a request",
        folder / "few",
        billed(folder / "few", [folder / "parcel.json"], max_documents_per_window=1),
    )
    plain = billed(folder / "few", [folder / "parcel.json"], max_documents_per_window=1, plain_json=True)
    say("one a request, plain JSON", folder / "few", plain)


def say(label: str, inbox: Path, bill: Bill) -> None:
    """Print a line of the first figure."""
    number = len(list(inbox.iterdir()))
    share = bill.prompt / tokens_of(inbox)
    print(
        f"  {label:<26} {number:,} documents in {bill.calls} calls: {share:.3f}; {bill.reply / number:.1f} reply tokens a document"
    )


@cache
def tokens_of(inbox: Path) -> int:
    """Tokens of the texts of a folder."""
    count = pack.counter(counts.VOCABULARY.read_bytes())
    return sum(count(path.read_text(encoding="utf-8")) for path in inbox.iterdir())


def questions(folder: Path) -> None:
    """Dollars of the prompts of three questions by those of one."""
    slips = [folder / f"{name}.json" for name in ("parcel", "label", "note")]
    for label, inbox, asked in (
        ("slips", folder / "in", slips),
        ("data/samples", SAMPLES, ["invoice", "receipt", "contract"]),
    ):
        three = billed(inbox, asked, tier=1)
        ones = [billed(inbox, [one], tier=1).prompt_usd for one in (asked if inbox == SAMPLES else asked[:1])]
        mean_usd = sum(ones) / len(ones)
        print(
            f"three questions over {label}: {three.prompt_usd / mean_usd:.3f} x the prompt dollars of one "
            f"(${three.prompt_usd:.4f} against {', '.join(f'${usd:.4f}' for usd in ones)}), {three.calls} calls, "
            f"{three.cached / three.prompt:.2f} of the prompt tokens cached"
        )


def replies() -> None:
    """Tokens of replies by those of plain JSON, over the labels of the samples, by schema."""
    count = pack.counter(counts.VOCABULARY.read_bytes())
    gold = json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8")).values()
    totals = [0, 0, 0, 0]
    print("reply tokens by those of plain JSON: with spaces, without, indented")
    for name in shipped():
        question = compile_question(name)
        records = [
            value_of(question.fields, one["values"])
            for one in gold
            if one.get("schema") == name and one.get("values")
        ]
        if not records:
            continue
        sizes = [count(text) for text in written(question, records)]
        totals = [total + size for total, size in zip(totals, sizes, strict=True)]
        print(f"  {name:<10} {len(records)} labelled  {shares(sizes)}")
    print(f"  all {sum(bool(one.get('values')) for one in gold):>14}     {shares(totals)}")


def written(question: Question, records: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, str]:
    """A reply with these records: in the short form, and as plain JSON with spaces, without, and indented."""
    known, named = (
        row_codec.legend(question.fields),
        [(f"{285_612 + at}", record) for at, record in enumerate(records)],
    )
    short = {"documents": [[key, row_codec.encode(known, record)] for key, record in named]}
    plain = {"documents": [{"id": key, "record": record} for key, record in named]}
    return (
        _json(short, separators=TIGHT),
        _json(plain),
        _json(plain, separators=TIGHT),
        _json(plain, indent=2),
    )


def shares(sizes: Sequence[int]) -> str:
    """The first size by each of the others."""
    return "  ".join(f"{sizes[0] / size:.3f}" for size in sizes[1:])


def value_of(fields: Sequence[Field], labels: Mapping[str, Any]) -> dict[str, Any]:
    """A labelled record as a model would have it: every field, numbers as numbers, null for what is not there."""
    return {field.name: _value(field, labels.get(field.name)) for field in fields}


def billed(inbox: Path, asked: Sequence[str | Path], **changes: Any) -> Bill:
    """Do a job as `octavo run` does; gives its bill."""
    config = Config(
        tier=5,
        timing=False,
        oracle=labelled_lines,
        vocabulary=str(counts.VOCABULARY),
        rpm=FREE,
        tpm=FREE,
        concurrency=FREE,
    )
    with running(config) as kimi, tempfile.TemporaryDirectory() as out:
        asking = {
            "inbox": str(inbox),
            "out": out,
            "extract": list(map(str, asked)),
            "base_url": kimi.base_url,
            "rpm": FREE,
        }
        job = Job.model_validate({"tier": 5, **asking, **changes})
        account = settings.account(job, {}, key=kimi.key)
        asyncio.run(order.run(job, account, counts.VOCABULARY.read_bytes()))
        paid = kimi.paid()
    prompt, cached, reply = (
        sum(getattr(entry, f"{name}_tokens") for entry in paid) for name in ("prompt", "cached", "reply")
    )
    return Bill(len(paid), prompt, cached, reply, account.model.cost_usd(prompt, 0, cached))


def _value(field: Field, label: Any) -> Any:
    if isinstance(label, dict) and "any_of" in label:
        label = label["any_of"][0]
    if label is None:
        return None
    if field.kind == "record":
        return value_of(field.fields, label)
    if field.kind == "list" and field.item:
        return [_value(field.item, item) for item in label]
    return f"{MARK}{label}{MARK}" if field.kind in ("decimal", "number") else label


def _json(value: Any, **how: Any) -> str:
    """JSON with numbers as they are labelled, digit by digit."""
    text = json.dumps(value, ensure_ascii=False, **how)
    return text.replace(f'"{MARK}', "").replace(f'{MARK}"', "")


if __name__ == "__main__":
    main()

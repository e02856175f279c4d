"""How full windows are, and how long a run takes beside the least that it can take, and beside one document a request.

    python -m tests.benchmarks.packing [--tiers 1 3 5] [--real]

In: the corpus and the Kimi vocabulary; for the time generated slips of about 300 tokens, and the emulator at 40 tokens a second without
jitter. Time is false: it passes when client and emulator have nothing to do, so that the machine does not count; with `--real` it is
true, and counts. Out: by size of a window, fill and number beside the lower bound ceil(sum / size). By tier, the makespan beside the
longer of two lower bounds (all tokens through all calls in flight; requests and tokens a minute); documents a minute beside those of the
same client with one a request, and beside the most that requests a minute allow anybody with one a request.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import math
import os
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from octavo.flows import order, settings
from octavo.flows.consent import Estimate
from octavo.flows.hooks import Hooks
from octavo.processors.ask import replies
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.pack import windows as pack
from octavo.schemas.job import Job
from tests.benchmarks import tokens as counts
from tests.benchmarks.documents import SCHEMA, make
from tests.benchmarks.kimi import emulator
from tests.emulator.config import Config
from tests.emulator.oracle import labelled_lines
from tests.false_time import emulated, now, run, wall

Asking = Callable[
    [Path, int, int], tuple[Estimate, dict[str, Any]]
]  # folder, tier, documents a window at most; price said, what came

TOKENS_PER_S, PREFILL_TOKENS_PER_S, FIRST_TOKEN_S = 40.0, 8_000.0, 0.3  # of the emulator
DOCUMENTS = {1: 600, 3: 1_500, 5: 3_000}
WORDS = 259  # of a slip, which has then 300 tokens
CONTEXT, REPLY = 256_000, 300  # tokens that a window may have, and that are kept free for a reply


def main() -> None:
    """Print the fill, then the time by tier."""
    parser = argparse.ArgumentParser(description="Fill of windows, and makespan.")
    parser.add_argument("--tiers", type=int, nargs="*", default=[1, 3, 5], choices=list(DOCUMENTS))
    parser.add_argument(
        "--real", action="store_true", help="in real time, with the emulator in another process"
    )
    flags = parser.parse_args()
    fill()
    for tier in flags.tiers:
        makespan(tier, really_asked if flags.real else asked)


def fill() -> None:
    """Windows over the corpus, by the tokens that a window may have."""
    count = pack.counter(counts.VOCABULARY.read_bytes())
    read = asyncio.run(counts.read_texts(counts.SHARED / "corpus"))
    sizes = [
        pack.Size(name, pack.tokens_of(sum(map(count, pages)), len(pages)), REPLY) for name, pages in read
    ]
    for most in (16_000, 32_000, 64_000, 128_000, CONTEXT):
        frame = pack.Frame(CONTEXT + REPLY * len(sizes), most, len(sizes))
        short = [size for size in sizes if frame.holds(size)]
        groups = pack.fewest(short, frame)
        bound = math.ceil(sum(size.tokens for size in short) / most)
        full = sum(group.tokens for group in groups[:-1]) / (most * max(1, len(groups) - 1))
        print(
            f"windows of {most:>7,} tokens: {len(short)} documents in {len(groups)}, at least {bound}; fill but the last {full:.3f}"
        )


def makespan(tier: int, ask: Asking) -> None:
    """One tier: the planner's windows, then one document a request."""
    documents = DOCUMENTS[tier]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
        make(folder / "in", documents, WORDS)
        said, packed = ask(folder, tier, 0)
        _, single = ask(folder, tier, 1)
    least_s = lower_bound_s(packed, tier)
    minutes, speed = said.cost.minutes, [60 * documents / stats["span_s"] for stats in (packed, single)]
    most = 60 * documents / (60 * ((documents - 1) // settings.catalogue("").tiers[tier].rpm) or math.inf)
    print(
        f"tier {tier}: {documents:,} documents in {packed['admitted']} windows ({said.reason}), {packed['span_s']:.1f} s, "
        f"at least {least_s:.1f} s ({packed['span_s'] / least_s - 1:+.1%}), planned {60 * minutes:.1f} s; "
        f"{speed[0]:,.0f} documents a minute against {speed[1]:,.0f} ({speed[0] / speed[1]:.1f} x) "
        f"and at best {most:,.0f} ({speed[0] / most:.1f} x); ${packed['cost_usd']:.3f}, planned ${said.cost.usd:.3f}; "
        f"refused {packed['refused'] or 'none'} against {single['refused'] or 'none'}"
    )


def lower_bound_s(stats: dict[str, Any], tier: int) -> float:
    """No client is faster: every token takes its time in one of the calls in flight, and minutes have their limits."""
    limits = settings.catalogue("").tiers[tier]
    tokens = stats["prompt_tokens"] + stats["reply_tokens"]
    last_minutes: list[float] = [
        (amount - 1) // most for amount, most in ((stats["admitted"], limits.rpm), (tokens, limits.tpm))
    ]
    work_s: float = stats["reply_tokens"] / TOKENS_PER_S + stats["prompt_tokens"] / PREFILL_TOKENS_PER_S
    return FIRST_TOKEN_S + max(work_s / limits.concurrency, 60.0 * max(last_minutes))


def asked(folder: Path, tier: int, most: int) -> tuple[Estimate, dict[str, Any]]:
    """Do the job as `octavo run` does, in virtual time; gives the price said before, and what the emulator saw."""
    paced = functools.partial(RateLimiter, clock=Clock(now, wall))
    with (
        mock.patch.object(replies, "RateLimiter", paced),
        mock.patch.object(replies, "SharedLimits", functools.partial(SharedLimits, clock=now)),
    ):
        return run(_asked(folder, tier, most))


async def _asked(folder: Path, tier: int, most: int) -> tuple[Estimate, dict[str, Any]]:
    config = Config(
        tier=tier,
        tokens_per_s=TOKENS_PER_S,
        jitter=0.0,
        oracle=labelled_lines,
        vocabulary=str(counts.VOCABULARY),
    )
    async with emulated(config) as kimi:
        return await ordered(folder, kimi.base_url, tier, most), kimi.state.journal.stats()


def really_asked(folder: Path, tier: int, most: int) -> tuple[Estimate, dict[str, Any]]:
    """The same in real time, with the emulator in a process of its own."""
    flags = {
        "tier": tier,
        "tokens-per-s": TOKENS_PER_S,
        "jitter": 0.0,
        "oracle": "labelled_lines",
        "vocabulary": counts.VOCABULARY,
    }
    with emulator(*(word for name, value in flags.items() for word in (f"--{name}", str(value)))) as base_url:
        said = asyncio.run(ordered(folder, base_url, tier, most))
        with urllib.request.urlopen(base_url.removesuffix("/v1") + "/_emu/stats") as answer:
            stats: dict[str, Any] = json.load(answer)
    return said, stats


async def ordered(folder: Path, base_url: str, tier: int, most: int) -> Estimate:
    """One job, and the price said before it was asked."""
    said: list[Estimate] = []

    def approve(estimate: Estimate) -> bool:
        said.append(estimate)
        return True

    named = {
        "inbox": str(folder / "in"),
        "out": str(folder / f"out{most}"),
        "extract": [str(folder / "parcel.json")],
    }
    job = Job.model_validate({**named, "base_url": base_url, "tier": tier, "max_documents_per_window": most})
    with mock.patch.dict(os.environ, OCTAVO_HOME=str(folder / f"home{most}")):
        await order.run(
            job,
            settings.account(job, {}, key="sk-emulator"),
            counts.VOCABULARY.read_bytes(),
            hooks=Hooks(approve=approve),
        )
    return said[0]


if __name__ == "__main__":
    main()

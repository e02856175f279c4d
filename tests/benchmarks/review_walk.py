"""How long a value takes by keyboard in `octavo review`, without the person: seconds of machine time from key to the next value shown.

`python -m tests.benchmarks.review_walk OUT` goes through 100 values of a copy of an output folder in headless Chromium, every fourth by
typing (`e`, Enter, `j`), the others by `y`; without a folder it makes one of the samples, offline. The aim is less than 0.3 s a value.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from octavo.flows import cli
from tests.review_app import Watched, chromium, reviewing, watched

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
TYPED = 4  # every so many values one is typed


def walk(out: Path, values: int) -> list[float]:
    """Go through values by keys; gives the seconds of each, from the first key to the next value with its marks."""
    took: list[float] = []
    with reviewing(out) as link, chromium() as browser:
        reviewer = watched(browser, link)
        reviewer.press("j")
        while len(took) < values and reviewer.page.get_attribute("#view", "data-view") == "value":
            begun = time.monotonic()
            judged(reviewer, is_typed=len(took) % TYPED == TYPED - 1)
            took.append(time.monotonic() - begun)
    return took


def judged(reviewer: Watched, *, is_typed: bool) -> None:
    """Say of the value in focus that it is right, or type it once more; and go on to the next."""
    control = reviewer.page.locator(f"[data-path='{reviewer.focus}']")
    if (
        is_typed
        and control.count()
        and control.evaluate("one => one.matches('input, textarea') && !!one.value")
    ):
        reviewer.page.keyboard.press("e")
        reviewer.page.keyboard.press("End")
        reviewer.page.keyboard.type(" ")  # which is the same value, and was typed
        reviewer.press("Enter")
        reviewer.press("j")
        return
    with reviewer.page.expect_response("**/api/say"):
        reviewer.page.keyboard.press("y")
    reviewer.settled()


def main() -> None:
    """Go, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--values", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        if args.out:
            shutil.copytree(args.out, out)
        else:
            cli.main(
                [
                    "run",
                    str(SAMPLES),
                    "--offline",
                    "--extract",
                    "invoice",
                    "receipt",
                    "--quiet",
                    "--out",
                    str(out),
                ]
            )
        took = walk(out, args.values)
    spread = f"median {median(took):.2f} s, slowest {max(took):.2f} s"
    print(f"{len(took)} values by keys: {sum(took) / len(took):.2f} s of machine time each ({spread})")


if __name__ == "__main__":
    main()

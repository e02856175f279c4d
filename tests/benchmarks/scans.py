"""How well local OCR reads turned, slanted and worn copies of scans: `python -m tests.benchmarks.scans [name ...]` (corpus; some minutes).

In: pictures of the corpus with their words. Each is read upright once, and then its copies: lying on a side, upside down, askew, blurred,
noisy, pale, of small print. Out: character error (letters and digits, in order) of each kind of copy over all pictures, beside the
upright ones', and the lines in their order of two pages in columns. A name narrows the copies.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageEnhance, ImageFilter
from rapidfuzz.distance import Levenshtein

from octavo.processors.read import image
from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.ocr import recognise
from octavo.processors.read.ocr_script import SeenPage

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
TRUTHS = CORPUS / "groundtruth"
SAMPLE = (
    "image/test__phototest.tif",
    "image/test__eurotext.tif",
    "receipt/sroie__000.jpg",
    "receipt/sroie__064.jpg",
    "receipt/sroie__020.jpg",
)
COLUMNS = ("image/ocrmypdf__linn.png", "image/test__8071_093.3B.tif")


def turned(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """A copy as it lies when it is turned to the left, on white."""
    return lambda scan: scan.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def noisy(scan: Image.Image) -> Image.Image:
    """A copy with the grain of a bad lamp."""
    grain = Image.effect_noise(scan.size, 60).convert("RGB")
    return ImageChops.add(scan, grain, scale=1, offset=-128)


def small(scan: Image.Image) -> Image.Image:
    """A copy of three quarters the resolution, twice compressed."""
    with io.BytesIO() as file:
        scan.resize((scan.width * 3 // 4, scan.height * 3 // 4)).save(file, "JPEG", quality=40)
        return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "90 degrees": turned(90),
    "180 degrees": turned(180),
    "270 degrees": turned(270),
    "askew by 3": turned(3),
    "askew by -6": turned(-6),
    "askew by 10": turned(10),
    "180 and askew by 4": turned(184),
    "blurred": lambda scan: scan.filter(ImageFilter.GaussianBlur(1)),
    "noisy": noisy,
    "pale": lambda scan: ImageEnhance.Brightness(ImageEnhance.Contrast(scan).enhance(0.3)).enhance(1.4),
    "small": small,
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A page that was read: edits that turn it into the truth, characters of the truth, and seconds of CPU."""

    edits: int
    characters: int
    seconds: float
    seen: SeenPage


def letters(text: str) -> str:
    """What is compared: letters and digits, without case."""
    return "".join(filter(str.isalnum, text.lower()))


def score(scan: Image.Image, truth: str) -> Scored:
    """Read a picture as the pipeline does, and compare."""
    with io.BytesIO() as file:
        scan.save(file, "PNG")
        jpeg = image.render(Source(file.getvalue(), ReadLimits()), [1])[1]
    started = time.process_time()
    seen = recognise(jpeg)
    took = time.process_time() - started
    wanted = letters(truth)
    return Scored(Levenshtein.distance(letters(seen.text), wanted), len(wanted), took, seen)


def scans() -> Iterator[tuple[Image.Image, str]]:
    """The pictures of the sample, with their words."""
    for name in SAMPLE:
        yield picture(name), truth_of(name)


def picture(name: str) -> Image.Image:
    """A picture of the corpus."""
    return Image.open(CORPUS / name).convert("RGB")


def truth_of(name: str) -> str:
    """Its words."""
    return (TRUTHS / f"{Path(name).name}.txt").read_text(encoding="utf-8", errors="replace")


def line(name: str, pages: list[Scored], upright: float = 0.0) -> float:
    """Print the error of a kind of copy, and give it."""
    error = sum(page.edits for page in pages) / sum(page.characters for page in pages)
    beside = f", {error / upright - 1:+.0%} beside upright" if upright else ""
    unsure = sum(page.seen.unsure for page in pages) / max(1, sum(len(page.seen.words) for page in pages))
    seconds = sum(page.seconds for page in pages) / len(pages)
    print(
        f"{name}: CER {error:.4f}{beside}; {unsure:.0%} words unsure, {seconds:.1f} s CPU a page", flush=True
    )
    return error


def main(names: list[str]) -> None:
    """Print a line for the upright pictures, and one for each kind of copy."""
    sample = list(scans())
    upright = line("upright", [score(*one) for one in sample])
    for name, copy in COPIES.items():
        if not names or any(one in name for one in names):
            line(name, [score(copy(scan), truth) for scan, truth in sample], upright)
    if not names:
        for name in COLUMNS:
            line(f"in columns, {name}", [score(picture(name), truth_of(name))])


if __name__ == "__main__":
    main(sys.argv[1:])

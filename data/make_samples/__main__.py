"""Writes data/samples. In: the list of samples. Out: one file each, README.md, gold.json and .octavoignore; says what it wrote."""

from __future__ import annotations

from pathlib import Path

from .listing import SAMPLES, gold, readme

IGNORED = "# These two say what the samples are; they are no documents.\nREADME.md\ngold.json\n"
FOLDER = Path(__file__).parents[1] / "samples"


def main(folder: Path = FOLDER) -> None:
    """Write all files into the folder, over those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {sample.name: sample.make() for sample in SAMPLES}
    files |= {"README.md": readme().encode(), "gold.json": gold().encode(), ".octavoignore": IGNORED.encode()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        print(f"{len(content):>8,} bytes  {name}")


if __name__ == "__main__":
    main()

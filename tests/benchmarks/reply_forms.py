"""Right and wrong values by form of replies, asked of a real model, however small, behind an OpenAI-compatible address.

    python -m tests.benchmarks.reply_forms http://127.0.0.1:18080/v1 [--model local] [--bills 12] [--orders 6] [--together 4]

In: generated bills of eight fields and orders of some lines, with labels. Out: what `octavo eval --forms` says of them, first with each
document alone and then with some in a call: right and wrong values, calls and reply tokens of each form. Takes minutes a form.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SELLERS = ("Hollis & Crane Ltd", "Brightwater Foods", "Atelier Moreau", "Nordlicht GmbH", "Pinto e Filhos")
BUYERS = ("Marden Estates", "Ursa Logistics", "Vireo Health", "Weston Academy", "Alder & Finch")
GOODS = ("paper", "ink", "desk lamp", "cable", "tape", "screws", "paint", "brushes", "gloves", "boxes")
TEXT, DAY, AMOUNT = {"type": "string"}, {"type": "string", "format": "date"}, {"type": "number"}
BILL = {
    "number": TEXT,
    "date": DAY,
    "due": DAY,
    "seller": TEXT,
    "buyer": TEXT,
    "net": AMOUNT,
    "tax": AMOUNT,
    "total": AMOUNT,
}
LINE = {"what": TEXT, "quantity": {"type": "integer"}, "price": AMOUNT, "note": TEXT}
ORDER = {"number": TEXT, "lines": {"type": "array", "items": {"type": "object", "properties": LINE}}}
CATALOGUE = """\
[models."{model}"]
providers = ["openai-compatible"]
context_tokens = 16_384
price_in = 0.0
price_cached = 0.0
price_out = 0.0
json_mode = "json_schema"
"""


def bill(draw: random.Random) -> tuple[str, dict[str, Any]]:
    """The text of a bill and its labels; some have no day by which to pay."""
    day, due = (f"2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}" for _ in range(2))
    net = draw.randint(1_000, 99_999) / 100
    values = {
        "number": f"{draw.choice('RBIT')}-{draw.randint(1000, 9999)}",
        "date": day,
        "due": due if draw.random() < 0.6 else None,
        "seller": draw.choice(SELLERS),
        "buyer": draw.choice(BUYERS),
        "net": net,
        "tax": round(net * 0.2, 2),
        "total": round(net + round(net * 0.2, 2), 2),
    }
    lines = [f"INVOICE {values['number']}", values["seller"], f"Bill to: {values['buyer']}", f"Date: {day}"]
    lines += [f"Payment due: {due}"] if values["due"] else []
    lines += [f"Net {net:.2f}", f"VAT 20% {values['tax']:.2f}", f"Total EUR {values['total']:.2f}"]
    return "\n".join(lines), values


def order(draw: random.Random) -> tuple[str, dict[str, Any]]:
    """The text of an order and its labels; cells of its lines may be empty."""
    lines = [
        {
            "what": what,
            "quantity": draw.randint(1, 40) if draw.random() < 0.8 else None,
            "price": draw.randint(50, 9_900) / 100 if draw.random() < 0.85 else None,
            "note": draw.choice(["urgent", "blue", None, None]),
        }
        for what in draw.sample(GOODS, draw.randint(4, 9))
    ]
    number = f"O-{draw.randint(100, 999)}"
    cells = (["" if value is None else str(value) for value in line.values()] for line in lines)
    text = "\n".join([f"Order {number}", "what | quantity | price | note", *map(" | ".join, cells)])
    return text, {"number": number, "lines": lines}


def make(folder: Path, bills: int, orders: int) -> None:
    """An inbox, its labels, the two schemas and the catalogue."""
    draw, gold = random.Random(11), {}
    (folder / "inbox").mkdir()
    for name, kind, count in (("bill", bill, bills), ("order", order, orders)):
        for number in range(count):
            text, values = kind(draw)
            path = f"{name}{number:02}.txt"
            (folder / "inbox" / path).write_text(text, encoding="utf-8")
            gold[path] = {"schema": f"{name}.json", "values": values}
    (folder / "gold.json").write_text(json.dumps(gold), encoding="utf-8")
    for name, fields in (("bill", BILL), ("order", ORDER)):
        schema = {"type": "object", "properties": fields}
        (folder / f"{name}.json").write_text(json.dumps(schema), encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("--model", default="local")
    parser.add_argument("--key", default="local")
    parser.add_argument("--bills", type=int, default=12)
    parser.add_argument("--orders", type=int, default=6)
    parser.add_argument("--together", type=int, default=4)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, flags.bills, flags.orders)
        (folder / "own.toml").write_text(CATALOGUE.format(model=flags.model), encoding="utf-8")
        for together in (1, flags.together):
            command = [sys.executable, "-m", "octavo", "eval", "gold.json", "inbox", "--forms", "--yes"]
            command += [
                "--provider",
                "openai-compatible",
                "--base-url",
                flags.base_url,
                "--model",
                flags.model,
            ]
            command += ["--catalogue", "own.toml", "--concurrency", "1", "--out", f"out{together}"]
            command += ["--max-documents-per-window", str(together)]
            environ = {
                **os.environ,
                "OPENAI_API_KEY": flags.key,
                "PYTHONPATH": str(ROOT),
                "OCTAVO_HOME": name,
            }
            done = subprocess.run(
                command, cwd=folder, env=environ, check=False, capture_output=True, text=True
            )
            print(
                f"{together} document(s) in a call [{done.returncode}]",
                done.stdout,
                done.stderr,
                sep="\n",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""`octavo eval`: labels in several forms, real answers by rules, thresholds, and files for charts and other scorers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli
from octavo.flows.commands import evaluate
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from tests.benchmarks.makers import KINDS
from tests.benchmarks.makers import NAMES as LABELS

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "samples"
GOLD: dict[str, Any] = json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8"))
NAMES = ("invoice_de.pdf", "contract_nda.docx", "letter.docx")
CORPUS = ROOT.parent / "shared" / "corpus"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of three samples, answered by rules."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "inbox").mkdir()
    for name in NAMES:
        shutil.copy(SAMPLES / name, folder / "inbox")
    command = [
        "run",
        str(folder / "inbox"),
        "--offline",
        "--extract",
        "invoice",
        "contract",
        "letter",
        "--out",
        str(folder / "out"),
    ]
    assert cli.main(command) == 0
    return folder / "out"


def labels(**changes: Any) -> list[dict[str, Any]]:
    """The labels of the three samples, the invoice with changes."""
    entries = [{"document": name, **GOLD[name]} for name in NAMES]
    entries[0] = {**entries[0], "values": {**entries[0]["values"], **changes}}
    return entries


def written(path: Path, entries: Any) -> Path:
    """The file, with the entries in it."""
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_labels_come_in_four_forms(tmp_path: Path) -> None:
    """A mapping by path, a list, JSON lines and a folder with a file each hold the same labels."""
    entries = labels()
    mapping = written(tmp_path / "mapping.json", {name: GOLD[name] for name in NAMES})
    lines = tmp_path / "lines.jsonl"
    lines.write_text("\n".join(map(json.dumps, entries)), encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for number, entry in enumerate(entries):
        written(tmp_path / "folder" / f"{number}.json", entry)
    read = [
        list(evaluate.read_labels(path))
        for path in (mapping, written(tmp_path / "list.json", entries), lines, tmp_path / "folder")
    ]
    assert read[0] == read[1] == read[2] == read[3]
    assert [one.document for one in read[0]] == list(NAMES)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ('[{"document": "a"}]', "Entry 1 .* schema"),
        ("[1]", "Entry 1"),
        ('{"a": {"schema": "x", "value": {}}}', "value"),
    ],
)
def test_what_are_no_labels_is_said(tmp_path: Path, content: str, said: str) -> None:
    """A file that holds no labels is refused with the entry and the field that are wrong."""
    (tmp_path / "gold.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        list(evaluate.read_labels(tmp_path / "gold.json"))


def test_scores_come_from_the_tables(out: Path, tmp_path: Path) -> None:
    """Right answers score 1, a label that says otherwise costs its field, its question and the whole, and each wrong value is listed."""
    right = evaluate.evaluate(written(tmp_path / "a.json", labels()), out)
    wrong = evaluate.evaluate(written(tmp_path / "b.json", labels(grand_total="1.00")), out)
    assert right.tallies["invoice.grand_total"].f1 == 1
    assert wrong.tallies["invoice.grand_total"].f1 == 0
    assert wrong.tallies["all"].right == right.tallies["all"].right - 1
    assert {
        "document": "invoice_de.pdf",
        "field": "invoice.grand_total",
        "gold": "1.00",
    }.items() <= wrong.as_json()["wrong"][0].items()


def test_pages_of_evidence_are_scored(out: Path, tmp_path: Path) -> None:
    """Where labels name pages, the pages of the evidence are compared with them."""
    entries = labels()
    entries[0]["pages"] = {"grand_total": 2, "invoice_number": 1, "buyer_name": 40}
    report = evaluate.evaluate(written(tmp_path / "gold.json", entries), out)
    rows = {
        row["field"]: row["page"] for row in Warehouse(out).rows("evidence") if row["question"] == "invoice"
    }
    assert report.pages_right == (sum((rows["grand_total"] == 2, rows["invoice_number"] == 1)), 3)
    assert report.proved[0] <= report.proved[1] == report.tallies["all"].right


def test_a_threshold_sets_the_exit_code(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when every F1 is reached, 2 with a sentence when one is not, 1 for a threshold that names nothing."""
    gold = str(written(tmp_path / "gold.json", labels(grand_total="1.00")))
    command = ["eval", gold, "--out", str(out)]
    assert cli.main([*command, "--min", "contract=1", "all=0.5"]) == 0
    assert cli.main([*command, "--min", "invoice.grand_total=0.9"]) == 2
    assert "F1 of invoice.grand_total is 0.000, below 0.9." in capsys.readouterr().err
    assert cli.main([*command, "--min", "invoice.nothing=0.9"]) == 1
    assert cli.main(["eval", gold, "--out", str(tmp_path)]) == 1


def test_labelled_documents_that_are_not_in_the_tables_are_missed(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their values lower recall and F1 but not precision, they are named, and a threshold that held without them does not hold."""
    known = evaluate.evaluate(written(tmp_path / "known.json", labels()), out)
    gold = written(tmp_path / "gold.json", [*labels(), {**labels()[0], "document": "gone.pdf"}])
    report = evaluate.evaluate(gold, out)
    assert report.tallies["invoice.grand_total"].recall == 0.5
    assert report.tallies["invoice.grand_total"].precision == 1
    assert (report.tallies["all"].right, report.tallies["all"].found) == (
        known.tallies["all"].right,
        known.tallies["all"].found,
    )
    assert report.as_json()["missing"] == ["gone.pdf"]
    assert cli.main(["eval", str(gold), "--out", str(out), "--min", "invoice.grand_total=0.9"]) == 2
    assert "count as missed: 1 labelled documents (gone.pdf)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (
            [{**GOLD["letter.docx"], "document": "other/letter.docx"}],
            "none of the labelled documents is in the tables",
        ),
        ([{"document": "letter.docx", "schema": None}], "no label names a schema and values"),
        ([], "no label names a schema and values"),
    ],
)
def test_nothing_scored_is_no_success(
    out: Path, tmp_path: Path, entries: list[dict[str, Any]], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels that meet no document, or label nothing, end with 2 and a sentence, also without a threshold."""
    gold = str(written(tmp_path / "gold.json", entries))
    for threshold in ([], ["--min", "all=0.9"]):
        assert cli.main(["eval", gold, "--out", str(out), *threshold]) == 2
        assert why in capsys.readouterr().err


def test_chart_and_pairs_are_written(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The chart is a picture that names every field; the pairs are what other scorers read; JSON goes to standard output."""
    gold, chart, folder = written(tmp_path / "gold.json", labels()), tmp_path / "f1.svg", tmp_path / "pairs"
    assert (
        cli.main(
            [
                "eval",
                str(gold),
                "--out",
                str(out),
                "--format",
                "json",
                "--plot",
                str(chart),
                "--pairs",
                str(folder),
            ]
        )
        == 0
    )
    assert set(json.loads(capsys.readouterr().out)["scores"]) > {
        "all",
        "invoice",
        "invoice.line_items[].amount",
    }
    assert "<!-- invoice.line_items[].amount -->" in chart.read_text(encoding="utf-8")
    pair = folder / "invoice_de.pdf" / "invoice"
    schema, right, found = (
        json.loads((pair / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("schema", "gold", "extracted")
    )
    assert (
        schema["properties"].keys() == right.keys() == found.keys() == GOLD["invoice_de.pdf"]["values"].keys()
    )
    assert (found["invoice_number"], right["grand_total"]) == ("RE-2026-0417", 6058.05)
    assert cli.main(["eval", str(gold), "--out", str(out), "--plot", str(tmp_path / "f1.docx")]) == 1


def corpus_labels() -> Iterator[dict[str, Any]]:
    """The labels of the developer corpus under the names of our schemas; receipts are left out, since they need OCR."""
    for path in sorted((CORPUS / "labels").glob("*.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        kind, fields = KINDS[label["kind"]], label["fields"]
        named = LABELS[kind].items()
        values: dict[str, Any]
        values = {
            name: [fields[theirs] for theirs in names if fields.get(theirs) is not None]
            for name, names in named
        }
        if kind == "invoice":
            values = {name: {"any_of": options} for name, options in values.items() if options}
            yield {"document": label["document"], "schema": kind, "values": values}


@pytest.mark.skipif(not CORPUS.exists(), reason="the developer corpus is not here")
def test_quality_on_the_corpus_does_not_fall(tmp_path: Path) -> None:
    """The rules on this machine keep the quality that they have on the invoices of the corpus."""
    entries = list(corpus_labels())
    (tmp_path / "inbox" / "invoice").mkdir(parents=True)
    for entry in entries:
        shutil.copy(CORPUS / entry["document"], tmp_path / "inbox" / "invoice")
    assert cli.main(
        ["run", str(tmp_path / "inbox"), "--offline", "--extract", "invoice", "--out", str(tmp_path / "out")]
    ) in {0, 2}
    report = evaluate.evaluate(written(tmp_path / "gold.json", entries), tmp_path / "out")
    assert report.tallies["all"].f1 >= 0.9, report.as_json()["wrong"]


@pytest.mark.prove
def test_a_schema_of_ones_own_may_be_called_as_one_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels that name a table are scored by the schema that filled it; where that is gone, it is said, and no other one is taken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("Hobby: chess\n")
    schema = {"type": "object", "properties": {"hobby": {"type": "string", "description": "Hobby."}}}
    written(tmp_path / "resume.json", schema)
    assert cli.main(["run", "inbox", "--offline", "--extract", "resume.json", "--out", "out"]) == 0
    gold = written(tmp_path / "gold.json", {"a.txt": {"schema": "resume", "values": {"hobby": "chess"}}})
    assert [one.question.fields[0].name for one in evaluate.evaluate(gold, tmp_path / "out").scored] == [
        "hobby"
    ]
    (tmp_path / "resume.json").unlink()
    with pytest.raises(SettingsError, match=r"filled by resume\.json, which cannot be read"):
        evaluate.evaluate(gold, tmp_path / "out")

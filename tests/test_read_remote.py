"""An inbox at a URL: listed and fetched as a folder is, in the parent, with the credentials staying there."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from octavo.flows import cli, order, settings
from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits, discover
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import DocumentError, SettingsError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Document
from tests.documents import make

ROOT = Path(__file__).resolve().parents[1]
SECRET = "canary-secret-access-key"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A local S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with documents below `in/`, and the environment that reaches it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3").clear_instance_cache()
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="papers")
    box = make.zipped({"x/mixed.pdf": make.documents()["mixed.pdf"]})
    files = {
        "a.pdf": make.documents()["invoice.pdf"],
        "sub/b ü.txt": b"hello",
        "big.bin": bytes(3000),
        ".hidden": b"x",
        "c.zip": box,
    }
    for name, data in files.items():
        s3.put_object(Bucket="papers", Key=f"in/{name}", Body=data)
    s3.put_object(Bucket="papers", Key="in/.octavoignore", Body=b"*.tmp\n")
    s3.put_object(Bucket="papers", Key="in/w.tmp", Body=b"x")
    yield "s3://papers/in"
    for one in s3.list_objects_v2(Bucket="papers")["Contents"]:
        s3.delete_object(Bucket="papers", Key=one["Key"])
    s3.delete_bucket(Bucket="papers")


def read(inbox: str, **limits: int) -> dict[str, Reading]:
    """Path -> reading of everything below a URL."""
    with Reader(ReadLimits(workers=1, **limits)) as reader:
        entries = list(discover(inbox, ReadLimits(workers=1, **limits)))
        readings = asyncio.run(reader.read([entry for entry in entries if isinstance(entry, FoundFile)]))
    refused = [Reading(entry) for entry in entries if isinstance(entry, Document)]
    return {reading.document.path: reading for reading in (*readings, *refused)}


@pytest.mark.prove
def test_keys_that_are_no_paths_have_rows(bucket: str) -> None:
    """An object that shares its name with a folder is read, as is what lies in that; two slashes in a key are told."""
    s3 = boto3.client("s3")
    for key in ("n", "n/x.txt", "n//y.txt", "empty/"):
        s3.put_object(Bucket="papers", Key=f"in/{key}", Body=b"" if key.endswith("/") else key.encode())
    rows = {path: one for path, one in read(bucket).items() if path.startswith(("n", "empty"))}
    assert {path: (one.document.reason, [page.text for page in one.pages]) for path, one in rows.items()} == {
        "n": ("", ["n"]),
        "n/x.txt": ("", ["n/x.txt"]),
        "n//": ("unnamed", []),
    }
    assert "two slashes" in rows["n//"].document.detail


def test_a_bucket_reads_as_a_folder(bucket: str) -> None:
    """Objects are files with their rows, sizes are checked before anything is fetched, hidden and ignored ones are named."""
    readings = read(bucket, max_file_bytes=2_990)
    assert {path: one.document.reason or one.document.status for path, one in readings.items()} == {
        ".hidden": "hidden",
        ".octavoignore": "hidden",
        "a.pdf": "ok",
        "big.bin": "too_large",
        "c.zip": "too_large",
        "sub/b ü.txt": "ok",
        "w.tmp": "ignored",
    }
    assert readings["sub/b ü.txt"].pages[0].text == "hello"


def test_pictures_are_fetched_again(bucket: str) -> None:
    """The picture of a page inside a zip in a bucket is made from the object it lies in."""
    document = read(bucket)["c.zip/x/mixed.pdf"].document
    with Reader(ReadLimits(workers=1)) as reader:
        picture = asyncio.run(reader.images(bucket, document, [2]))[2]
    assert Image.open(io.BytesIO(picture)).size == (1241, 1754)


def test_a_vanished_object_is_a_row(bucket: str) -> None:
    """An object that is gone between the listing and the fetching is an error row, not an exception."""
    found = FoundFile(bucket.encode(), b"gone.txt", 5)
    with Reader(ReadLimits(workers=1)) as reader:
        (reading,) = asyncio.run(reader.read([found]))
    assert (reading.document.status, reading.document.reason) == ("error", "vanished")


@pytest.mark.prove
async def test_a_job_over_a_bucket(bucket: str, tmp_path: Path) -> None:
    """A run over a bucket fills the tables, a second one changes nothing, and the credentials are in no file that it leaves."""
    job = Job(inbox=bucket, out=str(tmp_path / "out"), extract=["invoice"], offline=True)
    ended = await order.run(job, settings.account(job, {}))
    assert ended.statuses["ok"] >= 4
    again = await order.run(job, settings.account(job, {}))
    assert not again.changed
    rows = {row["path"]: row["container"] for row in Warehouse(Path(job.out)).rows("documents")}
    assert rows["c.zip/x/mixed.pdf"] == "c.zip"
    for path in Path(job.out).rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_other_file_systems_come_for_free(tmp_path: Path) -> None:
    """What fsspec knows can be an inbox, such as its memory:// and a folder as file://."""
    fsspec.filesystem("memory").pipe("/box/a.txt", b"hello")
    assert read("memory://box")["a.txt"].pages[0].text == "hello"
    (tmp_path / "a.txt").write_text("hello")
    assert read(f"file://{tmp_path}")["a.txt"].pages[0].text == "hello"


@pytest.mark.parametrize(
    ("inbox", "words"),
    [
        ("s3://papers/nowhere", "no folder"),
        ("gs://papers", "not installed"),
        ("nonsense://x", "no kind of inbox"),
        ("ftp://ana:hush@127.0.0.1/x", "password"),
    ],
)
def test_an_inbox_that_cannot_be_opened_says_why(bucket: str, inbox: str, words: str) -> None:
    """A bucket that is not there, a protocol that is not installed or unknown, and a URL with a password are errors in the settings."""
    with pytest.raises(SettingsError, match=words) as caught:
        list(discover(inbox, ReadLimits()))
    assert "hush" not in str(caught.value)


def test_what_is_missing_is_named() -> None:
    """Without s3fs the error names the extra that brings it."""
    script = (
        "import sys\n"
        "sys.modules['s3fs'] = None\n"
        "from octavo.processors.read.pages import ReadLimits, discover\n"
        "try:\n"
        "    list(discover('s3://papers', ReadLimits()))\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "octavo[s3]" in done.stdout


def test_a_changed_picture_is_refused(bucket: str) -> None:
    """An object that is another one now yields no picture."""
    document = read(bucket)["a.pdf"].document
    boto3.client("s3").put_object(Bucket="papers", Key="in/a.pdf", Body=make.documents()["mixed.pdf"])
    with Reader(ReadLimits(workers=1)) as reader, pytest.raises(DocumentError) as caught:
        asyncio.run(reader.images(bucket, document, [1]))
    assert caught.value.reason == "changed"


async def test_a_job_from_bucket_to_bucket(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Tables on s3:// are not read as documents, another host queries them and changes nothing, and no secret is in a file here."""
    out = f"{bucket}/tables"
    job = Job(inbox=bucket, out=out, extract=["invoice"], offline=True)
    first = await order.run(job, settings.account(job, {}))
    for home in ("other", "third"):
        monkeypatch.setenv("OCTAVO_HOME", str(tmp_path / home))
        if home == "other":
            again = await order.run(job, settings.account(job, {}))
            assert (again.changed, again.paths, again.asked) == (False, first.paths, 0)
        assert (
            await asyncio.to_thread(cli.main, ["sql", "FROM invoice", "--out", out, "--format", "json"]) == 0
        )
        assert b'"a.pdf"' in capsysbinary.readouterr().out
        for path in (tmp_path / home).rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
            assert path.suffix != ".parquet"


def test_an_inbox_that_is_the_output_is_refused(bucket: str) -> None:
    """Tables would be read as documents, so the two prefixes differ."""
    with pytest.raises(SettingsError, match="the inbox and the output"):
        list(discover(bucket, ReadLimits(), bucket))


@pytest.mark.prove
def test_the_page_about_tables_on_s3_is_true(bucket: str, tmp_path: Path) -> None:
    """The commands and the program of docs/sql.md run: job, query, rebuilding, and reading by the manifest without Octavo."""
    section = (
        (ROOT / "docs" / "sql.md")
        .read_text(encoding="utf-8")
        .partition("## Tables on S3")[2]
        .partition("\n## ")[0]
    )
    section = section.replace("s3://papers/inbox", bucket).replace("s3://papers/tables", f"{bucket}/tables")
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))
    commands = blocks["sh"].replace("--budget-usd 5", "--offline")
    shell = f'octavo() {{ "{sys.executable}" -m octavo "$@"; }}\n{commands}'
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-e", "-c", shell], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy" / "warehouse.duckdb").is_file()
    python = [sys.executable, "-c", blocks["python"]]
    done = subprocess.run(python, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert "a.pdf" in done.stdout

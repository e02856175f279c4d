"""Fetching the vocabulary: only when asked, whole and checked or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from octavo.flows import cli, settings
from octavo.flows.commands import tokenizer
from octavo.flows.token_counter import TokenCounter
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import SettingsError, StorageError
from octavo.schemas.job import Job


@dataclass
class Site:
    """A web server on this machine: what it gives, and what it was asked for."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    missing_bytes: int = 0  # of what its Content-Length promises
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """A web server, and a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            self.send_response(served.status)
            self.send_header("Content-Length", str(len(served.body) + served.missing_bytes))
            self.end_headers()
            self.wfile.write(served.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}/tiktoken.model"
        yield served
        server.shutdown()


def test_what_is_fetched_counts_exactly(site: Site, vocabulary: bytes) -> None:
    """`octavo doctor --fetch-tokenizer URL` puts the file where every later run finds it; a second time nothing is asked for."""
    site.body = vocabulary
    assert settings.vocabulary() is None
    for _ in range(2):
        cli.main(["doctor", "--fetch-tokenizer", site.url, "--provider", "offline"])
    assert settings.vocabulary() == vocabulary
    assert site.asked == ["/tiktoken.model"]


@pytest.mark.parametrize("change", ["other", "cut", "longer", "broken off"])
def test_what_is_not_the_vocabulary_is_not_kept(site: Site, change: str, vocabulary: bytes) -> None:
    """A file with another size or hash, or one that broke off, leaves the cache folder as it was, and says so."""
    changed = {
        "other": vocabulary[:-1] + b"?",
        "cut": vocabulary[:-1],
        "longer": vocabulary + b"\n",
        "broken off": vocabulary[:-9],
    }
    site.body, site.missing_bytes = changed[change], 9 if change == "broken off" else 0
    with pytest.raises(SettingsError, match=r"not the vocabulary|could not be fetched"):
        tokenizer.fetch(site.url)
    assert settings.vocabulary() is None
    assert not list(settings.cache_folder().glob("*"))


@pytest.mark.parametrize(
    "url", ["", "/missing", "file:///etc/passwd", "http://127.0.0.1:1/x", "ftp://127.0.0.1/x"]
)
def test_an_address_that_gives_nothing_is_a_sentence(site: Site, url: str) -> None:
    """A refusal, a dead address and one that is none at all say what to do next."""
    site.status = 404
    with pytest.raises(SettingsError, match=r"fetched|web address"):
        tokenizer.fetch(site.url + url if url.startswith("/") else url)


def test_a_folder_that_cannot_be_written_is_a_sentence(site: Site, vocabulary: bytes, tmp_path: Path) -> None:
    """A cache folder that is a file ends as a StorageError."""
    site.body = vocabulary
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError):
        tokenizer.fetch(site.url)


def test_nothing_is_fetched_unasked(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vocabulary: bytes
) -> None:
    """Neither `octavo doctor` nor a run goes to the network for the vocabulary."""
    site.body = vocabulary
    monkeypatch.setattr(settings, "PUBLIC_VOCABULARY", site.url)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("Dear Sir,", encoding="utf-8")
    cli.main(["doctor", "--provider", "offline", "--out", str(tmp_path / "out")])
    cli.main(
        ["run", str(tmp_path / "inbox"), "--extract", "letter", "--offline", "--out", str(tmp_path / "out")]
    )
    assert site.asked == []
    cli.main(["doctor", "--fetch-tokenizer", "--provider", "offline", "--out", str(tmp_path / "out")])
    assert site.asked == ["/tiktoken.model"]


def test_a_file_that_is_no_vocabulary_is_a_sentence() -> None:
    """OCTAVO_TOKENIZER may name anything; what cannot be read as a vocabulary ends the run before it begins."""
    for data in (b"", b"<html>", b"AAAA 1\n", b"\xff\xfe"):
        with pytest.raises(SettingsError, match="vocabulary"):
            pack.counter(data)


def test_the_vocabulary_counts_for_kimi_alone(vocabulary: bytes) -> None:
    """Another model has other tokens: they are estimated, and learned from its bills."""
    for model, exact in (("kimi-k2.6", True), ("moonshotai/Kimi-K2.6", True), ("glm-4.7", False)):
        job = Job(inbox=".", provider="litellm", base_url="http://127.0.0.1:1/v1", model=model)
        tokens = TokenCounter(settings.account(job, {}, key_needed=False), vocabulary)
        assert tokens.exact is exact
        assert (tokens("hello world") == 2) is exact

"""Tables on s3://: two hosts, lost connections, missing rights; readers see one commit, and what is lost here comes back from there."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import fsspec
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from octavo.processors.state import folder_id
from octavo.processors.store import books as books_of
from octavo.processors.store import lease, manifest, object_store, parquet, publication, spread
from octavo.processors.store.warehouse import (
    CorrectionStore,
    Warehouse,
    hold,
    hold_aside,
    rebuild,
    up_to_date,
    work_folder,
)
from octavo.schemas.corrections import Correction
from octavo.schemas.errors import Locked, SettingsError, StorageError
from tests import committer
from tests.proofs import slow
from tests.s3_proxy import Between, proxy

SECRET = "canary-secret-access-key"
URL = "s3://tables/out"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A local S3 server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def way(address: str) -> Iterator[tuple[Between, Any]]:
    """A way to it on which connections are not tried again, and a client that goes past it."""
    with pytest.MonkeyPatch.context() as patch, proxy(address) as between:
        patch.setattr(object_store, "ATTEMPTS", 1)
        patch.setenv("AWS_ENDPOINT_URL", between.address)
        patch.setenv("AWS_ACCESS_KEY_ID", "canary-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield between, boto3.client("s3", endpoint_url=address)
    object_store._client.cache_clear()


@pytest.fixture
def between(way: tuple[Between, Any]) -> Iterator[Between]:
    """A bucket that is empty, and the way to it."""
    between, s3 = way
    object_store._proved.clear()
    s3.create_bucket(Bucket="tables")
    yield between
    between.rule = lambda *_: None
    for one in s3.list_objects_v2(Bucket="tables").get("Contents", ()):
        s3.delete_object(Bucket="tables", Key=one["Key"])
    s3.delete_bucket(Bucket="tables")


@pytest.fixture
def hosts(between: Between, tmp_path: Path) -> tuple[Path, Path]:
    """The work folders of two hosts for the same tables."""
    return work_folder(URL, tmp_path / "a"), work_folder(f"{URL}/", tmp_path / "b")


def commit(folder: Path, generation: int) -> None:
    """Commit one generation of sample rows, as a run does."""
    with hold(folder) as warehouse:
        warehouse.commit(committer.changes(generation))


def generation(folder: Path) -> int:
    """The generation of the sample rows in a warehouse."""
    return committer.generation_of(Warehouse(folder))


def there() -> manifest.Manifest:
    """The manifest on the bucket."""
    return publication.read_manifest(object_store.ObjectStore(URL))


def whole(folder: Path) -> dict[str, object]:
    """All that a warehouse holds: rows, columns, meanings, views and books."""
    warehouse = Warehouse(folder)
    with warehouse._open() as connection:
        books = books_of.of(connection)
    return {"books": books} | {info.name: (info, warehouse.rows(info.name)) for info in warehouse.tables()}


def test_what_one_host_commits_another_has(hosts: tuple[Path, Path], tmp_path: Path) -> None:
    """A second host begins with the tables of the first, to the last comment and book; so does a rebuilt folder, with its Parquet files."""
    ours, theirs = hosts
    commit(ours, 1)
    with hold(theirs) as warehouse:
        assert whole(theirs) == whole(ours)
        assert not warehouse.commit(committer.changes(1))
        warehouse.commit(committer.changes(2))
    up_to_date(ours)
    assert whole(ours) == whole(theirs)
    rebuild(URL, tmp_path / "c")
    assert whole(tmp_path / "c") == whole(ours)
    assert pq.read_table(tmp_path / "c" / "tables" / "pages").num_rows == Warehouse(ours).size("pages")
    with pytest.raises(SettingsError, match="holds tables already"):
        rebuild(URL, tmp_path / "c")


def test_no_parquet_file_stays_here(hosts: tuple[Path, Path]) -> None:
    """Beside the warehouse a work folder has no copy of the tables."""
    commit(hosts[0], 1)
    assert sorted(path.name for path in hosts[0].iterdir()) == ["lock", "remote.json", "warehouse.duckdb"]


def test_plain_readers_read_by_the_manifest(hosts: tuple[Path, Path], address: str) -> None:
    """DuckDB and pyarrow read the files that the manifest names, views too."""
    commit(hosts[0], 1)
    commit(hosts[0], 2)
    files = fsspec.filesystem("s3", endpoint_url=address, skip_instance_cache=True)
    named = json.loads(files.cat(f"{URL}/manifest.json"))
    paths = [f"{URL}/{file['path']}" for file in named["tables"]["pages"]["files"]]
    database = duckdb.connect()
    database.register_filesystem(files)
    assert database.sql("SELECT DISTINCT tokens FROM read_parquet(?)", params=[paths]).fetchall() == [(2,)]
    table = pq.read_table([path.removeprefix("s3://") for path in paths], filesystem=files)
    assert table.num_rows == named["tables"]["pages"]["rows"]
    assert named["tables"]["duplicates"]["is_view"]


def test_who_reads_meanwhile_sees_one_commit(hosts: tuple[Path, Path], tmp_path: Path) -> None:
    """Every manifest that is read while another host commits has all its files, and rows of one commit."""
    commit(hosts[0], 1)
    seen, ended = set[int](), threading.Event()

    def read() -> None:
        while not ended.is_set():
            folder = tmp_path / f"look-{len(list(tmp_path.iterdir()))}"
            found = rebuild(URL, folder).query(
                "SELECT DISTINCT detail, tokens FROM documents JOIN pages USING (document)"
            )
            assert found.num_rows == 1
            seen.add(found["tokens"][0].as_py())

    reading = threading.Thread(target=read)
    reading.start()
    with hold(hosts[0]) as warehouse:
        for number in range(2, 5):
            warehouse.commit(committer.changes(number))
    ended.set()
    reading.join()
    assert seen
    assert seen <= set(range(1, 5))


def test_a_second_host_is_told_who_holds_the_tables(hosts: tuple[Path, Path]) -> None:
    """While one run holds a prefix another is refused by name; a dead run's lease is taken by its own host at once, by others in time."""
    ours, theirs = hosts
    with hold(ours), pytest.raises(Locked, match="is held by another run: process"), hold(theirs):
        pass
    commit(theirs, 1)
    store = object_store.ObjectStore(URL)
    dead = {
        "pid": 1,
        "host": "gone",
        "started_at": "x",
        "folder": json.loads((ours / "remote.json").read_text())["folder"],
    }
    store.put_if(lease.KEY, json.dumps(dead).encode(), store.etag(lease.KEY))
    with pytest.raises(Locked, match="process 1 on gone"):
        commit(theirs, 2)
    commit(ours, 2)
    assert lease._is_free(json.dumps(dead).encode(), lease.DEAD_S + 1, "other")


def test_a_lease_is_renewed_and_lost(hosts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run renews its lease."""
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    store = object_store.ObjectStore(URL)
    with hold(hosts[0]):
        first = store.etag(lease.KEY)
        for _ in range(100):
            if store.etag(lease.KEY) != first:
                break
            threading.Event().wait(0.05)
        assert store.etag(lease.KEY) != first


def test_a_lease_outlives_a_reply_that_is_lost(
    hosts: tuple[Path, Path],
    between: Between,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A renewal that was done without a reply is known as ours: the lease is renewed again, and given back at the end."""
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    written: list[str] = []

    def rule(method: str, path: str, _: object) -> str | None:
        if method == "PUT" and "-lock.json" in path:
            written.append(path)
            return "lose" if len(written) % 2 else None
        return None

    with hold(hosts[0]):
        between.rule = rule
        for _ in range(100):
            if len(written) > 6:
                break
            threading.Event().wait(0.05)
        between.rule = lambda *_: None
    assert len(written) > 6
    assert "taken over" not in caplog.text
    there = object_store.ObjectStore(URL).get(lease.KEY)
    assert there is not None
    assert json.loads(there.data)["released"]


def test_a_publication_that_failed_is_not_tried_again_at_once(
    hosts: tuple[Path, Path], between: Between
) -> None:
    """Where a bucket does not answer, a commit says so, and the folder is let go without waiting for it once more."""
    commit(hosts[0], 1)
    tried: list[str] = []

    def rule(method: str, path: str, _: object) -> str | None:
        if method == "PUT" and ".parquet" in path:
            tried.append(path)
            return "cut"
        return None

    between.rule = rule
    with pytest.raises(StorageError, match="does not answer"):
        commit(hosts[0], 2)
    assert len(tried) == 1
    between.rule = lambda *_: None
    commit(hosts[0], 2)
    assert there().generation == 2


def test_many_files_are_taken_from_one_pass(
    hosts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A table of many files is taken apart once, whichever way its files go, and they hold what the table holds."""
    passes: list[str] = []
    taken_apart = spread.taken_apart

    def counted(connection: Any, table: str, *rest: Any) -> Any:
        passes.append(table)
        return taken_apart(connection, table, *rest)

    monkeypatch.setattr(spread, "taken_apart", counted)
    monkeypatch.setattr(parquet, "BUCKET_ROWS", 1)
    monkeypatch.setattr(parquet, "_APART", 2)
    commit(hosts[0], 1)
    assert passes.count("pages") == 1
    files = there().tables["pages"].files
    assert len(files) > 8
    assert sum(file.rows for file in files) == committer.DOCUMENTS
    rebuild(URL, tmp_path / "c")
    assert whole(tmp_path / "c") == whole(hosts[0])
    assert not list(hosts[0].glob(".octavo-*"))


def test_a_view_that_cannot_be_read_stays_behind(hosts: tuple[Path, Path]) -> None:
    """A view of which somebody has dropped a table keeps nobody from having the rest; it is made again when the table is there."""
    commit(hosts[0], 1)
    with hold(hosts[0]) as warehouse:
        with duckdb.connect(str(warehouse.path)) as connection:
            connection.execute("DROP TABLE documents")
        views = {row["name"] for row in there().books["views"] if "documents" in row["reads"]}
        assert views
        warehouse.commit(committer.changes(2)[1:])
    with hold(hosts[1]) as theirs:
        assert {info.name for info in theirs.tables()} & views == set()
        theirs.commit(committer.changes(2))
        assert {info.name for info in theirs.tables()} >= views


def test_two_writers_never_mix(hosts: tuple[Path, Path]) -> None:
    """A run whose lease was taken while it slept cannot commit over the other's tables, and begins with them the next time."""
    ours, theirs = hosts
    commit(ours, 1)
    store = object_store.ObjectStore(URL)

    def sleep_and_commit() -> None:
        with hold(ours) as asleep:
            store.put_if(lease.KEY, b'{"released": true, "sign": "test"}', store.etag(lease.KEY))
            commit(theirs, 7)
            asleep.commit(committer.changes(2))

    with pytest.raises(StorageError, match="Another run has written"):
        sleep_and_commit()
    assert generation(theirs) == 7
    with hold(ours):
        assert generation(ours) == 7
    assert whole(ours) == whole(theirs)


@pytest.mark.parametrize("how", [slow("cut"), "lose"])
def test_a_connection_lost_midway_leaves_one_commit_or_the_other(
    hosts: tuple[Path, Path], between: Between, tmp_path: Path, how: str
) -> None:
    """Whichever request is lost, or its reply, the bucket has the old tables or the new, and the next run brings the rest up."""
    ours, number = hosts[0], 1
    commit(ours, 1)
    for lost in range(1, 100):
        left = lost
        number += 1

        def rule(method: str, path: str, _: object) -> str | None:
            nonlocal left
            left -= method in {"PUT", "POST"} and "-lock.json" not in path
            return how if left <= 0 else None

        with hold(ours) as warehouse:
            assert generation(ours) == number - 1
            before = there().generation
            between.rule = rule
            was_lost = False
            try:
                warehouse.commit(committer.changes(number))
            except StorageError:
                was_lost = True
            between.rule = lambda *_: None
        found = there()
        assert found.generation in {before, before + 1}
        assert set(found.paths()) <= set(object_store.ObjectStore(URL).keys("tables/"))
        if not was_lost:
            assert found.generation == before + 1
            rebuild(URL, tmp_path / "c")
            assert whole(tmp_path / "c") == whole(ours)
            assert generation(ours) == number
            assert lost > 2
            return
    pytest.fail("it never came to an end")


def test_a_write_that_was_done_without_a_reply_is_known(
    hosts: tuple[Path, Path], between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest whose confirmation is lost is tried again, refused by itself, and known as ours."""
    monkeypatch.setattr(object_store, "ATTEMPTS", 2)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")  # makes another client
    commit(hosts[0], 1)
    lost: list[str] = []

    def rule(method: str, path: str, _: object) -> str | None:
        if method == "PUT" and "manifest" in path and not lost:
            lost.append(path)
            return "lose"
        return None

    between.rule = rule
    commit(hosts[0], 2)
    assert lost
    assert there().generation == 2


def test_replaced_files_stay_for_an_hour(hosts: tuple[Path, Path]) -> None:
    """Files of the commit before stay for who reads them; an hour later they go, as do those that no commit ever had."""
    with hold(hosts[0]) as warehouse:
        warehouse.commit(committer.changes(1))
        first = set(there().paths())
        warehouse.commit(committer.changes(2))
    store = object_store.ObjectStore(URL)
    (hosts[0] / "orphan").write_bytes(b"x")
    store.upload("tables/pages/000-of-001-0123456789ab.parquet", hosts[0] / "orphan")
    assert first <= set(store.keys("tables/"))
    documents = ("tables/a.pdf", "tables/pages/b.parquet", "corrections/c.sqlite")  # somebody's, not ours
    for key in documents:
        store.upload(key, hosts[0] / "orphan")
    commit(hosts[0], 3)
    assert set(there().replaced) >= {
        "tables/pages/000-of-001-0123456789ab.parquet",
        *(first - set(there().paths())),
    }
    with hold(hosts[0]) as warehouse:
        later = datetime.now(UTC) + timedelta(hours=2)
        published = publication.publication_of(hosts[0], warehouse.path)
        assert published
        with warehouse._open() as connection:
            connection.execute("SELECT 1")
        warehouse._publishes = False
        warehouse.commit(committer.changes(4))
        with warehouse._open() as connection:
            published.publish(connection, later)
    assert not set(store.keys("tables/")) & first
    assert "tables/pages/000-of-001-0123456789ab.parquet" not in set(store.keys("tables/"))
    assert {*there().paths(), *documents} <= set(store.keys(""))


def test_corrections_go_along(hosts: tuple[Path, Path]) -> None:
    """What people said is on the other host too; said on both at once it is no file's to lose."""
    ours, theirs = hosts

    def say(folder: Path, field: str) -> None:
        store = CorrectionStore(folder)
        store.put([Correction("d" * 64, "invoice", field, "absent", "x", None, "ann", NOW)], {}, field)
        store.close()

    say(ours, "due_date")
    commit(ours, 1)
    commit(theirs, 2)
    store = CorrectionStore(theirs)
    assert [one.field for one in store.each()] == ["due_date"]
    store.close()
    say(theirs, "number")
    commit(theirs, 3)
    say(ours, "other")
    with pytest.raises(StorageError, match="on another host"), hold(ours):
        pass


def test_who_has_corrections_open_goes_on_with_those_of_the_bucket(hosts: tuple[Path, Path]) -> None:
    """Corrections that come from the bucket come into the file that a review has open: it sees them, and what it says next is not lost."""
    ours, theirs = hosts

    def absent(field: str) -> Correction:
        return Correction("d" * 64, "invoice", field, "absent", "x", None, "ann", NOW)

    with closing(CorrectionStore(theirs)) as review:  # opened, and nothing said
        with closing(CorrectionStore(ours)) as store:
            store.put([absent("due_date")], {}, "one")
        commit(ours, 1)
        commit(theirs, 2)
        assert [one.field for one in review.each()] == ["due_date"]
        brought = review.unsettled()
        review.put([absent("number")], {}, "two")
        assert max(review.unsettled().values()) > max(brought.values(), default=0), (
            "a stamp that was given before"
        )
    with closing(CorrectionStore(theirs)) as store:
        assert [(one.number, one.field) for one in store.each()] == [(1, "due_date"), (2, "number")]


@pytest.mark.parametrize(
    ("code", "words", "step"),
    [
        ("AccessDenied", "access is denied", "s3:PutObject"),
        ("InvalidAccessKeyId", "the credentials are refused", "AWS_ACCESS_KEY_ID"),
        ("ExpiredToken", "have expired", "AWS_SESSION_TOKEN"),
        ("NoSuchBucket", "there is no bucket tables", "correct the URL"),
        ("PermanentRedirect", "another region", "AWS_DEFAULT_REGION"),
        ("SlowDown", "the store says SlowDown", "Run again"),
    ],
)
def test_a_store_that_refuses_is_a_sentence(
    hosts: tuple[Path, Path], between: Between, code: str, words: str, step: str
) -> None:
    """Before any work, what the store refuses is said with what to do, and no credential is in it."""
    between.rule = lambda method, *_: code if method == "PUT" else None
    with pytest.raises(StorageError, match=words) as caught, hold(hosts[0]):
        pytest.fail("it was not held")
    assert step in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_bucket_that_is_not_there_is_a_sentence(between: Between, tmp_path: Path) -> None:
    """A run into a bucket that nobody made is told so at once."""
    with (
        pytest.raises(StorageError, match="there is no bucket nowhere"),
        hold(work_folder("s3://nowhere/x", tmp_path)),
    ):
        pass


def test_missing_credentials_are_a_sentence(
    hosts: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials the sentence says where they are looked for."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with (
        pytest.raises(StorageError, match="There are no credentials for s3://tables/out") as caught,
        hold(hosts[0]),
    ):
        pass
    assert "AWS_PROFILE" in str(caught.value)


def test_a_store_without_conditions_is_refused(hosts: tuple[Path, Path], between: Between) -> None:
    """A store that takes conditional writes and does not hold them is found out before anything is trusted to it."""
    between.rule = lambda *_: "bare"
    with pytest.raises(StorageError, match="does not hold conditional writes"), hold(hosts[0]):
        pass
    assert not list(object_store.ObjectStore(URL).keys("tables/"))


def test_a_file_that_was_changed_is_noticed(hosts: tuple[Path, Path], tmp_path: Path) -> None:
    """A file that is not the one that was written makes no table."""
    commit(hosts[0], 1)
    path = next(iter(there().paths()))
    (tmp_path / "x").write_bytes(b"x")
    object_store.ObjectStore(URL).upload(path, tmp_path / "x")
    with pytest.raises(StorageError, match="is not the file that was written there"):
        rebuild(URL, tmp_path / "c")
    assert not (tmp_path / "c" / "warehouse.duckdb").exists()


def test_tables_that_somebody_removed_go_up_again(hosts: tuple[Path, Path], way: tuple[Between, Any]) -> None:
    """When the manifest is gone, the warehouse of the work folder goes up whole."""
    commit(hosts[0], 1)
    way[1].delete_object(Bucket="tables", Key="out/manifest.json")
    with hold(hosts[0]):
        pass
    assert there().tables["pages"].rows == Warehouse(hosts[0]).size("pages")


def test_hosts_share_a_state_by_the_url(hosts: tuple[Path, Path]) -> None:
    """In the state that hosts share, the work folders of one URL are one folder: one ledger, one lock, the same corrections."""
    ours, theirs = (folder_id.claim(folder, "state") for folder in hosts)
    assert ours == theirs
    assert folder_id.read(hosts[0]) == ours


def test_a_plan_on_another_host_begins_with_the_tables(hosts: tuple[Path, Path]) -> None:
    """Looking ahead brings the warehouse up to the bucket too, and writes nothing there."""
    commit(hosts[0], 3)
    before = there()
    with hold_aside(hosts[1]) as (copy, _):
        assert committer.generation_of(copy) == 3
    assert there() == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gs://bucket/x", "folder, or a prefix"),
        ("s3://", "folder, or a prefix"),
        ("s3://bucket?versionId=1", "folder, or a prefix"),
        ("s3://ana:hush@bucket/x", "a name or a password"),
    ],
)
def test_other_urls_are_no_output(tmp_path: Path, url: str, words: str) -> None:
    """What no table can be written to is refused, and a password is in no message."""
    with pytest.raises(SettingsError, match=words) as caught:
        work_folder(url, tmp_path)
    assert "hush" not in str(caught.value)

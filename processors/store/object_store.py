"""A prefix of an S3 bucket: objects by key in and out, and writes that hold only when nobody else wrote meanwhile.

In: `s3://bucket/prefix`, with credentials, region and endpoint where every S3 program finds them (environment, profile, role). Out: bytes
with their ETag, and StorageError with a sentence. Conditional writes (If-None-Match, If-Match) are S3's since 2024-08 and 2024-11; a store
that takes the header and does not hold it is found out by `prove` before anything is trusted to it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from octavo.schemas.errors import SettingsError, StorageError, describe

CONNECT_S, READ_S, ATTEMPTS = 10, 60, 4  # of one request
_DELETED_AT_ONCE = 1_000  # S3's limit, API reference of DeleteObjects, 2026-11
_RIGHTS = "s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix"
_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING = frozenset({"NoSuchKey", "404"})
_REFUSED = {
    "InvalidAccessKeyId": "the credentials are refused",
    "SignatureDoesNotMatch": "the credentials are refused",
    "ExpiredToken": "the credentials have expired",
    "InvalidToken": "the credentials are refused",
    "TokenRefreshRequired": "the credentials have expired",
}
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_proved = set[str]()  # URLs


class Overtaken(Exception):
    """Somebody else wrote the object since it was read; nothing was changed."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was: its bytes, the ETag under which it may be replaced, and its age by the clock of the store."""

    data: bytes
    etag: str
    age_s: float


class ObjectStore:
    """The objects below one prefix. Any thread may use it."""

    def __init__(self, url: str) -> None:
        """`url` is s3://bucket/prefix. Raises SettingsError for another one, or when what speaks S3 is not installed."""
        self.url = checked(url)
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""

    def get(self, key: str) -> StoredObject | None:
        """An object; None when there is none. Raises StorageError."""
        with self._voiced("read"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                return StoredObject(found["Body"].read(), found["ETag"], _age_s(found))
            except self._client.exceptions.NoSuchKey:
                return None

    def etag(self, key: str) -> str:
        """The ETag of an object; "" when there is none. Raises StorageError."""
        from botocore.exceptions import ClientError

        with self._voiced("read"):
            try:
                return str(self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)["ETag"])
            except ClientError as error:
                if _code(error) in _MISSING:
                    return ""
                raise

    def put_if(self, key: str, data: bytes, etag: str) -> str:
        """Write an object in place of the one with this ETag, "" for none; gives the new ETag. Raises Overtaken and StorageError.

        subtle: a write whose reply was lost is tried again and then refused by itself, so what stands there is looked at before that is
        believed. `data` therefore has to hold something that no other writer has.
        """
        from botocore.exceptions import ClientError

        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with self._voiced("written"):
            try:
                done = self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=data, **condition
                )
                return str(done["ETag"])
            except ClientError as error:
                if _code(error) not in _OVERTAKEN | _MISSING:
                    raise
        there = self.get(key)
        if there is None or there.data != data:
            raise Overtaken(key)
        return there.etag

    def upload(self, key: str, path: Path) -> None:
        """Write a file as a new object. Raises StorageError."""
        with self._voiced("written"), path.open("rb") as body:
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=body)

    def download(self, key: str, path: Path, sha256: str) -> None:
        """Write an object to a file. Raises StorageError, also when it is not the one that was written."""
        digest = hashlib.sha256()
        with self._voiced("read"), path.open("wb") as to:
            for block in self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)[
                "Body"
            ].iter_chunks(1 << 20):
                digest.update(block)
                to.write(block)
        if digest.hexdigest() != sha256:
            message = f"{self.url}/{key} is not the file that was written there."
            step = "Bring it back from a version of the bucket, or run into another prefix: no reply is paid twice."
            raise StorageError(message, about=self.url, next_step=step)

    def keys(self, below: str) -> Iterator[str]:
        """The keys that begin so, without the prefix of the store. Raises StorageError."""
        with self._voiced("listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + below
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    yield str(one["Key"]).removeprefix(self._prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, as many as there are of them. Raises StorageError."""
        with self._voiced("written"):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                some = [{"Key": self._prefix + key} for key in keys[start : start + _DELETED_AT_ONCE]]
                done = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": some, "Quiet": True}
                )
                if refused := done.get("Errors"):
                    message = (
                        f"{len(refused)} old files of {self.url} cannot be removed: {refused[0].get('Code')}."
                    )
                    raise StorageError(message, about=self.url, next_step=f"Give the rights: {_RIGHTS}.")

    def prove(self) -> None:
        """Write a probe, so that missing rights show before any work, and a store that does not hold conditions. Raises StorageError.

        What was proved once is not proved again by this process.
        """
        if self.url in _proved:
            return
        key = f"tables/probe-{secrets.token_hex(6)}"
        first, second = secrets.token_bytes(8), secrets.token_bytes(8)
        try:
            etag = self.put_if(key, first, "")
            held = self._refuses(key, second, "") and self._refuses(key, second, '"0"')
            held = held and bool(self.put_if(key, second, etag))
        except Overtaken:
            held = False
        finally:
            self.delete([key])
        if not held:
            message = f"The store of {self.url} does not hold conditional writes, so that two runs could mix their rows."
            step = "Use one that does (Amazon S3, or MinIO of 2024-12 and later), or a folder with --out."
            raise StorageError(message, about=self.url, next_step=step)
        _proved.add(self.url)

    def _refuses(self, key: str, data: bytes, etag: str) -> bool:
        try:
            self.put_if(key, data, etag)
        except Overtaken:
            return True
        return False

    @property
    def _client(self) -> Any:
        """The connection, one for all that has the same environment, since to make one takes half a second."""
        return _client(
            tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        )

    @contextmanager
    def _voiced(self, what: str) -> Iterator[None]:
        """Turn what S3 or the way to it says into a StorageError. No credential is in any of these messages."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as error:
            raise self._refusal(error, what) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise self._silence(error) from error

    def _refusal(self, error: Any, what: str) -> StorageError:
        code = _code(error)
        why, step = (
            _REFUSED.get(code, f"the store says {code}"),
            "Run again; if that stays, ask who runs the store.",
        )
        if code in _REFUSED:
            step = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile or role of this host."
        elif code in {"AccessDenied", "403"}:
            why, step = f"access is denied ({code})", f"Give its credentials the rights: {_RIGHTS}."
        elif code == "NoSuchBucket":
            why, step = f"there is no bucket {self._bucket}", "Make it, or correct the URL."
        elif code in _ELSEWHERE:
            why, step = (
                "the bucket is in another region",
                "Set AWS_DEFAULT_REGION to the region of the bucket.",
            )
        elif code in _MISSING:
            why, step = (
                "a file that belongs to it is missing",
                "Bring it back from a version of the bucket, or use another prefix.",
            )
        return StorageError(f"{self.url} cannot be {what}: {why}.", about=self.url, next_step=step)

    def _silence(self, error: BaseException) -> StorageError:
        name = type(error).__name__
        if "Credential" in name or "Profile" in name:
            step = (
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this host a role."
            )
            return StorageError(f"There are no credentials for {self.url}.", about=self.url, next_step=step)
        message = f"{self.url} does not answer: {describe(error)}."
        step = "Check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION, then run again: what is done is kept and goes up then."
        return StorageError(message, about=self.url, next_step=step)


def checked(url: str) -> str:
    """The URL of an output without a slash at its end. Raises SettingsError for what tables cannot be written to."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        message = "The URL of the output holds a name or a password, which would stand in rows and logs."
        raise SettingsError(
            message, about="out", next_step="Take it out and put credentials into the environment."
        )
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        message = f"Tables cannot be written to {url}: an output is a folder, or a prefix of a bucket."
        raise SettingsError(message, about="out", next_step="Name a folder, or s3://bucket/prefix.")
    return url.rstrip("/")


@lru_cache(maxsize=2)
def _client(_: tuple[tuple[str, str], ...]) -> Any:
    """A connection as the environment says; it is told apart by what that says."""
    try:
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        raise SettingsError(
            "What speaks s3:// is not installed.",
            about="out",
            next_step="Install it with: pip install 'octavo[s3]'",
        ) from error
    how = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    try:
        return botocore.session.get_session().create_client("s3", config=how)
    except (ValueError, botocore.exceptions.BotoCoreError) as error:
        message = f"s3:// cannot be used: {describe(error)}."
        raise SettingsError(
            message, about="out", next_step="Check the AWS variables of the environment."
        ) from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _age_s(found: dict[str, Any]) -> float:
    """How old an object is, by the store's own clock, so that the clocks of hosts do not matter."""
    now = found["ResponseMetadata"]["HTTPHeaders"].get("date")
    written: datetime = found["LastModified"]
    return max(0.0, (parsedate_to_datetime(now) - written).total_seconds()) if now else 0.0

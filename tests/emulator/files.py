"""The /v1/files endpoints: uploads come in as multipart, file objects and contents go out. Moonshot's api/files-upload page, 2026-08-13."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.emulator import refusals
from tests.emulator.state import State

PURPOSES = ("file-extract", "image", "video", "batch")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(rb'\bname="([^"]*)"')
_FILENAME = re.compile(rb'\bfilename="([^"]*)"')


@dataclass
class File:
    """One uploaded or written file."""

    ident: str
    name: str
    purpose: str
    content: bytes
    created: int

    def shown(self) -> dict[str, Any]:
        """The file object of the API; `status` is ok or ready on different pages [D]."""
        return {
            "id": self.ident,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "ok",
            "status_details": "",
        }


def upload(state: State, content_type: str, body: bytes) -> dict[str, Any]:
    """Stores an upload; raises the Refusal of the first rule it breaks."""
    parts = _multipart(content_type, body)
    name, content = parts.get("file", ("", b""))
    purpose = parts.get("purpose", ("", b""))[1].decode()
    if "file" not in parts or purpose not in PURPOSES:
        raise refusals.malformed(f"file and a purpose of {', '.join(PURPOSES)} are required")
    if not content:
        raise refusals.invalid("File size is zero, please confirm and re-upload the file")
    if len(content) > state.config.file_bytes_max:
        size = state.config.file_bytes_max // 2**20
        raise refusals.invalid(
            f"File size is too large, max file size is {size}MB, please confirm and re-upload the file"
        )
    if len(state.files) >= state.config.files_max:
        count = state.config.files_max
        text = f"The number of files you have uploaded exceeded the max file count {count}, please delete previous uploaded files"
        raise refusals.invalid(text)
    return keep(state, name, purpose, content).shown()


def keep(state: State, name: str, purpose: str, content: bytes) -> File:
    """A new file with these contents."""
    file = File(uuid4().hex[:20], name, purpose, content, int(state.clock.wall()))
    state.files[file.ident] = file
    return file


def find(state: State, ident: str) -> File:
    """The file of that id; raises the Refusal 404."""
    if ident not in state.files:
        raise refusals.not_found(f"file {ident}")
    file: File = state.files[ident]
    return file


def content(file: File) -> bytes:
    """What /content gives: JSON with the text of an extracted file [D], the bytes of any other."""
    if file.purpose != "file-extract":
        return file.content
    text = file.content.decode("utf-8", "replace")
    shown = {"content": text, "file_type": "text/plain", "filename": file.name, "title": "", "type": "file"}
    return json.dumps(shown, ensure_ascii=False).encode()


def listed(state: State) -> dict[str, Any]:
    """All files; has_more is there since the SDK pages for ever without it [I]."""
    return {"object": "list", "data": [file.shown() for file in state.files.values()], "has_more": False}


def delete(state: State, ident: str) -> dict[str, Any]:
    """Removes a file."""
    find(state, ident)
    del state.files[ident]
    return {"id": ident, "object": "file", "deleted": True}


def _multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Fields of a multipart body: name -> (file name, bytes)."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise refusals.malformed("the body is not multipart/form-data")
    fields = {}
    for part in body.split(b"--" + match[1].encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name, filename = _NAME.search(head), _FILENAME.search(head)
        if name:
            fields[name[1].decode()] = (filename[1].decode() if filename else "", value.removesuffix(b"\r\n"))
    return fields

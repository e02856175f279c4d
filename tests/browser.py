"""A page in a headless Chromium that tests can look at and act on, over the browser's debugging port."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.prefect_server import wait_for

QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


class Page:
    """One page, 1280 x 1000 in size."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0

    def call(self, method: str, **parameters: Any) -> Any:
        """A command of the debugging protocol, and its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (said := json.loads(self._connection.recv(60))).get("id") != self._number:
            pass
        return said["result"]

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def see(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression: str, patience_s: float = 60.0) -> Any:
        """The first true value of an expression in the page."""
        return wait_for(lambda: self.see(expression), expression, patience_s)


def words_of(file: Path) -> list[str]:
    """What stands in a file; nothing as long as it is not there."""
    return file.read_text().split() if file.is_file() else []


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with its data in a folder; skips the test where there is none."""
    if not (chromium := shutil.which("chromium")):
        pytest.skip("there is no Chromium on this machine")
    data = folder / "browser"
    command = [
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        *QUIET,
        f"--user-data-dir={data}",
        "--remote-debugging-port=0",
    ]
    process = subprocess.Popen(
        [*command, "--window-size=1280,1000", "about:blank"], stderr=subprocess.DEVNULL
    )
    try:
        port, path = wait_for(lambda: words_of(data / "DevToolsActivePort"), "Chromium")
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as root:
            target = Page(root).call("Target.createTarget", url="about:blank")["targetId"]
        with connect(f"ws://127.0.0.1:{port}/devtools/page/{target}", max_size=None) as connection:
            page = Page(connection)
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=1280,
                height=1000,
                deviceScaleFactor=1,
                mobile=False,
            )
            yield page
    finally:
        process.terminate()
        process.wait(30)

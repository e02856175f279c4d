"""`octavo serve`: from nothing to the Prefect UI with all deployments and a worker, until it is asked to end.

In: an address for the server, unless PREFECT_API_URL names one that runs already. Out: processes, which end when this one does.
The server keeps its data in PREFECT_HOME (`~/.prefect` unless set) and its log beside it; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from flows import show
from flows.deployments import DEPLOYMENTS, POOL
from flows.processes import end, end_children
from flows.reporting import UNOBSERVED
from schemas.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]  # where prefect.yaml lies, from which flows are deployed and run
START_S = 180.0  # a new server took 17 to 66 s, depending on the load (2026-11)
SPEAK_EVERY_S = 10.0
RUNS_S, WORKER_S, SERVER_S = 7.0, 3.0, 4.0  # how long each may take to end; together under 15 s
HEARTBEAT_S = "30"  # how often a flow run says that it lives; Prefect's own 180 s leave a dead one "running" for long

# The UI asks the server it came from, also behind a tunnel; Prefect's default is port 4200. And slots of running flows outlive
# a restart of the server, which otherwise stops these flows within four minutes.
SERVER = {
    "PREFECT_UI_API_URL": "/api",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}

EXAMPLE = '{"inbox": "data/samples", "out": "out", "extract": ["invoice"], "offline": true}'


def serve(host: str = "127.0.0.1", port: int = 4200) -> int:
    """Start a Prefect server (or use the one that PREFECT_API_URL names), deploy all flows, start a worker, and print the link.

    Makes the work pool when it is missing. Ends on SIGINT or SIGTERM, within 15 s, with all that it started: first the flow runs,
    then the worker, then the server. Gives 0 then. Raises SettingsError when something cannot start or ends by itself.
    """
    return asyncio.run(_until_asked(host, port))


async def _until_asked(host: str, port: int) -> int:
    work = asyncio.ensure_future(_serve(host, port))
    asked: list[int] = []

    def hear(number: int) -> None:
        if not asked:
            show.err.print("Ending what was started ...")
            work.cancel()
        asked.append(number)

    # Subtle: with handlers of our own, children start with the default ones. Started by `octavo serve &` in a script they would
    # else inherit an ignored SIGINT, which Prefect's worker sends to itself in order to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, hear, number)
    try:
        await work
    except asyncio.CancelledError:
        show.err.print("Ended.")
    return 0


async def _serve(host: str, port: int) -> None:
    if not (ROOT / "prefect.yaml").is_file():
        message = f"There is no prefect.yaml in {ROOT}."
        raise SettingsError(message, about="serve", next_step="Install Octavo from a checkout, with pip install -e.")
    running: list[asyncio.subprocess.Process] = []
    async with AsyncExitStack() as stack:
        url = os.environ.get("PREFECT_API_URL", "").rstrip("/")
        if not url:
            url = await _start_server(stack, running, host, port)
        environ = {**os.environ, **UNOBSERVED, "PREFECT_API_URL": url, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": HEARTBEAT_S}
        await _wait_until_healthy(url, running)
        await _deploy(environ)
        worker = ["worker", "start", "--pool", POOL, "--type", "process"]
        running.append(await stack.enter_async_context(_prefect(worker, environ, grace_s=WORKER_S, runs_s=RUNS_S)))
        _welcome(url)
        await asyncio.wait([asyncio.ensure_future(process.wait()) for process in running], return_when=asyncio.FIRST_COMPLETED)
    raise SettingsError("The Prefect server or its worker ended by itself.", about="serve", next_step="The lines above say why.")


# --- the server ----------------------------------------------------------------------------------------------------


async def _start_server(stack: AsyncExitStack, running: list[asyncio.subprocess.Process], host: str, port: int) -> str:
    """Start a server of our own; gives the address of its API."""
    refuse_taken(host, port)
    home = prefect_home()
    home.mkdir(parents=True, exist_ok=True)
    show.err.print(f"Starting a Prefect server; its data and log are in {home} ...", markup=False, soft_wrap=True)
    log = stack.enter_context((home / "octavo-server.log").open("ab"))
    words = ["server", "start", "--host", host, "--port", str(port)]
    environ = {**SERVER, **os.environ, **UNOBSERVED}
    running.append(await stack.enter_async_context(_prefect(words, environ, grace_s=SERVER_S, output=log.fileno())))
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/api"  # noqa: S104 - compared, not listened on


def refuse_taken(host: str, port: int) -> None:
    """Raise SettingsError when a server could not listen there."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        message = f"Port {port} of {host} cannot be used: {error.strerror or error}."
        step = f"Choose another with --port; if a Prefect server runs there, set PREFECT_API_URL=http://{host}:{port}/api."
        raise SettingsError(message, about="port", next_step=step) from None


def prefect_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Prefect keeps its data."""
    return Path(environ.get("PREFECT_HOME") or "~/.prefect").expanduser().resolve()


async def _wait_until_healthy(url: str, running: list[asyncio.subprocess.Process]) -> None:
    """Return when the server answers. Raises SettingsError when ours ends instead, and after three minutes."""
    started = spoken = time.monotonic()
    async with httpx.AsyncClient(timeout=5.0) as client:
        while not await _is_healthy(client, url):
            if any(process.returncode is not None for process in running):
                message = "The Prefect server ended while it was starting."
                raise SettingsError(message, about="serve", next_step=f"{prefect_home() / 'octavo-server.log'} says why.")
            if time.monotonic() - started > START_S:
                message = f"No Prefect server answers at {url} after {START_S:.0f} s."
                raise SettingsError(message, about="PREFECT_API_URL", next_step="Start it, or unset PREFECT_API_URL.")
            if time.monotonic() - spoken > SPEAK_EVERY_S:
                spoken = time.monotonic()
                show.err.print(f"... still waiting for the server ({spoken - started:.0f} s)")
            await asyncio.sleep(0.5)


async def _is_healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health")).is_success
    except httpx.HTTPError:
        return False


# --- deployments and words ------------------------------------------------------------------------------------------


async def _deploy(environ: Mapping[str, str]) -> None:
    """Make the work pool when it is missing, and deploy all flows of prefect.yaml."""
    if not await _done(["work-pool", "inspect", POOL], environ, must=False):
        await _done(["work-pool", "create", POOL, "--type", "process"], environ)
        show.err.print(f"Made the work pool {POOL}.")
    await _done(["deploy", "--all"], environ)
    show.err.print(f"Deployed {', '.join(deployment.name for deployment in DEPLOYMENTS)}.", soft_wrap=True)


async def _done(words: list[str], environ: Mapping[str, str], *, must: bool = True) -> bool:
    """Run a command of Prefect to its end; gives whether it went well, and raises SettingsError when it must."""
    async with _prefect(words, environ, grace_s=1.0, output=asyncio.subprocess.PIPE) as process:
        output, _ = await process.communicate()
    if process.returncode and must:
        message = f"`prefect {' '.join(words)}` failed: {' '.join(output.decode(errors='replace').split())[-500:]}"
        raise SettingsError(message, about="serve", next_step="Correct that and start again.")
    return process.returncode == 0


def _welcome(url: str) -> None:
    command = "prefect" if shutil.which("prefect") else str(Path(sys.executable).with_name("prefect"))
    for line in (
        f"\nPrefect UI: {url.removesuffix('/api')}   (Deployments, process-folder, Run)",
        "From a terminal:",
        f"  PREFECT_API_URL={url} {command} deployment run '{DEPLOYMENTS[0].name}' \\",
        f"    --watch --watch-timeout 3600 --param job='{EXAMPLE}'",
        f"Folders of a job are relative to {ROOT}. Ctrl-C ends it all.\n",
    ):
        show.out.print(line, markup=False, soft_wrap=True)


@asynccontextmanager
async def _prefect(
    words: list[str], environ: Mapping[str, str], *, grace_s: float, output: int | None = None, runs_s: float = 0.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command of Prefect while it runs, in a session of its own, so that Ctrl-C reaches it through us and in order."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prefect", "--no-prompt", *words),
        cwd=ROOT,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if runs_s:
            await end_children(process.pid, runs_s)
        await end(process, grace_s)

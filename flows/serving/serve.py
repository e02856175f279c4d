"""`octavo serve`: from nothing to the Prefect UI with all deployments and a worker, until it is asked to end.

In: an address for the server, unless PREFECT_API_URL names one that runs already. Out: processes, which end when this one does.
The server keeps its data in PREFECT_HOME (`~/.prefect` unless set) and its log beside it; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
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

import octavo
from octavo.flows import settings
from octavo.flows.commands import show
from octavo.flows.commands.run_in_prefect import BRIEF, TERSE, UNOBSERVED
from octavo.flows.deployments import DEPLOYMENTS, POOL
from octavo.flows.prefect_run.liveness import boot
from octavo.flows.prefect_run.processes import (
    FLOW_RUN,
    end,
    end_children,
    environments,
    is_gone,
    kill,
    name_of,
    wait_until_gone,
)
from octavo.flows.serving.supervision import Kept, kept_running
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job

# In a checkout a link to the one at its top.
DEPLOYED = Path(octavo.__file__).with_name("prefect.yaml").resolve()
FOLDER = DEPLOYED.parent if DEPLOYED.with_name("pyproject.toml").is_file() else Path.cwd()  # where flows run
START_S = 300.0  # a new server took 17 to 175 s, depending on the load (2026-11)
SPEAK_EVERY_S = 10.0
RUNS_S, WORKER_S, SERVER_S = 7.0, 3.0, 4.0  # how long each may take to end; together under 15 s
HEARTBEAT_S = (
    "30"  # how often a flow run says that it lives; Prefect's own 180 s leave a dead one "running" for long
)

# The UI asks the server it came from, also behind a tunnel; Prefect's default is port 4200. And slots of running flows outlive
# a restart of the server, which otherwise stops these flows within four minutes.
# What is kept has an end; the table `runs` of an output folder keeps what changed something. Of events most are not stored at all.
SERVER = {
    "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "octavo.flows.serving.stored_events",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 3600),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "true",  # so that `prefect deployment run --watch` shows lines of the log, and so the reason
    "PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED": "true",
    "PREFECT_UI_API_URL": "/api",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}

MARK = "OCTAVO_SERVE"  # in the environment of all that is started: the name of the process that started it

EXAMPLE = '{"inbox": "data/samples", "out": "out", "extract": ["invoice"], "offline": true}'


def serve(host: str = "127.0.0.1", port: int = 4200) -> int:
    """Start a Prefect server (or use the one that PREFECT_API_URL names), deploy all flows, start a worker, and print the link.

    Makes the work pool when it is missing. Ends on SIGINT or SIGTERM, within 15 s, with all that it started: first the flow runs,
    then the worker, then the server. Gives 0 then. Meanwhile a server or a worker that ends by itself is started again, runs whose
    process died are marked as crashed, and runs that do not start in time are told. Raises SettingsError when something cannot start.
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
    end_left_behind()
    async with AsyncExitStack() as stack:
        url, server = os.environ.get("PREFECT_API_URL", "").rstrip("/"), None
        if not url:
            url, server = await _start_server(stack, host, port)
        environ = {**_environ(), "PREFECT_API_URL": url, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": HEARTBEAT_S}
        os.environ.update(
            {**UNOBSERVED, **TERSE, **BRIEF, "PREFECT_API_URL": url}
        )  # of Prefect in this process
        await _wait_until_healthy(url)
        await _deploy(environ)
        name = worker_name()
        words = ["worker", "start", "--pool", POOL, "--type", "process", "--name", name]
        worker = await stack.enter_async_context(
            kept_running("worker", lambda: _prefect(words, environ, grace_s=WORKER_S), say)
        )
        stack.push_async_callback(_end_runs, worker)
        _welcome(url)
        _say_without_key(environ)
        watching = await asyncio.to_thread(
            importlib.import_module, "octavo.flows.serving.watch"
        )  # imports Prefect, which takes seconds
        await watching.watch([worker, *filter(None, [server])], name, say)


async def _end_runs(worker: Kept) -> None:
    """Ask the flow runs to end, also those of a worker that died before them, and kill what does not."""

    def runs() -> set[int]:
        return {
            pid
            for pid, given in environments().items()
            if given.get(MARK) == name_of(os.getpid()) and FLOW_RUN in given
        }

    await end_children(worker.process.pid, RUNS_S, runs)
    kill(runs())


def end_left_behind() -> None:
    """End server and worker of an `octavo serve` over the same data that was killed; its flow runs go on and report their ends."""
    home, left = os.environ.get("PREFECT_HOME"), set[int]()
    for pid, given in environments().items():
        if (
            MARK in given
            and is_gone(given[MARK])
            and given.get("PREFECT_HOME") == home
            and FLOW_RUN not in given
        ):
            left.add(pid)
    if left:
        say(
            "An earlier `octavo serve` was killed: what it left running is ended, but for its flow runs, which go on."
        )
        kill(left)
        wait_until_gone(left)


def worker_name() -> str:
    """The name of the worker that is started on this machine, the same at every start and on no other machine."""
    pids = Path("/proc/self/ns/pid").readlink() if boot() else ""
    return f"octavo-{os.uname().nodename}-{hashlib.sha256(f'{boot()} {pids} {os.getuid()}'.encode()).hexdigest()[:8]}"


def say(sentence: str) -> None:
    """A line in the terminal of who serves."""
    show.err.print(sentence, markup=False, soft_wrap=True)


def _environ() -> dict[str, str]:
    """The environment of all that is started; by its mark it is known as ours, also when this process is gone."""
    return {**os.environ, **UNOBSERVED, MARK: name_of(os.getpid())}


# --- the server ----------------------------------------------------------------------------------------------------


async def _start_server(stack: AsyncExitStack, host: str, port: int) -> tuple[str, Kept]:
    """Start a server of our own and keep it running; gives the address of its API, and the server."""
    refuse_taken(host, port)
    home = prefect_home()
    home.mkdir(parents=True, exist_ok=True)
    show.err.print(
        f"Starting a Prefect server; its data and log are in {home} ...", markup=False, soft_wrap=True
    )
    log = stack.enter_context((home / "octavo-server.log").open("ab"))
    words = ["server", "start", "--host", host, "--port", str(port)]
    environ = {**SERVER, **_environ()}
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/api"  # noqa: S104 - compared, not listened on
    server = await stack.enter_async_context(
        kept_running(
            "Prefect server", lambda: _prefect(words, environ, grace_s=SERVER_S, output=log.fileno()), say
        )
    )
    await _wait_until_healthy(url, server.process)
    return url, server


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


async def _wait_until_healthy(url: str, server: asyncio.subprocess.Process | None = None) -> None:
    """Return when the server answers. Raises SettingsError when ours ends instead, and after five minutes."""
    started = spoken = time.monotonic()
    async with httpx.AsyncClient(timeout=5.0) as client:
        while not await _is_healthy(client, url):
            if server and server.returncode is not None:
                message = "The Prefect server ended while it was starting."
                raise SettingsError(
                    message, about="serve", next_step=f"{prefect_home() / 'octavo-server.log'} says why."
                )
            if time.monotonic() - started > START_S:
                message = f"No Prefect server answers at {url} after {START_S:.0f} s."
                raise SettingsError(
                    message, about="PREFECT_API_URL", next_step="Start it, or unset PREFECT_API_URL."
                )
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
    if await _made_pool():
        show.err.print(f"Made the work pool {POOL}.")
    await _run_to_end(["deploy", "--all", "--prefect-file", str(DEPLOYED)], environ)
    show.err.print(f"Deployed {', '.join(deployment.name for deployment in DEPLOYMENTS)}.", soft_wrap=True)


async def _made_pool() -> bool:
    """Whether the work pool was missing and is made. In this process, which Prefect is for: a command of its own takes seconds to start."""
    work_pool = await asyncio.to_thread(importlib.import_module, "octavo.flows.prefect_run.work_pool")
    from prefect.exceptions import PrefectException

    try:
        return bool(await work_pool.make_when_missing())
    except (httpx.HTTPError, PrefectException) as error:
        message = f"The work pool {POOL} could not be made: {error}."
        raise SettingsError(message, about="serve", next_step="Correct that and start again.") from error


async def _run_to_end(words: list[str], environ: Mapping[str, str]) -> None:
    """Run a command of Prefect to its end. Raises SettingsError when it does not go well."""
    async with _prefect(words, environ, grace_s=1.0, output=asyncio.subprocess.PIPE) as process:
        output, _ = await process.communicate()
    if process.returncode:
        message = (
            f"`prefect {' '.join(words)}` failed: {' '.join(output.decode(errors='replace').split())[-500:]}"
        )
        raise SettingsError(message, about="serve", next_step="Correct that and start again.")


def _welcome(url: str) -> None:
    command = "prefect" if shutil.which("prefect") else str(Path(sys.executable).with_name("prefect"))
    for line in (
        f"\nPrefect UI: {url.removesuffix('/api')}   (Deployments, process-folder, Run)",
        "From a terminal:",
        f"  PREFECT_API_URL={url} {command} deployment run '{DEPLOYMENTS[0].name}' \\",
        f"    --watch --watch-timeout 3600 --param job='{EXAMPLE}'",
        f"Folders of a job are relative to {FOLDER}. Ctrl-C ends it all.\n",
    ):
        show.out.print(line, markup=False, soft_wrap=True)


def _say_without_key(environ: Mapping[str, str]) -> None:
    """Say it when runs that ask a model will find no key, since only the environment of this process is theirs."""
    account = settings.account(Job(inbox="."), environ, key_needed=False)
    if account.provider.key_needed and not account.key:
        variable = account.provider.key_env
        say(
            f"No key here: to ask a model, set {variable} before `octavo serve`, or name a Secret block in the job (key_secret)."
        )


@asynccontextmanager
async def _prefect(
    words: list[str], environ: Mapping[str, str], *, grace_s: float, output: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command of Prefect while it runs, in a session of its own, so that Ctrl-C reaches it through us and in order."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prefect", "--no-prompt", *words),
        cwd=FOLDER,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await end(process, grace_s)

"""The server of `octavo review`: an output folder comes in, a link is printed, and Ctrl-C ends it when all that was said is on its way."""

from __future__ import annotations

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn

from octavo.flows.corrections.entry import user
from octavo.flows.review.app import make_app
from octavo.flows.review.workspace import Workspace
from octavo.schemas.errors import SettingsError, system_message

ADDRESS = "127.0.0.1"  # and no other: what is shown is nobody else's business


def serve(
    out: Path, *, port: int, browser: bool, read_only: bool, say: Callable[[str], None], token: str = ""
) -> int:
    """Serve until Ctrl-C; gives the exit code. Raises SettingsError where there are no tables or the port is taken."""
    workspace = Workspace(out, who=user(), read_only=read_only, token=token)
    with closing(workspace), _listening(port) as listener:
        link = f"http://{ADDRESS}:{listener.getsockname()[1]}/?token={workspace.token}"
        say(f"Review of {out}: {link}")
        say("Ctrl-C ends it. What is corrected is kept at once.")
        if browser:
            webbrowser.open(link)
        asyncio.run(_serve(workspace, listener))
        if not workspace.settle_now():
            say(workspace.settle_trouble)
    return 0


async def _serve(workspace: Workspace, listener: socket.socket) -> None:
    config = uvicorn.Config(
        make_app(workspace), log_level="warning", access_log=False, server_header=False, ws="none"
    )
    await uvicorn.Server(config).serve(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()  # from now on, so that whoever follows the link at once is not turned away
    except OSError as error:
        listener.close()
        message = f"Port {port} cannot be used: {system_message(error)}."
        raise SettingsError(
            message, about="port", next_step="Name another with --port, or none for a free one."
        ) from None
    return listener

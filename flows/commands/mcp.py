"""`octavo mcp`: an output folder for the clients of others, on standard input and output or over HTTP."""

from __future__ import annotations

import importlib.util
import os

from octavo.flows import settings
from octavo.flows.commands import show
from octavo.flows.lookups import Lookups
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job


def serve(job: Job, *, with_inbox: bool, port: int | None) -> None:
    """Serve until the client leaves. Raises SettingsError when FastMCP is not installed, or a setting is wrong."""
    if importlib.util.find_spec("fastmcp") is None:
        raise SettingsError(
            "The MCP server is not installed.",
            about="mcp",
            next_step="Install it with: pip install 'octavo[mcp]'",
        )
    from octavo.flows.mcp import server as mcp_server

    server = mcp_server.build(Lookups(settings.out_folder(job.out)))
    if with_inbox:
        from octavo.flows.mcp.paid_tools import add_paid_tools

        add_paid_tools(server, job)
    if port is None:
        mcp_server.serve_stdio(server)
        return
    from octavo.flows.mcp import http_door

    token = http_door.token_of()
    if not os.environ.get(http_door.TOKEN_VARIABLE):
        show.note(f"Clients send the header Authorization: Bearer {token}")
    http_door.serve_http(server, port, token, show.note)

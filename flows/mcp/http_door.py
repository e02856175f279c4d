"""The server over HTTP: on 127.0.0.1 only, for who knows the token, and not for pages of a browser that point their names here.

A token is OCTAVO_MCP_TOKEN or made anew at each start and said on standard error. Host and Origin are checked before anything is read.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
from collections.abc import Callable, Mapping

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, TokenVerifier

from octavo.schemas.errors import SettingsError

HOST = "127.0.0.1"
TOKEN_VARIABLE = "OCTAVO_MCP_TOKEN"  # noqa: S105 - the name of a variable
LEAST_TOKEN = 16  # characters; shorter ones are guessed


class OneToken(TokenVerifier):
    """Lets in who sends the one token, compared in constant time."""

    def __init__(self, token: str) -> None:
        """`token` is a secret, and is shown nowhere."""
        super().__init__()
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        """The access of who sends it; None for anybody else."""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token):
            return None
        return AccessToken(token="-", client_id="owner", scopes=[])  # noqa: S106 - a mark in place of the token


def token_of(environ: Mapping[str, str] = os.environ) -> str:
    """The token that the environment names, else a new one. Raises SettingsError for one that is too short or no header carries."""
    named = environ.get(TOKEN_VARIABLE, "").strip()
    if named and not (
        len(named) >= LEAST_TOKEN and named.isascii() and named.isprintable() and " " not in named
    ):
        raise SettingsError(
            f"{TOKEN_VARIABLE} is no good token: it needs {LEAST_TOKEN} characters at least, ASCII without spaces.",
            about=TOKEN_VARIABLE,
            next_step="Unset it, and a good one is made.",
        )
    return named or secrets.token_urlsafe(32)


def serve_http(server: FastMCP, port: int, token: str, say: Callable[[str], None]) -> None:
    """Serve until a signal; `port` 0 takes a free one. `say` is told the address. Raises SettingsError when the port is taken."""
    server.auth = OneToken(token)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
            door.listen()  # before the address is told: who connects at once waits instead of being refused
        except OSError as error:
            raise SettingsError(
                f"Port {port} of {HOST} cannot be used: {error.strerror}.",
                about="http",
                next_step="Name another, as in --http 8766.",
            ) from None
        say(f"octavo mcp is at http://{HOST}:{door.getsockname()[1]}/mcp")
        asyncio.run(
            server.run_http_async(
                show_banner=False,
                host=HOST,
                port=door.getsockname()[1],
                log_level="WARNING",
                host_origin_protection=True,
                sockets=[door],
            )
        )

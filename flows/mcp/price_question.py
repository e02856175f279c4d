"""Asks the person who sits at a client about a price: the call and its price in, a yes or NotApproved out.

Clients of the protocol until 2025-11 are asked while the call waits. Those of 2026-07 get the question as the result of the call, and send
the call again with the answer: then `agreed` gives that question, which the tool has to return. A yes holds for the price that was named
and no higher one; what came back with it is sealed by the server.
"""

from __future__ import annotations

import mcp_types
from fastmcp import Context
from fastmcp.server.elicitation import AcceptedElicitation, parse_elicit_response_type
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from octavo.schemas.errors import NotApproved

AGREE, REFUSE = "Yes, spend it", "No"
_NAME = "price"  # of the question among those of a call

Question = mcp_types.InputRequiredResult


def can_ask(context: Context) -> bool:
    """Whether the client shows questions to a person."""
    capabilities = context.session.client_capabilities
    return capabilities is not None and capabilities.elicitation is not None


async def agreed(context: Context, sentence: str, mark: str, most_usd: float) -> Question | None:
    """None when the person agrees to what `sentence` says; the question, where it has to be returned. Raises NotApproved for a no.

    `mark` names the work, `most_usd` is the most that it may cost.
    """
    if context.session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        answer = await context.elicit(sentence, [AGREE, REFUSE])
        said: object = answer.data if isinstance(answer, AcceptedElicitation) else None
    else:
        if not _was_asked(context, mark, most_usd):
            return _question(sentence, f"{most_usd!r} {mark}")
        said = _said(context)
    if said != AGREE:
        raise NotApproved(f"The price was not agreed to, so nothing was asked: {sentence}")
    return None


def _was_asked(context: Context, mark: str, most_usd: float) -> bool:
    """Whether the call comes with the answer to a question about this work, at no lower price than now."""
    named, _, work = (context.request_state or "").partition(" ")
    return bool(context.input_responses) and work == mark and most_usd <= float(named)


def _question(sentence: str, state: str) -> Question:
    schema = parse_elicit_response_type([AGREE, REFUSE]).schema
    params = mcp_types.ElicitRequestFormParams(message=sentence, requested_schema=schema)
    return Question(input_requests={_NAME: mcp_types.ElicitRequest(params=params)}, request_state=state)


def _said(context: Context) -> object:
    """What the person chose; None for a question that was closed."""
    answer = (context.input_responses or {}).get(_NAME)
    if not isinstance(answer, mcp_types.ElicitResult) or answer.action != "accept":
        return None
    return (answer.content or {}).get("value")

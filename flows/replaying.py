"""What is different in a replay: replies come from the ledger only, and what does not fit the schemas of today waits for a real run.

A replay checks the stored replies of a folder again under the schemas as they are now, and makes no call. A reply counts for every
question of its name, whatever the schema was when it was asked: fields that are new are null, fields that are gone are left out, and
the rest is checked as ever. A document for which that does not do, or that has no stored reply, is rejected as `not_asked`, so that
the next run without a replay asks about it.
"""

from __future__ import annotations

from dataclasses import replace

from processors.ask.replies import Asker
from schemas.errors import RequestError
from schemas.pipeline import NOT_APPLICABLE, Reject, Reply, Request


class NotStored(RequestError):
    """No reply is stored for a request, and a replay asks nothing."""

    reason = "not_asked"


async def stored(asker: Asker, request: Request) -> Reply:
    """The reply in the ledger. Raises NotStored."""
    try:
        return asker.recall(request.fingerprint)
    except KeyError:
        raise NotStored("No reply about this document is stored.", next_step="Run without --replay to ask.") from None


def unfit(reject: Reject) -> Reject:
    """The reject of a stored reply that does not fit, such that a later run asks."""
    if reject.reason == NOT_APPLICABLE:
        return reject
    return replace(reject, reason="not_asked", detail=f"The stored reply does not fit ({reject.reason}): {reject.detail}")

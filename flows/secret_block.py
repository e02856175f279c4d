"""The name of a Prefect Secret block in, what it holds out. Prefect is imported when there is a name."""

from __future__ import annotations

from octavo.schemas.errors import SettingsError


async def in_block(name: str, field: str) -> str:
    """What is in the Secret block that a field of the job names; "" for no name, and then the environment counts. Raises SettingsError."""
    if not name:
        return ""
    from prefect.blocks.system import Secret

    try:
        block: Secret[str] = await Secret.aload(name)
    except ValueError:  # what Prefect raises when there is no such block
        message = f"There is no Secret block named {name} on this Prefect server."
        raise SettingsError(
            message, about=field, next_step="Create it in the UI under Blocks, type Secret."
        ) from None
    return str(block.get())

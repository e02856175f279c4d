"""The name of a Prefect Secret block in, the key that it holds out. Prefect is imported when there is a name."""

from __future__ import annotations

from octavo.schemas.errors import SettingsError


async def key_in_block(name: str) -> str:
    """The key from the Prefect Secret block of that name; "" for no name, and then the environment is looked at. Raises SettingsError."""
    if not name:
        return ""
    from prefect.blocks.system import Secret

    try:
        block: Secret[str] = await Secret.aload(name)
    except ValueError:  # what Prefect raises when there is no such block
        message = f"There is no Secret block named {name} on this Prefect server."
        raise SettingsError(
            message, about="key_secret", next_step="Create it in the UI under Blocks, type Secret."
        ) from None
    return str(block.get())

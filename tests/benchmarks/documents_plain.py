"""The plain client that `documents` compares with: the texts of a folder, each in one request by `AsyncOpenAI` behind a semaphore.

python -m tests.benchmarks.documents_plain FOLDER BASE_URL
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.benchmarks.documents import SCHEMA

AT_ONCE = 100
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "parcel", "strict": True, "schema": {**SCHEMA, "additionalProperties": False}},
}


async def main(folder: Path, base_url: str) -> None:
    """Ask about every file."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())]
    slots = asyncio.Semaphore(AT_ONCE)
    async with AsyncOpenAI(base_url=base_url, api_key="sk-emulator", max_retries=0) as client:

        async def ask(text: str) -> object:
            messages: list[ChatCompletionMessageParam] = [
                {"role": "system", "content": "Extract the fields as JSON."},
                {"role": "user", "content": text},
            ]
            async with slots:
                reply = await client.chat.completions.create(
                    model="kimi-k2.6",
                    messages=messages,
                    max_completion_tokens=200,
                    extra_body={"thinking": {"type": "disabled"}},
                )
            return reply.choices[0].message.content

        await asyncio.gather(*(ask(text) for text in texts))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

"""Chat calls through latteries that are all in its cache, read again by a new caller.

Run: python -B bench/peers/latteries_cached.py URL CALLS   (packages: bench/requirements-calls.txt)
"""

import asyncio
import tempfile

import calls

arguments = calls.arguments("cached calls through latteries")

from latteries import ChatHistory, InferenceConfig, OpenAICaller
from openai import AsyncOpenAI
from slist import Slist


async def ask_all(folder):
    async with AsyncOpenAI(api_key="none", base_url=arguments.url) as client:
        caller = OpenAICaller(cache_path=folder, openai_client=client)
        config = InferenceConfig(model=calls.MODEL, max_tokens=100)

        async def ask(prompt):
            return (await caller.call(ChatHistory.from_user(prompt), config)).first_response

        answers = await Slist(calls.prompts(arguments.calls)).par_map_async(ask, max_par=calls.PARALLEL)
        await caller.flush()
    return answers


with tempfile.TemporaryDirectory() as folder:
    imports = calls.Stopwatch()
    asyncio.run(ask_all(folder))
    filled = imports.read()
    stopwatch = calls.Stopwatch()
    answers = asyncio.run(ask_all(folder))
    made = stopwatch.read()
calls.report(answers, filled, made)

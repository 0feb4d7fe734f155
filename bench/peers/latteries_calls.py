"""Chat calls through latteries, 100 at a time, its cache in a new folder; Slist runs them, as its examples do.

Run: python -B bench/peers/latteries_calls.py URL CALLS   (packages: bench/requirements-calls.txt)
"""

import asyncio
import tempfile

import calls

arguments = calls.arguments("chat calls through latteries")
imports = calls.Stopwatch()

from latteries import ChatHistory, InferenceConfig, OpenAICaller
from openai import AsyncOpenAI
from slist import Slist


async def ask_all(folder, n_calls):
    async with AsyncOpenAI(api_key="none", base_url=arguments.url) as client:
        caller = OpenAICaller(cache_path=folder, openai_client=client)
        config = InferenceConfig(model=calls.MODEL, max_tokens=100)

        async def ask(prompt):
            return (await caller.call(ChatHistory.from_user(prompt), config)).first_response

        answers = await Slist(calls.prompts(n_calls)).par_map_async(ask, max_par=calls.PARALLEL)
        await caller.flush()
    return answers


with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as folder:
    # Much is imported only then.
    asyncio.run(ask_all(first, 1))
    imported = imports.read()
    stopwatch = calls.Stopwatch()
    answers = asyncio.run(ask_all(folder, arguments.calls))
    made = stopwatch.read()
calls.report(answers, imported, made)

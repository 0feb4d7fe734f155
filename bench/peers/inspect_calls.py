"""Chat calls through Inspect, 100 at a time: one sample each, one `generate()`, no scorer, its log in a new folder.

Run: python -B bench/peers/inspect_calls.py URL CALLS   (packages: bench/requirements-calls.txt)
"""

import tempfile

import calls

arguments = calls.arguments("chat calls through Inspect")
imports = calls.Stopwatch()

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.solver import generate


def ask_all(folder, n_calls):
    config = GenerateConfig(max_connections=calls.PARALLEL, max_tokens=100)
    server = {"base_url": arguments.url, "api_key": "none", "responses_api": False}
    model = get_model(f"openai/{calls.MODEL}", config=config, **server)
    samples = [Sample(input=prompt) for prompt in calls.prompts(n_calls)]
    task = Task(dataset=samples, solver=[generate()])
    [log] = eval(task, model=model, display="none", log_dir=folder, max_samples=calls.PARALLEL)
    if log.error:
        raise SystemExit(f"Inspect ended with {log.status}: {log.error.message}")
    return [sample.output.completion for sample in log.samples]


with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as folder:
    # Much is imported only then.
    ask_all(first, 1)
    imported = imports.read()
    stopwatch = calls.Stopwatch()
    answers = ask_all(folder, arguments.calls)
    made = stopwatch.read()
calls.report(answers, imported, made)

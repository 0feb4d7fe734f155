"""A log of Inspect with a sample for each chat call, read back whole and scored again: its way from kept answers to a metric.

Run: python -B bench/peers/inspect_cached.py URL CALLS   (packages: bench/requirements-calls.txt)
"""

import tempfile

import calls

arguments = calls.arguments("a log of Inspect read back and scored again")

from inspect_ai import Task, eval, score
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


def ask_all(folder):
    config = GenerateConfig(max_connections=calls.PARALLEL, max_tokens=100)
    server = {"base_url": arguments.url, "api_key": "none", "responses_api": False}
    model = get_model(f"openai/{calls.MODEL}", config=config, **server)
    samples = [Sample(input=prompt, target="amber") for prompt in calls.prompts(arguments.calls)]
    task = Task(dataset=samples, solver=[generate()], scorer=includes())
    [log] = eval(task, model=model, display="none", log_dir=folder, max_samples=calls.PARALLEL)
    if log.error:
        raise SystemExit(f"Inspect ended with {log.status}: {log.error.message}")
    return log.location


with tempfile.TemporaryDirectory() as folder:
    filling = calls.Stopwatch()
    place = ask_all(folder)
    filled = filling.read()
    stopwatch = calls.Stopwatch()
    # No model is asked, so none is to be set up.
    options = {"model": "none/none", "action": "overwrite", "display": "none"}
    log = score(read_eval_log(place), includes(), **options)
    answers = [sample.output.completion for sample in log.samples]
    made = stopwatch.read()
calls.report(answers, filled, made)

"""Compares our engine with Hugging Face's own code on a model and an adapter.

The Rust engine writes the model folder, the adapter folder and the cases; this
script loads the two folders with transformers and peft (CPU, float32, eager
attention), computes the same logits and says how far apart they are. With
--template-cases it also compares rendered chat templates and token ids.

Pinned versions (tools/requirements.txt): torch 2.15.0, transformers 5.23.0,
peft 0.21.2, safetensors 0.8.0, tokenizers 0.23.3.

Run: python tools/conformance.py --model DIR --adapter DIR --cases FILE.safetensors
     [--template-cases FILE.json]
 or: python tools/conformance.py --jobs FILE.json
Cases hold `tokens` int64 [N,T], `lengths` int64 [N], `logits` and
`adapter_logits` f32 [N,T,V]. Template cases are a list of
{messages, add_generation_prompt, text, ids, decoded, decoded_plain}, where the
last two are the ids as text with and without special tokens. Jobs are a list
of {name, model, adapter, cases, template_cases or null}: loading torch takes
longer than comparing a small model, so many are compared in one process.
The exit status is 0 when all agrees and 1 when anything does not; standard
output has one line of JSON for each job whose comparisons have been made.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-4


class Mismatch(Exception):
    """Something is wrong with what we were given, in words for the reader."""


def load_cases(path):
    try:
        cases = load_file(path)
    except (OSError, SafetensorError) as error:
        raise Mismatch(f"{path}: cannot be read: {error}") from error
    wanted = {"tokens": torch.int64, "lengths": torch.int64, "logits": torch.float32, "adapter_logits": torch.float32}
    for name, dtype in wanted.items():
        if name not in cases:
            raise Mismatch(f"{path}: no tensor named {name}")
        if cases[name].dtype != dtype:
            raise Mismatch(f"{path}: {name} is {cases[name].dtype}, not {dtype}")
    check_shapes(path, cases)
    return cases


def check_shapes(path, cases):
    tokens, lengths = cases["tokens"], cases["lengths"]
    if tokens.dim() != 2 or tokens.shape[0] == 0:
        raise Mismatch(f"{path}: no cases (tokens has shape {list(tokens.shape)})")
    rows, width = tokens.shape
    if lengths.shape != (rows,):
        raise Mismatch(f"{path}: lengths has shape {list(lengths.shape)}, not [{rows}]")
    if lengths.min() < 1 or lengths.max() > width:
        raise Mismatch(f"{path}: lengths {lengths.tolist()} are not all between 1 and {width}")
    for name in ("logits", "adapter_logits"):
        shape = cases[name].shape
        if len(shape) != 3 or shape[:2] != (rows, width):
            raise Mismatch(f"{path}: {name} has shape {list(shape)}, not [{rows}, {width}, vocabulary]")


def load_base(folder):
    """The model, refusing the random weights transformers puts where a file lacks some."""
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(problem):
            raise Mismatch(f"{folder}: {problem}: {sorted(map(str, info[problem]))}")
    return model.eval()


def load_adapter(base, folder):
    """The adapted model, refusing names peft would only have warned about."""
    saved = set(load_file(Path(folder) / "adapter_model.safetensors"))
    model = PeftModel.from_pretrained(base, folder).eval()
    expected = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    if saved != expected:
        raise Mismatch(
            f"{folder}: tensor names differ from peft's: "
            f"missing {sorted(expected - saved)}, unexpected {sorted(saved - expected)}"
        )
    return model


@torch.no_grad()
def largest_difference(model, cases, name):
    """Largest |ours - theirs| over the positions in use; NaN when either side has one."""
    worst = torch.zeros(())
    for row, length in enumerate(cases["lengths"].tolist()):
        theirs = model(cases["tokens"][row : row + 1, :length], use_cache=False).logits[0].float()
        ours = cases[name][row, :length]
        if ours.shape != theirs.shape:
            raise Mismatch(f"{name}: vocabulary of {ours.shape[-1]}, the model has {theirs.shape[-1]}")
        worst = torch.maximum(worst, (ours - theirs).abs().max())
    return worst.item()


def logits_failure(name, difference):
    if difference <= TOLERANCE:
        return []
    return [f"{name} logits differ by {difference:.3e}, more than {TOLERANCE:.0e}"]


def first_difference(ours, theirs):
    """Where two sequences part, with a little of each."""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    start = max(0, at - 20)
    return f"at {at}: ours {ours[start:at + 20]!r}, theirs {theirs[start:at + 20]!r}"


def template_failures(tokenizer, number, case):
    failures = []
    text = tokenizer.apply_chat_template(
        case["messages"], add_generation_prompt=case["add_generation_prompt"], tokenize=False
    )
    if text.encode() != case["text"].encode():
        failures.append(f"template case {number}: text differs {first_difference(case['text'], text)}")
    ids = tokenizer(case["text"], add_special_tokens=False)["input_ids"]
    if ids != case["ids"]:
        failures.append(f"template case {number}: ids differ {first_difference(case['ids'], ids)}")
    for name, plain in (("decoded", False), ("decoded_plain", True)):
        decoded = tokenizer.decode(case["ids"], skip_special_tokens=plain, clean_up_tokenization_spaces=False)
        if decoded != case[name]:
            failures.append(f"template case {number}: {name} differs {first_difference(case[name], decoded)}")
    return failures


def check_templates(folder, path):
    cases = json.loads(Path(path).read_text(encoding="utf-8"))
    if not cases:
        raise Mismatch(f"{path}: no template cases")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    failures = []
    for number, case in enumerate(cases):
        failures += template_failures(tokenizer, number, case)
    return len(cases), failures


def compare(job):
    """What differs in one job, and its summary."""
    cases = load_cases(job["cases"])
    model = load_base(job["model"])
    base = largest_difference(model, cases, "logits")
    adapter = largest_difference(load_adapter(model, job["adapter"]), cases, "adapter_logits")
    failures = logits_failure("base", base) + logits_failure("adapter", adapter)
    templates = 0
    if job["template_cases"]:
        templates, wrong = check_templates(job["model"], job["template_cases"])
        failures += wrong
    summary = {"name": job["name"], "base_max_abs": base, "adapter_max_abs": adapter, "template_cases": templates}
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in summary.items()}
    return failures, finite


def run(job):
    """Whether one job agrees; prints its failures and its summary."""
    try:
        failures, summary = compare(job)
    except Mismatch as error:
        failures, summary = [str(error)], None
    for failure in failures:
        print(f"conformance: {job['name']}: {failure}", file=sys.stderr)
    sys.stderr.flush()
    if summary:
        print(json.dumps(summary), flush=True)
    return not failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for argument in ("model", "adapter", "cases", "template-cases", "jobs"):
        parser.add_argument(f"--{argument}")
    args = parser.parse_args()
    if args.jobs:
        jobs = json.loads(Path(args.jobs).read_text(encoding="utf-8"))
    elif args.model and args.adapter and args.cases:
        jobs = [{"name": args.model, **vars(args)}]
    else:
        parser.error("either --jobs, or --model, --adapter and --cases")
    if not jobs:
        sys.exit("conformance: no jobs")
    sys.exit(0 if all([run(job) for job in jobs]) else 1)


if __name__ == "__main__":
    main()

"""The protocol of bench/src/main.rs: read an input, then run and write answers when told to."""

import json
import platform
import sys
import time

import numpy as np


def serve(run, packages):
    """Answers requests. `run` takes the array and its header and returns all answers."""
    with open(sys.argv[1], "rb") as file:
        header = json.loads(file.readline())
        values = np.frombuffer(file.read(), dtype="<f8").reshape(header["shape"])
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{package.__name__} {package.__version__}" for package in packages]
    say({"ready": ", ".join(versions)})
    answers = None
    for line in sys.stdin:
        request, _, file = line.rstrip("\n").partition(" ")
        if request == "run":
            start = time.perf_counter()
            answers = run(values, header)
            say({"seconds": time.perf_counter() - start})
        elif request == "answers":
            np.ascontiguousarray(answers, dtype="<f8").tofile(file)
            say({"answers": int(np.size(answers))})
        else:
            raise SystemExit(f"no request {line!r}")


def say(reply):
    print(json.dumps(reply), flush=True)

"""What latteries_calls.py and inspect_calls.py share: arguments, prompts and what is measured."""

import argparse
import json
import resource
import time

PARALLEL = 100
MODEL = "stub"


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("url", help="base URL of an OpenAI-compatible server, with /v1")
    parser.add_argument("calls", type=int)
    return parser.parse_args()


def prompts(calls):
    """All different, so that nothing answers a call but the server."""
    return [f"Question {i}: would you like to be asked?" for i in range(calls)]


class Stopwatch:
    """Seconds and processor seconds since it was made."""

    def __init__(self):
        self.seconds, self.cpu_seconds = time.perf_counter(), cpu_seconds()

    def read(self):
        return time.perf_counter() - self.seconds, cpu_seconds() - self.cpu_seconds


def cpu_seconds():
    """User and system time of this process, all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(answers, imports, made):
    """Prints one line of JSON; times of imports, a first call included, are apart; the peak of memory is the whole process's."""
    if not all(answers):
        raise SystemExit(f"{sum(not answer for answer in answers)} calls without an answer")
    seconds, cpu = made
    import_seconds, import_cpu = imports
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"calls": len(answers), "seconds": seconds, "cpu_seconds": cpu, "peak_rss_mb": peak}
    print(json.dumps(line | {"import_seconds": import_seconds, "import_cpu_seconds": import_cpu}))

"""The process of one framework: `python -m benchmarks.worker FRAMEWORK CORE`, driven over stdin by harness.py."""

import json
import os
import sys
from importlib import import_module
from time import perf_counter, process_time

import numpy as np


def library(framework):
    t = import_module(framework)
    if framework == "torch":
        t.set_num_threads(1)
    return t


def load(framework, task):
    """(step, result) of a task, from data that are the same in every process."""
    module = import_module(f"benchmarks.tasks.{task}")
    data = module.data(np.random.default_rng(0))
    if hasattr(module, framework if framework != "numpy" else "numpy"):
        step, result = getattr(module, framework)(data)
    else:
        step, result = module.framework(library(framework), data)
    return module, step, result


def find(path):
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def timed(step, count, clock="process"):
    """Seconds for one step. Of processor time: with one thread it is the wall clock's, less what other programs took; a step
    that waits for processes of its own is timed by the wall."""
    now = {"process": process_time, "wall": perf_counter}[clock]
    start = now()
    for _ in range(count):
        step()
    return (now() - start) / count


def main(framework, core):
    os.sched_setaffinity(0, {int(core)})
    answers, sys.stdout = sys.stdout, sys.stderr
    module = step = result = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        match request.pop("do"):
            case "load":
                module, step, result = load(framework, request["task"])
            case "results":
                for _ in range(getattr(module, "steps", 10)):
                    step()
                np.savez(request["file"], *result())
            case "make":
                step = find(request["function"])(library(framework), **request["options"])
            case "call":
                answer["value"] = find(request["function"])(**request["options"])
            case "time":
                answer["seconds"] = timed(step, **request)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

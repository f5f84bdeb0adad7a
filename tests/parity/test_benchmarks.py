"""What is timed is right: in every task the floor by hand, tinytorch and PyTorch come to the same numbers."""

from importlib import import_module

import numpy as np
import pytest
import torch

import tinytorch
from benchmarks.__main__ import amount, line
from benchmarks.harness import Row, agree, names

TIMED = [name for name in names() if not hasattr(import_module(f"benchmarks.tasks.{name}"), "rows")]


def results(task, framework, t):
    """The task's results after its steps, in this process; each framework starts from data of its own."""
    data = task.data(np.random.default_rng(0))
    own = getattr(task, framework, None)
    step, result = own(data) if own else task.framework(t, data)
    for _ in range(getattr(task, "steps", 10)):
        step()
    return [np.asarray(x) for x in result()]


@pytest.mark.parametrize("name", TIMED)
def test_the_frameworks_agree(name):
    task = import_module(f"benchmarks.tasks.{name}")
    frameworks = {"numpy": None, "tinytorch": tinytorch, "torch": torch}
    named = getattr(task, "frameworks", frameworks)
    found = {framework: results(task, framework, frameworks[framework]) for framework in named}
    agree(name, found)
    found["tinytorch"][0] = found["tinytorch"][0] * 1.001
    with pytest.raises(SystemExit, match=f"{name}: result 0 of tinytorch differs"):
        agree(name, found)


@pytest.mark.parametrize("name", names())
def test_every_task_says_what_it_is(name):
    task = import_module(f"benchmarks.tasks.{name}")
    assert task.__doc__ and "\n" not in task.__doc__.strip()


def test_a_row_says_whether_its_figure_was_met():
    samples = {"numpy": [1e-6] * 5, "tinytorch": [2e-6, 2e-6, 2.2e-6, 2e-6, 2e-6], "torch": [1.9e-6] * 5}
    missed, met = Row("x", samples, reach=1.0), Row("x", samples, reach=1.1)
    assert missed.met is False and "MISSED" in line(missed)
    assert met.met is True and "2 us" in line(met) and "1.05" in line(met)


def test_amounts_are_readable():
    assert [amount(x, "s") for x in (2.5, 0.0123, 4.56e-5, 7e-8)] == ["2.5 s", "12.3 ms", "45.6 us", "0.07 us"]
    assert amount(1024.0, "KiB") == "1,024 KiB"

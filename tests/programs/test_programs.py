"""Programs in the style of what people run with PyTorch: each runs under PyTorch and, unchanged, under tinytorch by `tito torch`, and
prints the same. Weights come from one file where the two draw random numbers differently."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
RUNS = [pytest.param(path, (), id=path.stem) for path in PROGRAMS]
RUNS.append(pytest.param(HERE / "digits.py", ("--arch", "cnn"), id="digits-cnn", marks=pytest.mark.modules(9)))
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?|[-+]?\d+")

pytestmark = [pytest.mark.parity, pytest.mark.modules(1, 2, 3, 4, 5, 6, 7, 8)]


def printed(*command, cwd=ROOT):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def assert_same(ours, theirs):
    """Equal text, and numbers that differ by at most 1e-4 of their size."""
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in theirs]
    for mine, yours in zip(ours, theirs):
        for a, b in zip(NUMBER.findall(mine), NUMBER.findall(yours)):
            assert abs(float(a) - float(b)) <= 1e-4 * max(1.0, abs(float(b))), f"tinytorch: {mine}\nPyTorch:   {yours}"


@pytest.mark.parametrize(("program", "arguments"), RUNS)
def test_prints_the_same_under_both(program, arguments, tmp_path):
    start = tmp_path / "start.pt"
    drawn = "--save-init" in program.read_text()
    theirs = printed(program, *arguments, *(["--save-init", start] if drawn else []))
    ours = printed("-m", "tito.torch", program, *arguments, *(["--init", start] if drawn else []))
    assert len(theirs) >= 3
    assert_same(ours, theirs)


def test_there_are_enough():
    assert len(PROGRAMS) >= 12


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("import torch\n\nprint(1)\nx = torch.quantum(3)\ntorch.warp", 1, r"program.py, line 4: torch.quantum is outside .*\n.* it wants 1 more"),
        ("from torch import quantum", 1, r"line 1: torch.quantum is outside"),
        ("import torch.quantum.deep", 1, r"line 1: torch.quantum is outside"),
        ("import torch\ntorch.ones(3).entangle()", 1, r"line 2: Tensor.entangle is outside"),
        ("import torch.nn.functional as F\nF.embedding(1, 2)", 1, r"line 2: torch.nn.functional.embedding is built in module 11"),
        ("import torch\nraise ValueError('mine')", 1, r"\A(?!.*runpy).*ValueError: mine\n\Z"),
        ("import torch, sys\nprint(sys.argv[1:], __name__)\nsys.exit(7)", 7, r"\['--check', 'a'\] __main__"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_at_its_line(program, code, said, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(program)
    command = [sys.executable, "-m", "tito.torch", script, "--check", "a"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == code and re.search(said, done.stdout + done.stderr, re.DOTALL), done.stdout + done.stderr


def test_check_lists_everything_without_running(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import torch\nimport torch.nn as nn\nfrom torch.optim import SGD, Quantum\nopen('ran', 'w')\n"
        "class Net(nn.Module):\n    layer = nn.Wormhole\n    other = nn.Wormhole\n\nt = torch.ones(2).entangle\nimport torchless\n"
    )
    command = [sys.executable, "-m", "tito.cli", "torch", "--check", script]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout.splitlines() == [
        "line 3: torch.optim.Quantum is outside this course",
        "line 6: torch.nn.Wormhole is outside this course",
        "2 names are missing",
    ]
    assert done.returncode == 1 and not (tmp_path / "ran").exists()

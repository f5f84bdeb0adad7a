"""The habits that pre-commit keeps, kept for everybody: ruff, and hooks that need no network."""

import subprocess
import sys

import yaml

from tito.course import HOME


def ruff(*arguments):
    run = subprocess.run([sys.executable, "-m", "ruff", *arguments, "."], cwd=HOME, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:]


def test_ruff_finds_nothing():
    ruff("check")


def test_everything_is_formatted():
    ruff("format", "--check")


def test_hooks_are_local():
    config = yaml.safe_load((HOME / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert all(hook["language"] == "system" for hook in hooks)
    assert {"ruff-check", "ruff-format", "nbdev-clean"} <= {hook["id"] for hook in hooks}

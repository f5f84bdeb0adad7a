"""What the course needs from the machine, what of it is there, and how to mend the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .console import Mistake
from .course import Course

STUDENT = ("numpy", "ipykernel", "jupyterlab", "matplotlib", "nbclient", "nbdev", "pytest", "pytest-timeout")
INSTRUCTOR = ("nbgrader",)
MINIMUM = (3, 11)
TESTS = ("torch", "hypothesis", "nbval", "pytest-xdist", "ruff")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `ok`, `missing` (needed) or `optional` (something else works without it)."""

    name: str
    state: str
    found: str
    mend: str = ""


def examine() -> list[Finding]:
    """Everything, what is needed first."""
    return [
        python(),
        *(package(name, "student") for name in STUDENT),
        *(package(name, "instructor", needed=False) for name in INSTRUCTOR),
        *(package(name, "test", needed=False) for name in TESTS),
        ipython_kernel(),
        own_package(),
        bubblewrap(),
        gpu(),
        quarto(),
    ]


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= MINIMUM:
        return Finding("Python", "ok", f"{version} in {sys.prefix}")
    return Finding("Python", "missing", version, "install Python 3.11 or newer and make the environment again")


def package(name: str, extra: str, needed: bool = True) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        state, use = (
            ("missing", "")
            if needed
            else ("optional", {"instructor": " (to grade)", "test": " (to run make test)"}[extra])
        )
        return Finding(name, state, f"not installed{use}", f"pip install 'tinytorch[{extra}]'")


def ipython_kernel() -> Finding:
    if importlib.util.find_spec("ipykernel") is None:
        return Finding("kernel", "missing", "no ipykernel", "pip install 'tinytorch[student]'")
    spec = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    if not spec.is_file():
        mend = f"{sys.executable} -m ipykernel install --sys-prefix"
        return Finding("kernel", "missing", f"no python3 kernel in {sys.prefix}", mend)
    if not kernel.installed():
        mend = "tito new DIR sets it up; until then start JupyterLab in the workspace's own folder"
        return Finding("kernel", "optional", "python3, but it does not look for your own tinytorch", mend)
    return Finding("kernel", "ok", "python3; notebooks import the tinytorch of their own course")


def own_package() -> Finding:
    """Which tinytorch a notebook of this course would import."""
    try:
        course = Course.find()
    except Mistake:
        return Finding("course", "optional", "this folder is in no course", "cd to your workspace, or: tito new DIR")
    here = ", ".join(module.nn for module in course.modules() if course.exported(module)) or "nothing yet"
    if not (course.lib / "__init__.py").is_file():
        mend = "copy tinytorch/ from a fresh workspace: tito new DIR"
        return Finding("course", "missing", f"{course.lib} has no __init__.py", mend)
    return Finding("course", "ok", f"{course.root}; exported: {here}")


def bubblewrap() -> Finding:
    name = "bubblewrap"
    if not sys.platform.startswith("linux"):
        return Finding(name, "optional", "runs on Linux only", "grade on Linux; here submissions run unprotected")
    if not (program := shutil.which("bwrap")):
        mend = "sudo apt-get install bubblewrap"
        return Finding(name, "optional", "not installed (to grade safely)", mend)
    command = [program, "--ro-bind", "/", "/", "--unshare-all", "true"]
    tried = subprocess.run(command, capture_output=True, text=True)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["it failed"])[-1]
        return Finding(name, "optional", f"cannot make a sandbox: {reason}", "allow user namespaces, or grade as root")
    return Finding(name, "ok", f"{program} makes sandboxes")


def gpu() -> Finding:
    if not (program := shutil.which("nvidia-smi")):
        return Finding("GPU", "optional", "none found", "nothing to do: every module works without one")
    asked = subprocess.run([program, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
    names = ", ".join(asked.stdout.split("\n")).strip(", ")
    if asked.returncode or not names:
        return Finding("GPU", "optional", "nvidia-smi finds none", "nothing to do: every module works without one")
    if importlib.util.find_spec("cupy") is None:
        return Finding("GPU", "optional", f"{names}, but no CuPy", "pip install 'tinytorch[gpu]'")
    return Finding("GPU", "ok", names)


def quarto() -> Finding:
    if program := shutil.which("quarto"):
        return Finding("quarto", "ok", program)
    if importlib.util.find_spec("pypandoc") or shutil.which("pandoc"):
        return Finding("quarto", "ok", "not installed; pandoc makes the book")
    return Finding(
        "quarto", "optional", "not installed (to make the book)", "pip install 'tinytorch[book]', or quarto.org"
    )

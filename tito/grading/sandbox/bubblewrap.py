"""What a box can see: bubblewrap's command line."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from .job import Limits, SandboxError

INSTALL = "apt-get install bubblewrap"
INSIDE = Path(__file__).with_name("inside")
CHECKS = Path(__file__).resolve().parents[2] / "checks.py"
"""What lets a failed assertion say what came: the same file as in a student's kernel."""
SHOWN = ("supervisor.py", "runner.py", "codec.py")
"""The files of ours that a box can see, and all that runs beside a student's code."""
# Python alone: no environment variables, no site-packages, no files written beside the sources.
PYTHON = (os.path.realpath(sys.executable), "-I", "-S", "-B")


@cache
def package_files(names: tuple[str, ...]) -> dict[str, Path]:
    """Top-level entries of the named distributions and of all that they need: entry -> where it is."""
    entries, waiting, seen = {}, list(names), set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other systems only
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in entries and top not in ("..", "__pycache__") and not top.endswith(".pth"):
                entries[top] = Path(distribution.locate_file(top)).resolve()
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                waiting.append(re.match(r"[\w.-]+", requirement)[0])
    return {top: path for top, path in sorted(entries.items()) if path.exists()}


def system_view() -> list[str]:
    """bubblewrap's options for the system, read-only: programs, shared libraries and Python's own files, no packages."""
    base = Path(sys.base_prefix).resolve()
    shown = [Path("/usr", part) for part in ("bin", "sbin", "lib", "lib64", "libexec", "include")]
    shown += [base / part for part in ("bin", "lib", "lib64", "include")]
    shown += [Path("/etc/ld.so.cache"), Path("/etc/alternatives")]
    options = []
    for folder in dict.fromkeys(folder for path in (*shown, Path("/packages/x")) for folder in reversed(path.parents)):
        options += ["--perms", "0755", "--dir", folder]
    for path in dict.fromkeys(shown):
        if path.exists() and not path.is_symlink():
            options += ["--ro-bind", path, path]
        elif path.is_symlink():
            options += ["--symlink", os.readlink(path), path]
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        if path.is_symlink():
            options += ["--symlink", os.readlink(path), path]
        elif path.exists():
            options += ["--ro-bind", path, path]
    folders = [*base.glob("lib*/python3*/*-packages"), *Path("/usr").glob("lib*/python3*/*-packages")]
    for path in dict.fromkeys(path for path in folders if path.is_dir() and not path.is_symlink()):
        options += ["--tmpfs", path, "--remount-ro", path]
    return [str(option) for option in options]


ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "USER": "student",
    "LOGNAME": "student",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "IPYTHONDIR": "/tmp/.ipython",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
}


def find_bubblewrap() -> str:
    if Path(PYTHON[0]).is_relative_to("/tmp"):
        raise SandboxError("Python itself lies in /tmp, which every box has for its own: install it elsewhere.")
    path = shutil.which("bwrap")
    if path is None:
        raise SandboxError(
            "Students' code is run inside bubblewrap, which is not installed here.\n"
            f"Install it:  {INSTALL}   (Fedora: dnf install bubblewrap, Arch: pacman -S bubblewrap)\n"
            "Where it does not exist (macOS, Windows), grade unprotected only what you would run yourself: protected=False."
        )
    return path


def protected_command(
    library: Path, packages: tuple[str, ...], environment: dict[str, str], limits: Limits
) -> list[str]:
    """bubblewrap around the warm process: an own file system and no network. "FD" stands for the number of its socket."""
    own = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options = [*own, "--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "box", "--clearenv"]
    options += ["--cap-drop", "ALL"]
    if os.geteuid() == 0:
        for name in ("SYS_ADMIN", "SETUID", "SETGID"):  # for the warm process alone: boxes have none
            options += ["--cap-add", f"CAP_{name}"]
    else:
        options += ["--unshare-user"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    options += system_view()
    for name, path in package_files(packages).items():
        options += ["--ro-bind", str(path), f"/packages/{name}"]
    options += ["--ro-bind", str(library), "/library"]
    for name in SHOWN:
        options += ["--ro-bind", str(INSIDE / name), f"/inside/{name}"]
    options += ["--ro-bind", str(CHECKS), "/inside/checks.py"]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for place in ("/tmp", "/dev/shm"):
        options += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", place]
    options += ["--remount-ro", "/", "--chdir", "/"]
    return [find_bubblewrap(), *options, *PYTHON, "/inside/supervisor.py", "FD", "/inside", "/library", "/packages"]


def plain_command(library: Path, packages: tuple[str, ...]) -> list[str]:
    """The same process with no protection at all."""
    places = sorted({str(path.parent) for path in package_files(packages).values()})
    return [*PYTHON, str(INSIDE / "supervisor.py"), "FD", str(INSIDE), str(library), *places]

"""`make planted`: the integration tests, run on broken copies of the package; says which test caught which fault."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = '[pytest]\npythonpath = . tests/integration\naddopts = "-p tito.pytest_plugin" --import-mode=importlib\n'


@dataclass(frozen=True)
class Fault:
    name: str
    file: str
    old: str
    new: str

    def plant(self, package: Path) -> None:
        """Break a copy of the package; ValueError when the place to break is not there just once."""
        path = package / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} holds {self.old!r} {text.count(self.old)} times, wanted once")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def faults() -> list[Fault]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return [Fault(**entry) for entry in tomllib.loads(text)["fault"]]


def copy_course(folder: Path) -> None:
    """What the integration tests need: themselves, the package, the data."""
    for name in ("tinytorch", "tests/integration", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text(SETTINGS, encoding="utf-8")


def failing(folder: Path, *options: str) -> list[str]:
    """The integration tests that fail in a copy of the course; RuntimeError when pytest itself does."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "tests/integration"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return re.findall(r"^(?:FAILED|ERROR) tests/integration/(\S+)", done.stdout, re.MULTILINE)


def caught_by(fault: Fault) -> list[str]:
    """The first tests that notice a fault; none when it goes unnoticed."""
    with tempfile.TemporaryDirectory(prefix="tito-planted-") as name:
        folder = Path(name)
        copy_course(folder)
        fault.plant(folder / "tinytorch")
        return failing(folder, "--maxfail=1")


def main() -> int:
    known = faults()
    unnoticed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for fault, tests in zip(known, pool.map(caught_by, known)):
            print(f"{fault.name:70} {tests[0] if tests else 'UNNOTICED'}", flush=True)
            unnoticed += not tests
    print(f"\n{len(known) - unnoticed} of {len(known)} faults were caught")
    return min(unnoticed, 1)


if __name__ == "__main__":
    sys.exit(main())

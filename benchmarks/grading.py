"""`python -m benchmarks.grading`: the grader beside plain `nbgrader autograde`, on one class, in one run.

Both grade the same submissions of module 02. Plain means nbgrader as it is installed, without this course's settings: in
series, in a kernel, with no sandbox and no judge. Half of the class has everything right, the other half one misconception
each; no two submissions are the same, so no result is found in the cache the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tito.grading import misconceptions
from tito.grading.sandbox import Limits
from tito.notebooks.tasks import Source, read_source
from tito.registry import BY_NUMBER

ROOT = Path(__file__).resolve().parents[1]
PLAIN = """c = get_config()
c.CourseDirectory.course_id = "plain"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "modules"
c.ExecutePreprocessor.timeout = 60
"""
MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading", description=__doc__.split("\n")[0])
    parser.add_argument("--students", type=int, default=60, metavar="N")
    parser.add_argument("--loops", type=int, help="how many of them loop for ever (a sixth)", metavar="N")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument(
        "--memory", type=int, default=500, help="submissions for the memory; 0 leaves it out", metavar="N"
    )
    parser.add_argument("--module", type=int, default=2, metavar="NN")
    parser.add_argument("--rss", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    module = BY_NUMBER[chosen.module].folder
    if chosen.rss:
        return memory(chosen.rss, chosen.module, chosen.memory)
    loops = chosen.students // 6 if chosen.loops is None else chosen.loops
    missed = []
    with tempfile.TemporaryDirectory(prefix="tito-bench-") as folder:
        plain, ours = Path(folder) / "plain", Path(folder) / "ours"
        for course in (plain, ours):
            make(course, module, plain=course == plain)
            nbgrader(course, "generate_assignment", module)
            hand_in(course, module, chosen.students)
        print(f"class of {chosen.students} on {module}, {chosen.workers} workers, {os.cpu_count()} cores", flush=True)

        theirs = timed(nbgrader, plain, "autograde", module)
        say("plain nbgrader autograde, in series", theirs, chosen.students)
        first = timed(tito, ours, module, chosen.workers)
        say("tito grade, sandbox and judge included", first, chosen.students)
        show(missed, "throughput against plain nbgrader", theirs / first, 4, more=True)

        again = median(timed(tito, ours, module, chosen.workers) for _ in range(5))
        show(missed, "the same class again, nothing changed, seconds", again, 3)

        hand_in(ours, module, chosen.students, loops, "again")
        looping = timed(tito, ours, module, chosen.workers)
        limit = Limits().cell_cpu_seconds
        say(f"{loops} of them looping for ever (a cell's limit: {limit:g} s of a processor)", looping, chosen.students)
        show(missed, "with the loops, seconds", looping, 1.3 * first + limit)

        if chosen.memory:
            command = ["--rss", str(ours), "--memory", str(chosen.memory), "--module", str(chosen.module)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.grading", *command],
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            )
            sizes = json.loads(done.stdout.strip().splitlines()[-1])
            print("memory of a worker and its sandbox: " + ", ".join(f"{n}: {mb:.0f} MB" for n, mb in sizes))
            show(missed, "last to first", sizes[-1][1] / sizes[0][1], 1.05)
    print("\nmissed: " + "; ".join(missed) if missed else "\nall figures met")
    return 0


def say(what: str, seconds: float, count: int) -> None:
    print(f"{what}: {seconds:.1f} s, {seconds / count:.2f} s each", flush=True)


def show(missed: list[str], what: str, value: float, reach: float, more: bool = False) -> None:
    met = value >= reach if more else value <= reach
    print(
        f"{what}: {value:.2f} (to reach: {reach:.2f}{' or more' if more else ''}) {'met' if met else 'MISSED'}",
        flush=True,
    )
    if not met:
        missed.append(what)


def timed(call, *arguments) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


# ----------------------------------------------------------------------------------------------------------- the course


def make(course: Path, module: str, plain: bool) -> None:
    """A copy of what grading needs; with this course's settings, or with none of them."""
    (course / "solutions" / module).mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / module / f"{module}.ipynb", course / "solutions" / module)
    if plain:
        (course / "nbgrader_config.py").write_text(PLAIN)
        return
    (course / "tests" / "grading").mkdir(parents=True)
    shutil.copytree(ROOT / "tests" / "grading" / "misconceptions", course / "tests" / "grading" / "misconceptions")
    shutil.copytree(ROOT / "tinytorch", course / "tinytorch", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nbgrader_config.py", "settings.ini"):
        shutil.copy(ROOT / name, course)


def hand_in(course: Path, module: str, count: int, loops: int = 0, mark: str = "") -> None:
    source = read_source(ROOT / "solutions" / module / f"{module}.ipynb")
    released = (course / "modules" / module / f"{module}.ipynb").read_text(encoding="utf-8")
    for number, notebook in enumerate(submissions(released, source, count, loops, mark)):
        path = course / "submitted" / f"student{number:03d}" / module / f"{module}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def submissions(released: str, source: Source, count: int, loops: int, mark: str):
    """The class: right and mistaken in turns; the looping ones spread over it."""
    known = misconceptions.read(ROOT / "tests" / "grading" / "misconceptions" / f"{source.name}.toml", source)
    tasks = list(source.tasks.values())
    right = {cell.id: cell.source for task in tasks for cell in task.solutions}
    ends = {number * count // loops for number in range(loops)} if loops else set()
    for number in range(count):
        typed = dict(right)
        if number % 2:
            typed |= known[(number // 2 * 7) % len(known)].patched
        if number in ends:
            typed[tasks[number % len(tasks)].solutions[0].id] = "while True:\n    pass"
        notebook = json.loads(released)
        for cell in notebook["cells"]:
            if cell["id"] in typed:
                lines = [line for line in typed[cell["id"]].split("\n") if line.strip() not in MARKS]
                cell["source"] = "\n".join([*lines, f"# student {number} {mark}"])
        yield notebook


def environment() -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**os.environ, **threads, "PATH": path, "PYTHONPATH": str(ROOT)}


def nbgrader(course: Path, *arguments: str) -> None:
    call(course, "-m", "nbgrader", *arguments)


def tito(course: Path, module: str, workers: int) -> None:
    call(course, "-m", "tito.cli", "grade", module, "--workers", str(workers))


def call(course: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=course, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


# ----------------------------------------------------------------------------------------------------------- its memory


def memory(course: Path, number: int, count: int) -> int:
    """What one worker, with everything it starts, holds after every fifth of `count` submissions."""
    from tito.course import Course
    from tito.grading.classroom import grade_one
    from tito.release import api

    os.environ.update(environment())
    os.chdir(course)
    module = BY_NUMBER[number]
    source = read_source(course / "solutions" / module.folder / f"{module.folder}.ipynb")
    released = (course / "modules" / module.folder / f"{module.folder}.ipynb").read_text(encoding="utf-8")
    autograder = api(Course.read(course))
    path = course / "submitted" / "memory" / module.folder / f"{module.folder}.ipynb"
    path.parent.mkdir(parents=True)
    sizes, step = [], max(count // 5, 1)
    for done, notebook in enumerate(submissions(released, source, count, 0, "memory"), start=1):
        path.write_text(json.dumps(notebook), encoding="utf-8")
        result = grade_one(autograder, module, "memory")
        if result.problem:
            raise SystemExit(result.problem)
        if done % step == 0:
            sizes.append((done, resident(os.getpid()) / 2**20))
    from tito.grading.grade import close_all

    close_all()
    print(json.dumps(sizes))
    return 0


def resident(root: int) -> int:
    """Bytes in memory of a process and its descendants; what they share is divided among them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    total = 0
    for pid in family:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        except (OSError, StopIteration):
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())

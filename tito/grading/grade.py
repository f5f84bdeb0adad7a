"""One pure call: `grade(release, submission, seed) -> {task: result}`. No course tree, no database, nothing written.

    >>> from tito.grading import grade
    >>> result = grade("solutions/01_tensor/01_tensor.ipynb", "submitted/ada/01_tensor/01_tensor.ipynb", seed=0)
    >>> result["01.3"].points, result["01.3"].message

The submission is repaired and run as a whole (but for given examples on which nothing depends). After each task's test cell the state is kept, and the task's probes are
run there. A task that fails is judged again with the reference's solutions in all other tasks, so that a fault costs its
own task only; the better of the two counts. What the probes hand back is compared with the reference's by `judge`, in this
process, where no line of the student's code ever runs.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..notebooks.tasks import Source, SourceError, Task, read_source
from . import values
from .judge import difference, discreet, same, short
from .library import prepare, private
from .misconceptions import Misconception
from .misconceptions import path_of as misconceptions_path
from .misconceptions import read as read_misconceptions
from .notebook import Piece, Submission, alone, reference, repair, whole
from .said import known_kind, may_be_said
from .sandbox import Cell, Error, Job, Limits, Probe, Run, Sandbox

# ------------------------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class ProbeResult:
    """One hidden check: what it is about, whether it passed, and if not, what was expected and what came."""

    name: str
    says: str
    passed: bool
    message: str = ""


NOT_COMPILED = "The cell with your solution does not compile: "
COMPILING = re.compile(r"(?s)(.*) \(<ipython-input-[^()]*>, line (\d{1,5})\)")
"""What Python says of a cell that is no Python."""
UNTOUCHED = "Not attempted: the blank is as it was given."
NOT_FOUND = "Not found: nothing of this task could be read in what was handed in."


@dataclass(frozen=True)
class TaskResult:
    """The verdict on one task."""

    id: str
    title: str
    points: float
    max_points: float
    probes: tuple[ProbeResult, ...] = ()
    attempted: bool = True
    misconception: str = ""
    hint: str = ""
    note: str = ""
    seconds: float = 0.0
    found: bool = True

    @property
    def passed(self) -> bool:
        return bool(self.probes) and all(probe.passed for probe in self.probes)

    @property
    def message(self) -> str:
        """The same text everywhere: on the feedback page and on the command line."""
        lines = [self.note] if self.note else []
        if not self.attempted:
            lines.append(UNTOUCHED if self.found else NOT_FOUND)
        elif self.passed:
            lines.append(f"All {len(self.probes)} hidden checks passed.")
        else:
            count = sum(probe.passed for probe in self.probes)
            lines.append(f"{count} of {len(self.probes)} hidden checks passed.")
            lines += [f"Not yet: {probe.says}. {probe.message}".rstrip() for probe in self.probes if not probe.passed]
        if self.misconception:
            lines.append(f"This looks like a known misconception: {self.misconception}. {self.hint}".rstrip())
        return "\n".join(lines)


class Grade(Mapping):
    """The verdict on a submission: a mapping from task id to TaskResult, with remarks on what had to be repaired."""

    def __init__(
        self,
        name: str,
        tasks: dict[str, TaskResult],
        remarks: tuple[str, ...] = (),
        ended: str = "ok",
        seconds: float = 0.0,
        submission: Submission | None = None,
        run: Run | None = None,
    ) -> None:
        self.name, self.tasks, self.remarks, self.ended, self.seconds = name, tasks, remarks, ended, seconds
        self.submission, self.run, self.was_kept = submission, run, False

    def __getitem__(self, task: str) -> TaskResult:
        return self.tasks[task]

    def __iter__(self):
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def points(self) -> float:
        return round(sum(task.points for task in self.tasks.values()), 2)

    @property
    def max_points(self) -> float:
        return round(sum(task.max_points for task in self.tasks.values()), 2)

    def __repr__(self) -> str:
        return f"<Grade {self.name}: {self.points:g} of {self.max_points:g} points>"

    def scores(self) -> dict[str, float]:
        return {id: task.points for id, task in self.tasks.items()}

    def to_json(self) -> dict:
        """Everything but the run, for files; times are left out of what has to be the same on every run."""
        return {
            "name": self.name,
            "ended": self.ended,
            "remarks": list(self.remarks),
            "seconds": round(self.seconds, 3),
            "tasks": {id: asdict(task) for id, task in self.tasks.items()},
        }

    @classmethod
    def from_json(cls, data: dict) -> Grade:
        tasks = {
            id: TaskResult(**{**task, "probes": tuple(ProbeResult(**probe) for probe in task["probes"])})
            for id, task in data["tasks"].items()
        }
        return cls(data["name"], tasks, tuple(data["remarks"]), data["ended"], data["seconds"])


# --------------------------------------------------------------------------------------------------------------- cache


class Cache:
    """JSON by content: in memory, and in a folder when there is one. Files appear whole or not at all."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.memory = folder, {}

    def get(self, key: str, remember: bool = True) -> Any:
        if key in self.memory or self.folder is None:
            return self.memory.get(key)
        try:
            value = json.loads((self.folder / key[:2] / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if remember:
            self.memory[key] = value
        return value

    def put(self, key: str, value: Any, remember: bool = True) -> None:
        if remember:
            self.memory[key] = value
        if self.folder is not None:
            path = self.folder / key[:2] / f"{key}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(value, stream)
            os.replace(fresh, path)


def key_of(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


@functools.lru_cache(maxsize=1)
def version() -> str:
    """Changes when the grader, Python or NumPy changes: no cached outcome outlives that."""
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version_info[:3]} {np.__version__}".encode())
    for path in sorted(here.glob("*.py")):
        if path.stem not in ("feedback", "mutants", "plugins", "validate"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- release


@dataclass(frozen=True)
class Release:
    """What a module is graded with: the source notebook, the library before it, its known misconceptions."""

    source: Source
    library: Path
    misconceptions: tuple[Misconception, ...] = ()
    folder: Path | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        package: str | Path | None = None,
        misconceptions: str | Path | None = None,
        folder: str | Path | None = None,
    ) -> Release:
        """Read a source notebook. `package` is the library of which it sees the modules before it (the course's by
        default), `misconceptions` a TOML file, `folder` where prepared libraries and outcomes may be kept."""
        from ..course import HOME

        path = Path(path).resolve()
        root = path.parents[2] if len(path.parents) > 2 else HOME
        if package is None:
            package = root / "tinytorch" if (root / "tinytorch").is_dir() else HOME / "tinytorch"
        if misconceptions is None:
            misconceptions = misconceptions_path(root, path.stem)
        source = read_source(path)
        number = int(next(iter(source.tasks), path.stem)[:2])
        kept = Path(folder) if folder else private(Path(tempfile.gettempdir()) / f"tito-library-{os.getuid()}")
        library = prepare(Path(package), number, kept / "libraries")
        return cls(source, library, read_misconceptions(Path(misconceptions), source), Path(folder) if folder else None)

    @property
    def key(self) -> str:
        return key_of(version(), self.source.key, self.library.parent.name)

    def result_key(self, data: bytes | str | dict | None, seed: int) -> str:
        """The name of a result: the same reference, submission, seed and grader give the same one."""
        content = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else data
        return key_of("result", self.key, [m.__dict__ for m in self.misconceptions], content, seed)


# -------------------------------------------------------------------------------------------------------------- grader

Outcomes = dict[str, Any]
"""What a task's probes handed back: probe name -> plain value or Error."""


class Grader:
    """Grades submissions of one module, one after the other, in one warm sandbox.

    `everything` runs the given examples, measurements and plots too, on which no point depends. `judged_by` is the grader
    whose reference counts, when this one's library is a student's own (and so not to be trusted).
    """

    def __init__(
        self,
        release: Release,
        sandbox: Any = None,
        protected: bool = True,
        limits: Limits | None = None,
        everything: bool = False,
        judged_by: Grader | None = None,
    ) -> None:
        self.everything, self.judged_by = everything, judged_by
        self.release, self.source = release, release.source
        self.cache = Cache(release.folder / "outcomes" if release.folder else None)
        self.results = Cache(release.folder / "results" if release.folder else None)
        self._sandbox, self._options = sandbox, {"protected": protected, **({"limits": limits} if limits else {})}

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    @property
    def sandbox(self) -> Any:
        if self._sandbox is None:
            trusted = self.judged_by is None
            self._sandbox = Sandbox(self.release.library, trusted_library=trusted, **self._options)
        return self._sandbox

    # -- the reference

    def probes(self, task: Task, seed: int) -> list[Probe]:
        return [Probe(p.name, task.hidden, seed_of(seed, task.id, p.name)) for p in task.probes]

    def expected(self, seed: int = 0, everything: bool = False) -> dict[str, Outcomes]:
        """What the reference hands back for every probe: run once, kept by content."""
        if self.judged_by is not None:
            return self.judged_by.expected(seed, everything)
        key = key_of("reference", self.release.key, seed, everything)
        if (kept := self.cache.get(key)) is None:
            run = self.run(reference(self.source, everything), list(self.source.tasks.values()), seed)
            found = {id: outcomes(run, task) for id, task in self.source.tasks.items()}
            for id, results in found.items():
                for name, value in results.items():
                    if isinstance(value, Error):
                        raise SourceError(f"task {id}: the reference fails its own {name}: {said_error(value)}")
            kept = {id: _pack(results) for id, results in found.items()}
            self.cache.put(key, kept)
        return {id: _unpack(results) for id, results in kept.items()}

    def mistaken(self, mistake: Misconception, seed: int = 0) -> Outcomes:
        """What the probes of a task hand back when its solution holds a known misconception."""
        if self.judged_by is not None:
            return self.judged_by.mistaken(mistake, seed)
        key = self._key_of_mistaken(mistake, seed)
        if self.cache.get(key) is None:
            task = self.source.tasks[mistake.task]
            mistakes = [other for other in self.release.misconceptions if other.task == task.id]
            variants = self.outcomes_of_variants(task, [other.patched for other in mistakes], seed)
            for other, found in zip(mistakes, variants, strict=True):
                self.cache.put(self._key_of_mistaken(other, seed), _pack(found))
        return _unpack(self.cache.get(key))

    def _key_of_mistaken(self, mistake: Misconception, seed: int) -> str:
        return key_of("misconception", self.release.key, mistake.task, mistake.source, seed)

    def outcomes_alone(self, task: Task, seed: int = 0, patched: dict[str, str] | None = None) -> Outcomes:
        """Outcomes of one task with the reference everywhere, its solution cells `patched`."""
        return outcomes(self.run(alone(self.source, task, patched=patched), [task], seed), task)

    def outcomes_of_variants(self, task: Task, patches: list[dict[str, str]], seed: int = 0) -> list[Outcomes]:
        """`outcomes_alone` for each of several patches; what they have in common runs once."""
        variants = [_cells(alone(self.source, task, patched=patch)) for patch in patches]
        common = [cells[0] for cells in itertools.takewhile(lambda cells: len(set(cells)) == 1, zip(*variants))]
        job = Job(common, probes={task.id: self.probes(task, seed)})
        found = self.sandbox.run_variants(job, [cells[len(common) :] for cells in variants])
        return [
            self.outcomes_alone(task, seed, patch) if values is None else values
            for patch, values in zip(patches, found, strict=True)
        ]

    # -- a submission

    def kept(self, submission: Any, seed: int = 0) -> Grade | None:
        """The verdict of an earlier time, when submission, reference, seed and grader are the same."""
        data = read_submission(submission)
        found = self.results.get(self.release.result_key(data, seed), remember=False)
        if found is None:
            return None
        result = Grade.from_json(found["grade"])
        result.submission, result.was_kept = repair(self.source, data), True
        errors = {id: Error(*error) for id, error in found["errors"].items()}
        result.run = Run(outputs=found["outputs"], errors=errors, seconds=found["seconds"], ended=result.ended)
        return result

    def grade(self, submission: Any, seed: int = 0, keep: bool = False) -> Grade:
        """The verdict on one submission: a path, the file's bytes or text, a notebook as a dict, or None.

        With `keep` the result is kept in the release's folder, and one that is there already is taken from it.
        """
        data = read_submission(submission)
        if keep and (found := self.kept(data, seed)) is not None:
            return found
        result = self._grade(data, seed)
        if keep:
            errors = {id: [e.kind, e.message, e.line, e.text] for id, e in result.run.errors.items()}
            record = {"grade": result.to_json(), "outputs": result.run.outputs, "errors": errors}
            record["seconds"] = result.run.seconds
            self.results.put(self.release.result_key(data, seed), record, remember=False)
        return result

    def _grade(self, data: bytes | str | dict | None, seed: int) -> Grade:
        began = time.perf_counter()
        repaired = repair(self.source, data)
        tasks = [task for id, task in self.source.tasks.items() if id in repaired.attempted]
        run = self.run(whole(self.source, repaired, self.everything), tasks, seed) if tasks else Run()
        expected = self.expected(seed) if tasks else {}
        first = {task.id: outcomes(run, task) for task in tasks}
        failed = {t.id for t in tasks if not all(same_outcome(expected[t.id][n], v) for n, v in first[t.id].items())}
        results = {}
        for id, task in self.source.tasks.items():
            if id not in repaired.attempted:
                there = not repaired.lacks(id)
                results[id] = TaskResult(id, task.title, 0.0, task.points, attempted=False, found=there)
                continue
            found, note, again = first[id], "", None
            if id in failed and not self._late(began) and self._worthwhile(task, repaired, run, failed, seed):
                pieces = alone(self.source, task, repaired, leave_out=stuck(run))
                again = outcomes(self.run(pieces, [task], seed), task)
                if passed(expected[id], again) >= passed(expected[id], found):
                    if passed(expected[id], again) > passed(expected[id], found):
                        note = "In your notebook as a whole this fails because of an error in another cell; "
                        note += "the task was judged by itself."
                    found = again
            results[id] = self._verdict(task, expected[id], found, note, run, repaired, seed)
        return Grade(self.source.name, results, repaired.remarks, run.ended, time.perf_counter() - began, repaired, run)

    def _late(self, began: float) -> bool:
        """Whether a submission has had the time that one run may take: then no more of its tasks is run by itself."""
        limits = self.sandbox.limits
        return time.perf_counter() - began > limits.total_seconds + limits.probe_total_seconds

    def _worthwhile(self, task: Task, submission: Submission, run: Run, failed: set[str], seed: int) -> bool:
        """Whether judging a failed task by itself can change anything."""
        if failed == {task.id} and self._known(task, outcomes(run, task), seed):
            return False  # nothing else is wrong, and what is wrong has a name
        waiting = stuck(run)
        if any(cell.id in waiting for cell in submission.owned(task.id)):
            return False  # the solution's own cell never ended
        slow = any(is_stuck(value) for value in outcomes(run, task).values() if isinstance(value, Error))
        return not (slow and failed == {task.id} and not waiting)

    def _verdict(
        self,
        task: Task,
        expected: Outcomes,
        found: Outcomes,
        note: str,
        run: Run,
        submission: Submission,
        seed: int,
    ) -> TaskResult:
        probes = tuple(
            ProbeResult(p.name, p.says.rstrip("."), *self._compare(task, expected[p.name], found[p.name], submission))
            for p in task.probes
        )
        count = sum(probe.passed for probe in probes)
        points = task.points if count == len(probes) else round(task.points * count / len(probes), 2)
        name, hint = ("", "") if count == len(probes) else self._recognize(task, expected, found, seed)
        if count < len(probes):
            own = self._own_error(task, run, submission)
            note = " ".join(filter(None, [own, note]))
            if own.startswith(NOT_COMPILED):  # so it bound no name: that is not said once more for each probe
                unbound = {n for n, value in found.items() if isinstance(value, Error) and value.kind == "NameError"}
                probes = tuple(replace(probe, message="") if probe.name in unbound else probe for probe in probes)
        seconds = sum(run.seconds.get(cell.id, 0.0) for cell in (*submission.owned(task.id), task.test))
        return TaskResult(task.id, task.title, points, task.points, probes, True, name, hint, note, round(seconds, 3))

    def _own_error(self, task: Task, run: Run, submission: Submission) -> str:
        """What happened when the solution's own cell ran."""
        for cell in submission.owned(task.id):
            if cell.id in run.errors:
                error = run.errors[cell.id]
                if found := COMPILING.fullmatch(error.message):
                    blank_lines = cell.source[: -len(cell.source.lstrip())].count("\n")  # IPython leaves them out
                    said = f"{NOT_COMPILED}line {int(found[2]) + blank_lines}: {short(found[1], 100)}."
                    return discreet(said, task.hidden, "The cell with your solution failed.")
                text = said_error(error).removeprefix("Your code ")
                return discreet(
                    f"The cell with your solution {text}", task.hidden, "The cell with your solution failed."
                )
        return ""

    def _compare(self, task: Task, expected: Any, came: Any, submission: Submission) -> tuple[bool, str]:
        if isinstance(came, Error):
            return False, discreet(
                said_error(self._without_secrets(came, submission)), task.hidden, "Your code raised an error here."
            )
        found = difference(expected, came)
        return found is None, "" if found is None else self._said(found, task)

    def _without_secrets(self, error: Error, submission: Submission) -> Error:
        """An error of a probe with nothing in it but what is known: it came up where hidden tests can be read."""
        if error.kind in LIMITS:
            return error
        written = "\f".join(cell.source for cell in submission.cells)
        texts = (written, self.library_text)
        kind = next((kind for text in texts if (kind := known_kind(error.kind, text))), "an error")
        message = error.message if any(may_be_said(error.message, text) for text in texts) else ""
        return replace(error, kind=kind, message=message, text=error.text if error.text in written else "")

    @functools.cached_property
    def library_text(self) -> str:
        files = sorted(Path(self.release.library).rglob("*.py"))
        return "\f".join(path.read_text(encoding="utf-8") for path in files)

    def _said(self, found: Any, task: Task) -> str:
        came = discreet(found.came, task.hidden)
        return str(replace(found, came=came, where=discreet(found.where, task.hidden, "the answer")))

    def _recognize(self, task: Task, expected: Outcomes, found: Outcomes, seed: int) -> tuple[str, str]:
        """The known misconception that explains these outcomes: all of them, or else the failed ones."""
        if (mistake := self._known(task, found, seed)) is not None:
            return mistake.name, mistake.hint
        failing = {name for name, value in found.items() if not same_outcome(expected[name], value)}
        partly = []
        for mistake in (m for m in self.release.misconceptions if m.task == task.id):
            wrong = self.mistaken(mistake, seed)
            agreeing = {
                name
                for name in failing
                if not isinstance(found[name], Error) and same_outcome(wrong[name], found[name])
            }
            if agreeing:
                partly.append(mistake)
        return (partly[0].name, partly[0].hint) if len(partly) == 1 else ("", "")

    def _known(self, task: Task, found: Outcomes, seed: int) -> Misconception | None:
        """The misconception with exactly these outcomes."""
        for mistake in self.release.misconceptions:
            if mistake.task == task.id:
                wrong = self.mistaken(mistake, seed)
                if all(same_outcome(wrong[name], value) for name, value in found.items()):
                    return mistake
        return None

    def run(self, pieces: list[Piece], tasks: list[Task], seed: int = 0) -> Run:
        """Run cells in the sandbox, and the probes of `tasks` where their test cells stand."""
        cells = _cells(pieces)
        present = {cell.id for cell in cells}
        snapshots = {task.test.id: task.id for task in tasks if task.test.id in present}
        if len(snapshots) < len(tasks):  # a task judged by itself: its state is that at the end
            (task,) = tasks
            cells.append(Cell(f"end-{task.key}", ""))
            snapshots = {f"end-{task.key}": task.id}
        return self.sandbox.run(Job(cells, snapshots, {task.id: self.probes(task, seed) for task in tasks}))


def _cells(pieces: list[Piece]) -> list[Cell]:
    return [Cell(piece.id, piece.source) for piece in pieces]


def seed_of(seed: int, task: str, probe: str) -> int:
    """Every probe draws from its own generator: the same in every run, different for every class's seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{task}/{probe}".encode()).digest()[:7], "big")


def read_submission(submission: Any) -> bytes | str | dict | None:
    """A path is read, and must be there; None, bytes, a dict and a notebook's text (JSON, or several lines) are the content."""
    is_text = isinstance(submission, str) and (submission.lstrip()[:1] in ("", "{") or "\n" in submission)
    return submission if is_text or not isinstance(submission, (str, Path)) else Path(submission).read_bytes()


def outcomes(run: Run, task: Task) -> Outcomes:
    """What the task's probes handed back in a run; an Error for each that never got so far."""
    missing = Error("NotReached", run.ended)
    return {probe.name: run.probes.get((task.id, probe.name), missing) for probe in task.probes}


def same_outcome(expected: Any, came: Any) -> bool:
    if isinstance(expected, Error) or isinstance(came, Error):
        return isinstance(expected, Error) and isinstance(came, Error) and expected.kind == came.kind
    return same(expected, came)


def passed(expected: Outcomes, found: Outcomes) -> int:
    return sum(same_outcome(expected[name], value) for name, value in found.items())


STUCK = ("TimeLimit", "MemoryLimit", "Died")


def is_stuck(error: Error) -> bool:
    return error.kind in STUCK


def stuck(run: Run) -> frozenset[str]:
    """Cells that never ended by themselves."""
    return frozenset(id for id, error in run.errors.items() if is_stuck(error))


LIMITS = {
    "TimeLimit": "Your code did not end within the time limit here.",
    "MemoryLimit": "Your code needed more memory than it may have here.",
    "OutputLimit": "Your code wrote more than it may here.",
    "Died": "Your code ended its own process here.",
    "NotRun": "The notebook ended before this test was reached.",
    "NotReached": "The notebook ended before this test was reached.",
    "NoResult": "Your code handed back nothing that could be read here.",
}


def said_error(error: Error) -> str:
    """An error of the student's code, in one line."""
    if error.kind in LIMITS:
        return LIMITS[error.kind]
    text = f"Your code raised {short(error.kind, 40)}"
    if error.message:
        text += f": {short(error.message, 100)}"
    if error.text:
        text += f", in the line `{short(error.text, 80).replace('`', chr(39))}`"
    return text + "."


def _pack(results: Outcomes) -> dict:
    return {
        name: {"error": [value.kind, value.message, value.line, value.text]}
        if isinstance(value, Error)
        else {"value": values.encode(value)}
        for name, value in results.items()
    }


def _unpack(results: dict) -> Outcomes:
    return {
        name: Error(*value["error"]) if "error" in value else values.decode(value["value"])
        for name, value in results.items()
    }


# ------------------------------------------------------------------------------------------------------------ one call

_graders: dict[tuple, Grader] = {}


def grader(release: Release | str | Path, protected: bool = True, limits: Any = None, **options: Any) -> Grader:
    """A warm grader for a release, made once in a process and closed at its end."""
    if not isinstance(release, Release):
        release = Release.open(release, **options)
    key = (release.key, tuple(m.source for m in release.misconceptions), protected, repr(limits), os.getpid())
    if key not in _graders:
        if not _graders:
            atexit.register(close_all)
        _graders[key] = Grader(release, protected=protected, limits=limits)
    return _graders[key]


def close_all() -> None:
    for one in _graders.values():
        one.close()
    _graders.clear()


def grade(
    release: Release | str | Path,
    submission: Any,
    seed: int = 0,
    *,
    protected: bool = True,
    limits: Any = None,
    **options: Any,
) -> Grade:
    """Grade one submission against a release.

    `release` is the path of a source notebook (or a `Release`), `submission` a path (FileNotFoundError when nothing is
    there), the file's bytes or text, a notebook as a dict, or None when nothing was handed in. The result maps each task id to a TaskResult with `points`, `max_points`
    and `message`. The same three arguments give the same scores, always. A broken submission is no error: it scores what
    can be found in it. `protected=False` runs without the sandbox (where bubblewrap does not exist); `options` are those
    of `Release.open`.
    """
    return grader(release, protected, limits, **options).grade(submission, seed)


__all__ = ["Cache", "Grade", "Grader", "ProbeResult", "Release", "TaskResult", "grade", "grader"]

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
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..notebooks.tasks import SourceError, Task
from .disclosure import is_disclosable, known_kind
from .judge import difference, redact, truncate
from .misconceptions import Misconception
from .outcomes import LIMITS, Outcomes, is_stuck, outcomes, pack, passed, same_outcome, stuck, unpack
from .release import Cache, Release, key_of
from .sandbox import Cell, Error, Job, Limits, Probe, Run, Sandbox
from .submission import Submission, alone, reference, repair, whole
from .verdict import COMPILING, NOT_COMPILED, Grade, ProbeResult, TaskResult, error_sentence

# -------------------------------------------------------------------------------------------------------------- grader


SEEDS = (1, 2, 3, 4)
"""At which it is seen whether a probe's answer is drawn."""

BY_ITSELF = "In your notebook as a whole this fails because of an error in another cell; the task was judged by itself."
BY_STATE = "In your notebook as a whole this fails, by itself it does not: what ran before it left something changed."
COUNT_TOGETHER = "What passed has the same answer for everybody: it counts only together with one that differs."
RAISED = "Your code raised an error here."
DIFFERENT = "What your code hands back is not what is expected."


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
        self._constant: dict[str, frozenset[str]] = {}
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
                        raise SourceError(f"task {id}: the reference fails its own {name}: {error_sentence(value)}")
            kept = {id: pack(results) for id, results in found.items()}
            self.cache.put(key, kept)
        return {id: unpack(results) for id, results in kept.items()}

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
                self.cache.put(self._key_of_mistaken(other, seed), pack(found))
        return unpack(self.cache.get(key))

    def _key_of_mistaken(self, mistake: Misconception, seed: int) -> str:
        return key_of("misconception", self.release.key, mistake.task, mistake.source, seed)

    def outcomes_alone(self, task: Task, seed: int = 0, patched: dict[str, str] | None = None) -> Outcomes:
        """Outcomes of one task with the reference everywhere, its solution cells `patched`."""
        return outcomes(self.run(alone(self.source, task, patched=patched), [task], seed), task)

    def outcomes_of_variants(self, task: Task, patches: list[dict[str, str]], seed: int = 0) -> list[Outcomes]:
        """`outcomes_alone` for each of several patches; what they have in common runs once."""
        variants = [alone(self.source, task, patched=patch) for patch in patches]
        common = [cells[0] for cells in itertools.takewhile(lambda cells: len(set(cells)) == 1, zip(*variants))]
        job = Job(common, probes={task.id: self.probes(task, seed)})
        found = self.sandbox.run_variants(job, [cells[len(common) :] for cells in variants])
        return [
            self.outcomes_alone(task, seed, patch) if values is None else values
            for patch, values in zip(patches, found, strict=True)
        ]

    # -- a submission

    def kept(self, submission: Submission, seed: int = 0) -> Grade | None:
        """The verdict of an earlier time, when submission, reference, seed and grader are the same."""
        found = self.results.get(self.release.result_key(submission, seed), remember=False)
        if found is None:
            return None
        result = Grade.from_json(found["grade"])
        result.submission, result.remarks, result.was_kept = submission, submission.remarks, True
        errors = {id: Error(*error) for id, error in found["errors"].items()}
        result.run = Run(outputs=found["outputs"], errors=errors, seconds=found["seconds"], ended=result.ended)
        return result

    def grade(self, submission: Any, seed: int = 0, keep: bool = False) -> Grade:
        """The verdict on one submission: repaired already, or a path, the file's bytes or text, a notebook as a dict, or None.

        With `keep` the result is kept in the release's folder, and one that is there already is taken from it.
        """
        if not isinstance(submission, Submission):
            submission = repair(self.source, read_submission(submission))
        if keep and (found := self.kept(submission, seed)) is not None:
            return found
        result = self._grade(submission, seed)
        if keep:
            errors = {id: [e.kind, e.message, e.line, e.text] for id, e in result.run.errors.items()}
            record = {"grade": result.to_json(), "outputs": result.run.outputs, "errors": errors}
            record["seconds"] = result.run.seconds
            self.results.put(self.release.result_key(submission, seed), record, remember=False)
        return result

    def _grade(self, repaired: Submission, seed: int) -> Grade:
        began = time.perf_counter()
        tasks = [task for id, task in self.source.tasks.items() if id in repaired.attempted]
        run = self.run(whole(self.source, repaired, self.everything), tasks, seed) if tasks else Run()
        expected = self.expected(seed) if tasks else {}
        first = {task.id: outcomes(run, task) for task in tasks}
        failed = frozenset(t.id for t in tasks if passed(expected[t.id], first[t.id]) < len(t.probes))
        results = {}
        for id, task in self.source.tasks.items():
            if id not in repaired.attempted:
                there = not repaired.lacks(id)
                results[id] = TaskResult(id, task.title, 0.0, task.points, attempted=False, found=there)
                continue
            found, note = first[id], ""
            if id in failed and not self._late(began) and self._worthwhile(task, repaired, run, failed, seed):
                found, note = self._again(task, expected[id], first[id], repaired, run, failed, seed)
            results[id] = self._verdict(task, expected[id], found, first[id], note, run, repaired, seed)
        return Grade(self.source.name, results, repaired.remarks, run.ended, time.perf_counter() - began, repaired, run)

    def _again(
        self,
        task: Task,
        expected: Outcomes,
        first: Outcomes,
        submission: Submission,
        run: Run,
        failed: frozenset[str],
        seed: int,
    ) -> tuple[Outcomes, str]:
        """The task by itself, beside the student's solutions that passed and the reference's for the others; the better of two."""
        never_ended = stuck(run)
        doubtful = frozenset().union(failed, *(c.tasks for c in submission.cells if c.id in never_ended))
        keep = submission.attempted - doubtful - {task.id}
        cells = alone(self.source, task, submission, leave_out=never_ended, keep=keep)
        again = outcomes(self.run(cells, [task], seed), task)
        if passed(expected, again) < passed(expected, first):
            return first, ""
        if passed(expected, again) == passed(expected, first):
            return again, ""
        others = self.source.tasks.keys() - keep - {task.id}
        return again, BY_ITSELF if others else BY_STATE

    def _late(self, began: float) -> bool:
        """Whether a submission has had the time that one run may take: then no more of its tasks is run by itself."""
        limits = self.sandbox.limits
        return time.perf_counter() - began > limits.total_seconds + limits.probe_total_seconds

    def _worthwhile(self, task: Task, submission: Submission, run: Run, failed: frozenset[str], seed: int) -> bool:
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
        first: Outcomes,
        note: str,
        run: Run,
        submission: Submission,
        seed: int,
    ) -> TaskResult:
        """Values are shown where the same came from the student's notebook as it stands: no line of the reference was in that."""
        shown = {name: same_outcome(first[name], value) for name, value in found.items()}
        told = {name: first[name] if shown[name] else value for name, value in found.items()}
        probes = tuple(
            ProbeResult(
                p.name,
                p.says.rstrip("."),
                *self._compare(task, expected[p.name], told[p.name], submission, shown[p.name]),
            )
            for p in task.probes
        )
        count = sum(probe.passed for probe in probes)
        points = self.points(task, frozenset(probe.name for probe in probes if probe.passed))
        if count and not points:
            note = f"{note} {COUNT_TOGETHER}".lstrip()
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
                    said = f"{NOT_COMPILED}line {int(found[2]) + blank_lines}: {truncate(found[1], 100)}."
                    return redact(said, task.hidden, "The cell with your solution failed.")
                text = error_sentence(error).removeprefix("Your code ")
                return redact(f"The cell with your solution {text}", task.hidden, "The cell with your solution failed.")
        return ""

    def points(self, task: Task, right: frozenset[str]) -> float:
        """What a task gives when these of its probes are right. Probes with the same answer for everybody count only together
        with one whose answer is drawn: a table of answers is worth nothing."""
        if len(right) == len(task.probes):
            return task.points
        drawn = {probe.name for probe in task.probes} - self.constant(task)
        counted = len(right) if right & drawn else 0
        return round(task.points * counted / len(task.probes), 2)

    def constant(self, task: Task) -> frozenset[str]:
        """The probes to which the reference gives one answer at two of some seeds."""
        if task.id not in self._constant:
            answers = [self.expected(seed)[task.id] for seed in SEEDS]
            pairs = list(itertools.combinations(answers, 2))
            names = (probe.name for probe in task.probes)
            found = {name for name in names if any(same_outcome(a[name], b[name]) for a, b in pairs)}
            self._constant[task.id] = frozenset(found)
        return self._constant[task.id]

    def _compare(self, task: Task, expected: Any, came: Any, submission: Submission, shown: bool) -> tuple[bool, str]:
        if isinstance(came, Error):
            if not shown and came.kind not in LIMITS:
                return False, RAISED
            said = error_sentence(self._without_secrets(came, submission), by_probe=True)
            return False, redact(said, task.hidden, RAISED)
        found = difference(expected, came)
        if found is None:
            return True, ""
        return False, self._said(found, task) if shown else DIFFERENT

    def _without_secrets(self, error: Error, submission: Submission) -> Error:
        """An error of a probe with nothing in it but what is known: it came up where hidden tests can be read."""
        if error.kind in LIMITS:
            return error
        written = "\f".join(cell.source for cell in submission.cells)
        texts = (written, self.library_text)
        kind = next((kind for text in texts if (kind := known_kind(error.kind, text))), "an error")
        message = error.message if any(is_disclosable(error.message, text) for text in texts) else ""
        return replace(error, kind=kind, message=message, text=error.text if error.text in written else "")

    @functools.cached_property
    def library_text(self) -> str:
        files = sorted(Path(self.release.library).rglob("*.py"))
        return "\f".join(path.read_text(encoding="utf-8") for path in files)

    def _said(self, found: Any, task: Task) -> str:
        came = redact(found.came, task.hidden)
        return str(replace(found, came=came, where=redact(found.where, task.hidden, "the answer")))

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

    def run(self, cells: list[Cell], tasks: list[Task], seed: int = 0) -> Run:
        """Run cells in the sandbox, and the probes of `tasks` where their test cells stand."""
        cells = list(cells)
        present = {cell.id for cell in cells}
        snapshots = {task.test.id: task.id for task in tasks if task.test.id in present}
        if len(snapshots) < len(tasks):  # a task judged by itself: its state is that at the end
            (task,) = tasks
            cells.append(Cell(f"end-{task.key}", ""))
            snapshots = {f"end-{task.key}": task.id}
        return self.sandbox.run(Job(cells, snapshots, {task.id: self.probes(task, seed) for task in tasks}))


def seed_of(seed: int, task: str, probe: str) -> int:
    """Every probe draws from its own generator: the same in every run, different for every class's seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{task}/{probe}".encode()).digest()[:7], "big")


def read_submission(submission: Any) -> bytes | str | dict | None:
    """A path is read, and must be there; None, bytes, a dict and a notebook's text (JSON, or several lines) are the content."""
    is_text = isinstance(submission, str) and (submission.lstrip()[:1] in ("", "{") or "\n" in submission)
    return submission if is_text or not isinstance(submission, (str, Path)) else Path(submission).read_bytes()


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


__all__ = ["Grade", "Grader", "ProbeResult", "Release", "TaskResult", "grade", "grader"]

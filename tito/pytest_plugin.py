"""What pytest knows about the course, here and in a student's workspace (`-p tito.pytest_plugin`)."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import reprlib
from functools import cache
from pathlib import Path

import pytest

from .course import Course, Mistake
from .kernel import disown_other_packages
from .registry import BY_NUMBER
from .watch import NOWHERE, Watch, close_by_name

SHORT = reprlib.Repr()
SHORT.maxother = SHORT.maxstring = 60

MARKERS = (
    "modules(*numbers): the modules that a test builds on; it is skipped where one of them has not been exported",
    "integration: tests a boundary between modules",
    "parity: compares with PyTorch",
    "gpu: needs a GPU",
    "long: takes more than a second or two; left out by `tito test module NN --quick`",
    "slow: takes more than two minutes",
)


def pytest_addoption(parser):
    group = parser.getgroup("tito")
    group.addoption("--upto", type=int, default=None, help="leave out test files that need a module after this one")
    group.addoption(
        "--quick", action="store_true", help="no test marked long, and of the integration tests only those named quick"
    )
    group.addoption("--tito-seconds", type=float, default=None, help="seconds that a test may last")
    group.addoption("--tito-endless", action="append", default=[], help="a function that is known not to end")
    group.addoption("--tito-report", default=None, help="append one line of JSON for each test to this file")


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    course = course_of(str(config.rootpath))
    if course:
        disown_other_packages(course.lib)
    spec = importlib.util.find_spec("tinytorch")
    if course and spec and spec.origin and Path(spec.origin).resolve().parent != course.lib.resolve():
        raise pytest.UsageError(
            f"tinytorch comes from {Path(spec.origin).parent}, not from this course's {course.lib}.\n"
            f"Run pytest from {course.root}, or use: tito test"
        )
    if course and (seconds := config.getoption("tito_seconds")):
        config.pluginmanager.register(Limit(course, seconds, config.getoption("tito_endless")), "tito-limit")
    if config.getoption("tito_report"):
        config.pluginmanager.register(Report(config.getoption("tito_report")), "tito-report")


@cache
def course_of(root: str) -> Course | None:
    """The course at pytest's root directory, if there is one."""
    try:
        return Course.read(Path(root)) if (Path(root) / "settings.ini").is_file() else None
    except Mistake:
        return None


@cache
def declared(path: Path) -> tuple[int, ...]:
    """The numbers in a test file's `pytestmark = pytest.mark.modules(1, 2, 3)`, read without importing the file."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, OSError, UnicodeDecodeError):
        return ()
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "pytestmark" for name in node.targets):
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "modules":
                    found += [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    return tuple(found)


def absent(config, numbers) -> list[str]:
    """Which of the modules have not been exported, as `07 training`."""
    course = course_of(str(config.rootpath))
    modules = [BY_NUMBER[number] for number in numbers if number in BY_NUMBER]
    return [f"{module.nn} {module.name}" for module in modules if course and not course.exported(module)]


def pytest_ignore_collect(collection_path, config):
    upto = config.getoption("upto")
    if upto is not None and collection_path.suffix == ".py" and any(n > upto for n in declared(collection_path)):
        return True
    return None


def pytest_pycollect_makemodule(module_path, parent):
    if missing := absent(parent.config, declared(module_path)):
        return NotBuilt.from_parent(parent, path=module_path, missing=missing)
    return None


class NotBuilt(pytest.Module):
    """A test file whose modules are not all here: skipped by name, never imported."""

    def __init__(self, *args, missing, **kwargs):
        super().__init__(*args, **kwargs)
        self.missing = missing

    def collect(self):
        pytest.skip(f"waits for module {', '.join(self.missing)}", allow_module_level=True)


def pytest_collection_modifyitems(config, items):
    upto, kept, left = config.getoption("upto"), [], []
    for item in items:
        numbers = [number for mark in item.iter_markers("modules") for number in mark.args]
        if missing := absent(config, numbers):
            item.add_marker(pytest.mark.skip(reason=f"waits for module {', '.join(missing)}"))
        integration = item.path.parent.name == "integration"
        if integration:
            item.add_marker(pytest.mark.integration)
        smoke = "quick" in item.name if integration else not item.get_closest_marker("long")
        late = upto is not None and any(number > upto for number in numbers)
        (left if late or (config.getoption("quick") and not smoke) else kept).append(item)
        if (cell := getattr(item, "cell", None)) and cell.execution_count is None:
            cell.execution_count = 0  # a cleaned notebook has no counts, which nbval takes for "never run"
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


class Limit:
    """Ends a test that lasts too long; a function that was found to loop fails at once in the tests after it."""

    def __init__(self, course: Course, seconds: float, endless: list[str]):
        lib = str(course.lib)
        self.watch = Watch(seconds, lambda code: code.co_filename.startswith(lib))
        self.endless = endless

    def pytest_collection_finish(self, session):
        if self.endless:
            close_by_name(self.endless, self.watch.is_own, self.watch.seconds)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        with self.watch.watching():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        with self.watch.watching():
            return (yield)

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo and str(call.excinfo.value).startswith(NOWHERE):
            item.session.shouldstop = "a test did not end: the next one may cost as much"


class Report:
    """One line of JSON a test: what happened, in how many seconds, and where the exceptions were raised."""

    def __init__(self, path):
        self.path, self.failures = path, {}

    def write(self, **line):
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if report.failed and call.excinfo:
            self.failures[report.nodeid] = failure_of(call.excinfo.value, item)
        return report

    def pytest_exception_interact(self, node, call, report):
        if isinstance(report, pytest.CollectReport):
            self.failures[report.nodeid] = failure_of(call.excinfo.value, node)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            self.write(
                test=report.nodeid,
                outcome=report.outcome,
                seconds=report.duration,
                reason=report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else "",
                **self.failures.pop(report.nodeid, {}),
            )

    def pytest_collectreport(self, report):
        if not report.passed:
            reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
            failure = self.failures.pop(report.nodeid, {})
            self.write(test=report.nodeid, outcome=report.outcome, seconds=0, reason=reason, collect=True, **failure)


def failure_of(error, node) -> dict:
    """Type and words of an exception, the line of the test, and where each exception behind it was raised."""
    kind, message, origins, seen, line = type(error).__name__, str(error), [], set(), 0
    path = Path(getattr(node, "path", "") or "")
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = error.__traceback__
        while trace:
            if not line and trace.tb_frame.f_code.co_filename == str(path):
                line = trace.tb_lineno
            if trace.tb_next is None:
                place = trace.tb_lineno, trace.tb_frame.f_code.co_filename
                origins.insert(0, (type(error).__name__, *place, str(error)[:400]))
            trace = trace.tb_next
        error = (
            error.__cause__ or error.__context__
        )  # also one that is not shown: pytest.raises hides what came instead
        if kind == "CollectError" and error is not None:
            kind, message = type(error).__name__, str(error)
    place = f"{os.path.relpath(path)}:{line}" if line else ""
    return dict(kind=kind, message=message, origins=origins, line=place, input=input_of(node))


def input_of(node) -> str:
    """What a parametrised test was given: `dim=1, shape=(2, 3)`; a long value is cut."""
    given = getattr(getattr(node, "callspec", None), "params", {})
    return " ".join(", ".join(f"{name}={SHORT.repr(value)}" for name, value in given.items()).split())

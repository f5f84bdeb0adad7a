"""Every source notebook keeps the rules; and every rule notices when it is broken."""

import copy

import pytest
import sample_course

from tito import notebooks as nb
from tito.course import HOME, Course
from tito.lint import lint, lint_course
from tito.registry import BY_NUMBER

COURSE = Course.read(HOME)


@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_the_sources_keep_the_rules(module):
    findings = lint_course(COURSE, [module])
    assert not findings, "\n".join(map(str, findings))


@pytest.mark.parametrize("module", COURSE.modules(), ids=lambda module: module.folder)
def test_a_module_has_about_a_hundred_points(module):
    points = sum(task.points for task in nb.tasks_of(nb.read(COURSE.notebook(module))).values())
    assert 80 <= points <= 120


def test_the_sample_keeps_the_rules(course):
    assert lint_course(Course.read(course)) == []


def cell(notebook, name):
    return next(cell for cell in notebook["cells"] if cell["id"] == name)


def replace(name, old, new):
    def change(notebook):
        found = cell(notebook, name)
        assert old in nb.text(found)
        found["source"] = nb.text(found).replace(old, new)

    return change


def grading(name, **values):
    return lambda notebook: cell(notebook, name)["metadata"]["nbgrader"].update(values)


def drop(name):
    return lambda notebook: notebook["cells"].remove(cell(notebook, name))


def output(notebook):
    cell(notebook, "imports-1")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]


def no_outputs(notebook):
    for one in nb.code_cells(notebook):
        one["outputs"] = []


def swap(notebook):
    cells = notebook["cells"]
    one, two = cells.index(cell(notebook, "01-1-solution")), cells.index(cell(notebook, "01-1"))
    cells[one], cells[two] = cells[two], cells[one]


def twin(notebook):
    notebook["cells"].append(copy.deepcopy(cell(notebook, "01-2")))


PROBE = "def probe_twice(rng):"
RULES = {
    "title": (replace("title-1", "# 01 Tensor", "Tensor"), "is no title"),
    "number in the title": (replace("title-1", "# 01", "# 02"), "the title begins with `# 01 `"),
    "export target": (drop("exp-1"), "no cell says `#| default_exp NAME`"),
    "emoji": (replace("title-1", "Two", "\N{ROCKET} Two"), "emoji"),
    "torch": (replace("imports-1", "import math", "import torch"), "imports torch"),
    "absolute path": (replace("imports-1", "import math", "p = '/home/ada/data'"), "absolute path"),
    "plots are not exported": (replace("imports-1", "import math", "import matplotlib.pyplot"), "matplotlib"),
    "export line below code": (
        replace("imports-1", "import math", "import math\n#| export\nimport json"),
        "below its first line of code",
    ),
    "open region": (replace("01-1-solution", nb.END, "#"), "do not alternate"),
    "odd mark": (replace("01-1-solution", nb.BEGIN, "## BEGIN SOLUTION"), "written differently"),
    "region without an id": (replace("imports-1", "import math", f"{nb.BEGIN}\n{nb.END}"), "no grade_id"),
    "no region": (lambda n: cell(n, "01-1-solution").update(source="#| export\ntwice = 1"), "replace the whole cell"),
    "export inside": (
        replace("01-1-solution", nb.BEGIN, f"{nb.BEGIN}\n    #| export"),
        "stands inside the solution region",
    ),
    "not exported": (replace("01-1-solution", "#| export\n", ""), "has no `#| export` line"),
    "empty region": (
        replace("01-1-solution", "    doubled = 2 * x\n    return doubled\n", "    # nothing\n"),
        "region is empty",
    ),
    "no docstring": (replace("01-1-solution", '"""Return `x` times two."""', "pass"), "twice has no docstring"),
    "blank at the top": (
        lambda n: cell(n, "01-1-solution").update(source=f"#| export\n{nb.BEGIN}\nx = 1\n{nb.END}"),
        "outside every function",
    ),
    "blank that does not compile": (
        lambda n: cell(n, "01-1-solution").update(
            source=f"#| export\ndef f():\n  {nb.BEGIN}\n  return 1\n{nb.END}\n   x"
        ),
        "does not compile without its solution",
    ),
    "strange id": (grading("01-1", grade_id="twice"), "expected NN-k or NN-k-solution"),
    "points": (grading("01-1", points=0), "expected a number above 0"),
    "test cell's flags": (grading("01-1", locked=False), "grade=true, locked=true"),
    "solution cell's flags": (grading("01-1-solution", locked=True), "locked=false"),
    "visible check": (replace("01-1", "assert twice(2) == 4", "twice(2)"), "no visible check"),
    "probe": (replace("01-1", PROBE, "def other(rng):"), "no probe in its hidden region"),
    "hidden code that runs": (replace("01-1", PROBE, f"print(1)\n{PROBE}"), "of its hidden region runs"),
    "probe's argument": (replace("01-1", PROBE, "def probe_twice(random):"), "exactly one argument, rng"),
    "probe's docstring": (replace("01-1", '    "doubles what it is given"\n', ""), "needs a docstring of one line"),
    "probe that asserts": (replace("01-1", "    return twice", "    assert twice(1)\n    return twice"), "asserts"),
    "two probes of one name": (
        replace("01-1", PROBE, f'{PROBE}\n    "one"\n    return 1\n\n{PROBE}'),
        "is defined 2 times",
    ),
    "code after the region": (replace("01-1", nb.END_HIDDEN, f"{nb.END_HIDDEN}\nx = 1"), "after the hidden region"),
    "output": (output, "holds an output"),
    "compared outputs": (no_outputs, "at least 5 are wanted"),
    "address": (
        lambda n: cell(n, "show-1")["outputs"][0]["data"].update({"text/plain": ["<f at 0x7f00>"]}),
        "address in memory",
    ),
    "no test cell": (drop("01-1"), "has 0 test cells"),
    "two test cells": (twin, "has 2 test cells"),
    "no solution cell": (drop("01-1-solution"), "01.1: has no solution cell"),
    "order": (swap, "stands before its solution"),
    "heading": (replace("text-1-1", "## Task 01.1: Twice", "## Twice"), "no heading names it"),
    "heading's points": (replace("text-1-1", "(10 points)", "(12 points)"), "(`## Task 01.1: Twice (10 points)`)"),
    "number of a task": (
        lambda n: [grading("01-3", grade_id="01-7")(n), grading("01-3-solution", grade_id="01-7-solution")(n)],
        "expected 01.1, 01.2, 01.3",
    ),
    "given away in prose": (
        replace("text-1-3", "Twice the root", "```\nreturn twice(root(x))\n```\nTwice the root"),
        "students see this line",
    ),
    "given away in a check": (
        replace("01-3", "assert both(9) == 6", "def f(x):\n    return twice(root(x))\nassert both(9) == 6"),
        "students see this line",
    ),
    "ids of cells": (lambda n: cell(n, "show-2").update(id="show-1"), "the cell id show-1 is used 2 times"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_found(rule):
    change, words = RULES[rule]
    cells = copy.deepcopy(sample_course.TENSOR)
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    assert lint(notebook, BY_NUMBER[1]) == []
    change(notebook)
    found = [f"{where}: {what}" for where, what in lint(notebook, BY_NUMBER[1])]
    assert any(words in text for text in found), found


def test_ids_are_unique_over_the_course(course):
    path = course / "solutions/02_autograd/02_autograd.ipynb"
    path.write_text(path.read_text().replace('"grade_id": "02-1"', '"grade_id": "01-1"'))
    found = [str(finding) for finding in lint_course(Course.read(course))]
    assert sum("grade_id 01-1 is used 2 times" in text for text in found) == 2


def test_what_does_not_export_is_found(course):
    path = course / "solutions/02_autograd/02_autograd.ipynb"
    before = path.read_text()
    path.write_text(before.replace("#| default_exp autograd.engine", "#| default_exp somewhere.else"))
    assert any("the registry says" in str(finding) for finding in lint_course(Course.read(course)))
    path.write_text(before.replace("from tinytorch.tensor import", "from tinytorch.tensor import import"))
    assert any("does not compile" in str(finding) for finding in lint_course(Course.read(course)))


def test_a_release_is_refused_while_there_is_something_to_mend(course, tito):
    path = course / "solutions/01_tensor/01_tensor.ipynb"
    path.write_text(path.read_text().replace('"points": 10', '"points": 0'))
    before = (course / "modules/01_tensor/01_tensor.ipynb").read_bytes()
    said = tito("release", "01", cwd=course)
    assert said.code == 1 and "0 points" in said.out and "to mend in the source" in said.err
    assert (course / "modules/01_tensor/01_tensor.ipynb").read_bytes() == before

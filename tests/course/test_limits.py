"""The limits of tito/limits.py: each is noticed when it is broken, and not before."""

import ast
import copy

import pytest
import sample_course

from tito import limits
from tito import notebooks as nb
from tito.course import HOME, Course
from tito.registry import BY_NUMBER

COURSE = Course.read(HOME)


@pytest.fixture
def notebook():
    return {"cells": copy.deepcopy(sample_course.TENSOR), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def cell(notebook, name):
    return next(cell for cell in notebook["cells"] if cell["id"] == name)


def replace(name, old, new):
    def change(notebook):
        found = cell(notebook, name)
        assert old in nb.text(found)
        found["source"] = nb.text(found).replace(old, new)

    return change


def given(before, source, name="given-1"):
    """Put a code cell before the cell `before`."""

    def change(notebook):
        at = notebook["cells"].index(cell(notebook, before))
        notebook["cells"].insert(at, sample_course.code(name, source))

    return change


def lines(count, start="#| export\n"):
    return start + "\n".join(f"a{i} = {i}" for i in range(count))


def raises(text):
    return f"try:\n    twice(None)\nexcept TypeError as error:\n    assert {text}"


def branches(count):
    return "#| export\ndef f(x):\n" + "\n".join(f"    if x == {i}:\n        return {i}" for i in range(count))


GIVEN = "#| export\ndef given(x):\n    return x"
# rule: (what breaks it, the sentence, what is just allowed)
RULES = {
    "seen": (
        lambda n: [given("text-1-2", lines(79), f"g{i}")(n) for i in range(12)],
        "lines of code: at most 900",
        lambda n: [given("text-1-2", lines(59), f"g{i}")(n) for i in range(12)],
    ),
    "run": (
        given("text-1-2", lines(81, "")),
        "81 lines of given code in a row stand before it: at most 80",
        given("text-1-2", lines(80, "")),
    ),
    "ratio": (
        given("text-1-2", lines(60)),
        "are given before the last task, and 5 are solutions: at most 2",
        given("text-1-2", lines(9)),
    ),
    "cell": (given("show-1", lines(61)), "has 61 lines: at most 60", given("show-1", lines(60))),
    "width": (
        given("show-1", "x = '" + 115 * "x" + "'"),
        "a line of 121 characters: at most 120",
        given("show-1", "x = '" + 114 * "x" + "'"),
    ),
    "complexity": (
        given("show-1", branches(15)),
        "f has a complexity of 16: at most 15",
        given("show-1", branches(14)),
    ),
    "example": (
        given("text-1-2", GIVEN),
        "shows given at work",
        lambda n: [given("text-1-2", GIVEN)(n), given("text-1-2", "given(1)", "e")(n)],
    ),
    "unsized": (
        replace("text-1-1", "about 1 line", "one line"),
        "no `about N lines` is said of twice, which has 2",
        replace("text-1-1", "about 1 line", "`twice`, about 2 lines"),
    ),
    "size": (
        replace("text-1-1", "about 1 line", "about 5 lines"),
        "`about 5 lines` is said of twice, which has 2",
        replace("text-1-1", "about 1 line", "about 4 lines"),
    ),
    "hints": (
        replace("hints-01-1", "3. One expression.", ""),
        "01.1: 2 hints directly before its solution: expected 3",
        replace("hints-01-1", "3. One expression.", "3. One expression,\nin one line."),
    ),
    "head": (
        replace("title-1", "## Words", "Words"),
        "has no part `## Words` before its first task",
        replace("title-1", "Nothing.", "Much."),
    ),
    "hours": (
        replace("title-1", "about half an hour", "about two hours"),
        "its head should say `**Time** about half an hour.`",
        replace("title-1", "about half an hour", "about one hour"),
    ),
    "words": (
        replace("01-1", "assert twice(2) == 4", raises('"no number" in str(error)')),
        "a test asks for 'no number' in a message",
        lambda n: [
            replace("01-1", "assert twice(2) == 4", raises('"no number" in str(error) and "12" in str(error)'))(n),
            replace("01-1-solution", "two.", "two. None: TypeError, which says no number.")(n),
        ],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_is_over_a_limit_is_found(rule, notebook):
    broken, words, allowed = RULES[rule]
    assert limits.excesses(notebook) == []
    fine = copy.deepcopy(notebook)
    broken(notebook)
    found = [one for one in limits.excesses(notebook) if one.rule == rule]
    assert found and all(words in f"{one.where}: {one.what}" for one in found), found
    allowed(fine)
    assert [one for one in limits.excesses(fine) if one.rule == rule] == []


@pytest.mark.parametrize(
    ("source", "words", "whole"),
    [
        ('try:\n    f()\nexcept E as e:\n    assert str(e) == "one and two"', ["one and two"], False),
        ('try:\n    f()\nexcept E as e:\n    said = str(e).lower()\nassert "one" in said', ["one"], False),
        ('def said():\n    try:\n        f()\n    except E as e:\n        return str(e)\nassert "one" in said()', ["one"], 0),
        ('try:\n    f()\nexcept E as e:\n    a = all(w in str(e) for w in ("one", "two"))', ["one", "two"], False),
        ('try:\n    f()\nexcept E as e:\n    part = str(e).split("item 0")[-1]', ["item 0"], False),
        ('try:\n    f()\nexcept E as e:\n    assert re.search("one [0-9]+", str(e))', ["one [0-9]+"], False),
        ('try:\n    f()\nexcept E as e:\n    found = re.findall("[0-9]+", str(e))', ["[0-9]+"], False),
        ('try:\n    f()\nexcept E as e:\n    assert type(e).__name__ == "ValueError"', [], False),
        ("def probe_a(rng):\n    try:\n        f()\n    except E as e:\n        return str(e)", [], True),
        ("def probe_a(rng):\n    try:\n        f()\n    except E as e:\n        return [1, f'{e}']", [], True),
        ("def probe_a(rng):\n    try:\n        f()\n    except E as e:\n        found.append(str(e))", [], True),
        ("def probe_a(rng):\n    try:\n        f()\n    except E as e:\n        return type(e).__name__", [], False),
    ],
)  # fmt: skip
def test_what_tests_ask_of_a_message(source, words, whole):
    asked = limits.Messages(ast.parse(source))
    assert asked.words == words and bool(asked.whole) == bool(whole)


def test_numbers_and_signs_are_no_words():
    assert limits.spoken(r"(2, 3) and \d+ rows") == ["and", "rows"]
    assert limits.spoken("[0-9]+, 12, (3,)") == []


def test_lines_are_counted_without_blanks_comments_and_docstrings():
    assert (
        limits.lines_of('def f(x):\n    """Says\n    what.\n    """\n\n    # why\n    return (x +\n        1)\n') == 3
    )
    assert limits.lines_of("%matplotlib inline\nx = 1") == 2
    assert limits.region_lines("x = 1\n# why\n\nreturn x\n") == 2


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("def f(): pass", 1),
        ("def f(a):\n    if a and b or c: pass", 4),
        ("def f(a):\n    return [x if x else y for x in a if x for y in x]", 5),
        ("def f():\n    for x in y:\n        while x: pass\n    try: pass\n    except E: pass", 4),
        ("def f():\n    def g(x):\n        if x: pass", 1),
    ],
)
def test_complexity(source, value):
    assert limits.complexity(next(limits.functions(ast.parse(source)))[1]) == value


def test_a_size_is_said_of_each_function():
    prose = "**Write** `one` (about 3 lines), `Two.__init__` (about 4 lines) and `forward(x)` (about 5 lines)."
    said = [limits.stated(prose, name, False) for name in ("one", "Two.__init__", "Two.forward", "other")]
    assert said == [3, 4, 5, None]


def test_hours_follow_from_lines_and_words():
    sizes = limits.Sizes(seen=900, solutions=150, given=0, before_last=0, longest_run=0, run_before="", prose=1500)
    assert sizes.hours == 3.5, "an hour of code, two and a half of writing, ten minutes of prose: 220 minutes"
    said = [limits.in_words(hours) for hours in (0.5, 1, 1.5, 2, 3.5)]
    assert said == ["half an hour", "one hour", "one and a half hours", "two hours", "three and a half hours"]


def test_the_hours_are_written_into_the_head(course):
    mine = Course.read(course)
    path = mine.notebook(BY_NUMBER[1])
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("about half an hour", "three to four hours"), encoding="utf-8")
    assert [one.rule for one in limits.excesses(nb.read(path))] == ["hours"]
    assert limits.write_hours(mine) == [path]
    assert path.read_text(encoding="utf-8") == before
    assert limits.write_hours(mine) == []


def test_a_file_of_the_library_has_a_limit(course):
    mine, module = Course.read(course), BY_NUMBER[1]
    path = mine.targets(module)[0]
    path.write_text(lines(701), encoding="utf-8")
    assert [one.what for _, one in limits.of_module(mine, module)] == ["has 701 lines: at most 700"]


def test_the_table_measures(notebook):
    sizes = limits.measure(notebook)
    assert (sizes.seen, sizes.solutions, sizes.given) == (15, 5, 6)

"""Every gate of a release closes: each hole, made on purpose in the small course, is found and named."""

import json
import shutil

import pytest
import small

from tito.grading.grade import Grader
from tito.grading.release import Release
from tito.grading.validate import misconception_is_named, validate

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

# Without this, the only thing that the probe asks for is an error, and then a Counter that can do nothing passes.
MENDED = {"try:\n        Counter().add(-1)": "c = Counter()\n    c.add(2)\n    try:\n        c.add(-1)"}


def release_of(folder, changes, misconceptions=small.MISCONCEPTIONS):
    """The small course after some changes of the source notebook's text."""
    source = json.dumps(small.source())
    for pair in changes.items():
        old, new = (json.dumps(text)[1:-1] for text in pair)
        assert source.count(old) == 1
        source = source.replace(old, new)
    (folder / "00_small.ipynb").write_text(source)
    (folder / "mistakes.toml").write_text(misconceptions)
    return Release.open(folder / "00_small.ipynb", misconceptions=folder / "mistakes.toml", folder=folder / "kept")


def findings(folder, changes, misconceptions=small.MISCONCEPTIONS, fewest=1):
    release = release_of(folder, changes, misconceptions)
    return {(one.gate, one.task, one.message) for one in validate(release, fewest=fewest)}


def test_a_release_without_a_hole(tmp_path):
    assert findings(tmp_path, MENDED) == set()


def test_holes_in_probes(tmp_path):
    changes = {
        "example = centre": "np.left_out = 5.0\nexample = centre",
        "return scale(rng.normal(size=4), 0.5)": "return scale(rng.normal(size=4), getattr(np, 'left_out', 0.5))",
        "return median(list(rng.normal(size=7)))": "return 'median'",
    }
    found = findings(tmp_path, changes)
    assert (
        "reference",
        "00.2",
        "probe_eps depends on an example that is left out when a submission is graded",
    ) in found
    refusal = "probe_negative passes beside the reference with `raise ValueError('no')` in every function"
    assert {finding for finding in found if finding[1] == "00.3"} == {("blank", "00.3", refusal)}
    nothing = {message for _, task, message in found if task == "00.4"}
    assert {
        "probe_odd passes in the blank notebook with nothing filled in",
        "probe_odd passes beside the reference with nothing filled in",
        "probe_odd passes beside the reference with `return None` in every function",
    } <= nothing


def test_a_task_whose_answers_are_always_the_same(tmp_path):
    changes = {"list(rng.normal(size=7))": "[3.0, 1.0, 2.0]", "helper(rng.normal(size=6))": "[4.0, 1.0]"}
    found = findings(tmp_path, {**MENDED, **changes})
    message = "no probe depends on the seed: a table of answers would pass; draw from rng"
    assert ("reference", "00.4", message) in found and {task for _, task, said in found if said == message} == {"00.4"}


def test_a_reference_that_fails_its_own_probe(tmp_path):
    ((gate, _, message),) = findings(tmp_path, {"return median(list(rng.normal(size=7)))": "return 1 / 0"})
    assert gate == "reference" and "ZeroDivisionError" in message


MORE = """
[[misconception]]
task = "00.4"
name = "{}"
hint = "."
replace = "sorted(xs), len(xs)"
with = "{}, len(xs)"
"""


def test_misconceptions_that_are_too_few_unnoticed_or_alike(tmp_path):
    known = [("sorts twice", "sorted(sorted(xs))"), ("does not sort", "list(xs)"), ("nor does this", "[*xs]")]
    text = small.MISCONCEPTIONS + "".join(MORE.format(*one) for one in known)
    assert findings(tmp_path, MENDED, text, fewest=4) == {
        *(("misconceptions", f"00.{n}", "1 are written down, at least 4 are wanted") for n in (1, 2, 3)),
        ("misconceptions", "00.4", "'sorts twice' keeps all points: no probe notices it"),
        ("misconceptions", "00.4", "'nor does this' and 'does not sort' have the same outcomes"),
    }


def test_a_misconception_that_goes_by_another_name(tmp_path):
    twin = small.MISCONCEPTIONS.split("\n\n")[0].replace("centres over", "averages")
    with Grader(release_of(tmp_path, {}, f"{small.MISCONCEPTIONS}\n{twin}\n")) as grader:
        (finding,) = misconception_is_named(grader, grader.release.misconceptions[-1])
        assert "is called 'centres over all values instead of the last axis'" in finding.message
        assert list(misconception_is_named(grader, grader.release.misconceptions[0])) == []

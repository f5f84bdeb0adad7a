"""Mutants: what is made of a solution, and that the good ones die."""

import json
import shutil

import pytest
import small

from tito.grading import mutants
from tito.grading.release import Release
from tito.notebooks.tasks import source_of

SOURCE = source_of(small.source(), "00_small")


def changes(task):
    return {mutant.change for mutant in mutants.mutants_of(SOURCE.tasks[task])}


def test_every_kind_is_made():
    made = changes("00.1") | changes("00.3") | changes("00.4")
    mean = "return x - x.mean(axis=-1, keepdims=True)"
    assert {
        f"{mean} -> return x + x.mean(axis=-1, keepdims=True)",
        f"{mean} -> return x.mean(axis=-1, keepdims=True) - x",
        f"{mean} -> return x - x.mean(axis=-2, keepdims=True)",
        f"{mean} -> return x - x.mean(axis=-1, keepdims=False)",
        f"{mean} -> return x - x.mean(axis=-1)",
        f"{mean} -> return None",
        "if n < 0: -> if n <= 0:",
        "if n < 0: -> if not n < 0:",
        "self.total += n -> self.total -= n",
        "self.total += n -> pass",
        "raise ValueError('n must not be negative') -> pass",
    } <= made


def test_what_is_given_is_not_mutated():
    for task in SOURCE.tasks.values():
        for mutant in mutants.mutants_of(task):
            assert '"""' in mutant.source or "'''" in mutant.source or "class Counter" in mutant.source
            assert "def " in mutant.source and mutant.source.count("def probe") == 0
    assert not any("eps=1e-05" in change and "->" in change.split("def")[0] for change in changes("00.2"))


def test_names_are_unique_and_stable():
    for task in SOURCE.tasks.values():
        first, second = (mutants.mutants_of(task) for _ in range(2))
        assert first == second and len({m.change for m in first}) == len(first) == len({m.source for m in first})


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_survivors_are_found_and_equivalents_need_a_reason(tmp_path):
    notebook, file = tmp_path / "00_small.ipynb", tmp_path / "equivalents.toml"
    notebook.write_text(json.dumps(small.source()))
    file.write_text('[[equivalent]]\ntask = "00.1"\nmutant = "x = np.asarray(x) -> pass"\nreason = "arrays only"\n')
    release = Release.open(notebook, misconceptions=tmp_path / "none.toml", folder=tmp_path / "kept")
    reports = {report.task: report for report in mutants.run(release, file)}
    assert [mutant.change for mutant in reports["00.1"].equivalent] == ["x = np.asarray(x) -> pass"]
    assert {mutant.change for mutant in reports["00.3"].survived} == {
        "if n < 0: -> if n <= 0:",
        "if n < 0: -> if n < 1:",
    }
    assert reports["00.2"].killed >= 10 and not reports["00.2"].survived and not reports["00.2"].unknown

"""Reading a source notebook, and repairing whatever is handed in."""

import json
from importlib import import_module

import pytest
import small

from tito.grading.submission import alone, best_file, from_notebook, load, repair, whole
from tito.notebooks.cells import strip_solution
from tito.notebooks.names import blank_out, fingerprint, names_of
from tito.notebooks.tasks import source_of

SOURCE = source_of(small.source(), "00_small")
ALL = set(SOURCE.tasks)


def only(notebook, keep):
    return {**notebook, "cells": [cell for cell in notebook["cells"] if keep(cell)]}


def text(submission):
    return "\n".join(piece.source for piece in whole(SOURCE, submission, everything=True))


def test_a_source_has_tasks_with_points_titles_and_probes():
    task = SOURCE.tasks["00.2"]
    assert (task.title, task.points, task.key) == ("Scale", 20, "00-2")
    assert [(p.name, p.says) for p in task.probes][1] == ("probe_eps", "the second argument")
    assert task.names == {"scale"} and "probe" not in task.checks and "BEGIN" not in task.hidden
    assert SOURCE.points == 100


def test_the_stub_is_nbgraders():
    stub = strip_solution(small.cell(small.source(), "00-1-solution")["source"])
    assert stub.endswith("    # YOUR CODE HERE\n    raise NotImplementedError()") and stub.startswith("#| export")


def test_names_of_a_cell():
    found = names_of("import numpy as np\ndef f(x):\n    return g(x) + y\nz = f(1)\nglobal_ = [i for i in z]")
    assert found.defines == {"f", "z", "global_"} and {"g", "y"} <= found.uses and "np" in found.binds
    assert names_of("%time f(1)\n!ls").parsed and not names_of("def (").parsed
    assert "x" in names_of("def f():\n    global x\n    x = 1").binds
    assert names_of("x = 1\ny = x + z").uses == {"z"} and names_of("n += 1").uses == {"n"}
    assert names_of("for i in range(3):\n    y = i\n    print(y)").uses == {"range", "print"}
    assert names_of("try:\n    a = b\nexcept E as e:\n    print(a, e)").uses == {"b", "print", "E"}


def test_given_examples_that_nobody_needs_are_not_run():
    text = "\n".join(piece.source for piece in whole(SOURCE, repair(SOURCE, small.solved())))
    assert "example" not in text and "the end" not in text and "def helper" in text and "import numpy" in text
    curious = small.solved()
    curious["cells"].append(small.code("print(example.max())"))
    assert "example = centre" in "\n".join(piece.source for piece in whole(SOURCE, repair(SOURCE, curious)))


def test_empty_cells_are_not_run():
    notebook = small.solved()
    notebook["cells"] += [small.code(" \n", f"empty-{number}") for number in range(4000)]
    submission = repair(SOURCE, notebook)
    assert len(whole(SOURCE, submission)) < 20
    assert len(alone(SOURCE, SOURCE.tasks["00.1"], submission)) < 20


def test_blank_out_blanks_definitions_and_keeps_line_numbers():
    cell = "import a\n@dec\ndef f():\n    return 1\n\ndef g():\n    return 2"
    assert blank_out(cell, {"f"}).split("\n") == ["import a", "", "", "", "", "def g():", "    return 2"]
    assert blank_out("def f(: broken", {"f"}) == "def f(: broken"


def test_comments_do_not_make_an_attempt():
    notebook = small.release()
    small.cell(notebook, "00-1-solution")["source"] += "\n    # I tried\n"
    assert repair(SOURCE, notebook).attempted == set()
    assert fingerprint("a = 1  # x") == fingerprint("a=1")


def test_a_perfect_submission_needs_no_repair():
    submission = repair(SOURCE, small.solved())
    assert submission.remarks == () and submission.attempted == ALL
    assert [cell.id for cell in submission.cells] == [cell["id"] for cell in small.source()["cells"]]


def test_hidden_tests_are_never_among_the_cells_to_run():
    assert "probe_" not in text(repair(SOURCE, small.solved()))
    assert "probe_" not in "".join(piece.source for piece in alone(SOURCE, SOURCE.tasks["00.2"]))


def lost_metadata(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]


def lost_tests(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


def edited_tests(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "assert True"


def copied_tests(notebook):
    notebook["cells"] += [json.loads(json.dumps(c)) for c in notebook["cells"] if c["id"] == "00-2"]


def copied_blanks(notebook):
    notebook["cells"] += small.release()["cells"]


def reordered(notebook):
    notebook["cells"].reverse()


def retyped(notebook):
    for cell in notebook["cells"]:
        if cell["id"].endswith("-solution"):
            cell["metadata"], cell["id"] = {}, "new" + cell["id"][:4]


def split_between(notebook):
    index = [c["id"] for c in notebook["cells"]].index("00-4-solution")
    notebook["cells"].insert(index, small.code("def middle(xs):\n    return xs[len(xs) // 2]"))


def split_inside(notebook):
    index = [c["id"] for c in notebook["cells"]].index("00-3-solution")
    lines = notebook["cells"][index]["source"].split("\n")
    notebook["cells"][index]["source"] = "\n".join(lines[:5])
    notebook["cells"].insert(index + 1, small.code("\n".join(lines[5:])))


def merged(notebook):
    first, second = (small.cell(notebook, f"00-{k}-solution") for k in (2, 3))
    first["source"] += "\n\n" + second["source"]
    notebook["cells"].remove(second)


def deleted_given(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if c["id"].endswith("-solution")]


def became_markdown(notebook):
    small.cell(notebook, "00-2-solution")["cell_type"] = "markdown"


def same_ids(notebook):
    for cell in notebook["cells"]:
        cell["id"] = "x"


def lists_of_lines(notebook):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def windows_line_ends(notebook):
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")


def swapped_labels(notebook):
    a, b = (small.cell(notebook, f"00-{k}-solution") for k in (1, 2))
    a["metadata"], b["metadata"] = b["metadata"], a["metadata"]


DAMAGES = [
    lost_metadata,
    lost_tests,
    edited_tests,
    copied_tests,
    copied_blanks,
    reordered,
    retyped,
    split_between,
    split_inside,
    merged,
    deleted_given,
    became_markdown,
    same_ids,
    lists_of_lines,
    windows_line_ends,
    swapped_labels,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_damage_is_repaired(damage):
    notebook = small.solved()
    damage(notebook)
    submission = repair(SOURCE, notebook)
    assert submission.attempted == ALL
    ids = [cell.id for cell in submission.cells]
    assert len(ids) == len(set(ids))
    tests = [cell for cell in submission.cells if cell.role == "test"]
    assert {cell.source for cell in tests} == {task.checks for task in SOURCE.tasks.values()} and len(tests) == 4
    for task in SOURCE.tasks.values():
        place = {cell.id: i for i, cell in enumerate(submission.cells)}
        assert place[task.test.id] > max(place[cell.id] for cell in submission.owned(task.id))
        alone_text = "\n".join(piece.source for piece in alone(SOURCE, task, submission))
        assert alone_text.count("NotImplementedError") == 0 and "import numpy" in alone_text


@pytest.mark.parametrize(
    "data, remark",
    [
        (None, "No notebook"),
        (b"", "empty"),
        (b"\x00\xff\xfe{{{", "not a notebook"),
        (b"[1, 2]", "not a notebook"),
        (b'{"cells": 3}', "no cells"),
        (b'{"cells": [1, null, []]}', "damaged"),
        (b"[" * 100_000, "not a notebook"),
        (b"def centre(x):\n    return x", "Python text"),
        (b"<html></html>", "not a notebook"),
        ("x".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_not_a_notebook_is_no_error(data, remark):
    assert remark in " ".join(repair(SOURCE, data).remarks)


def test_a_truncated_file_keeps_the_cells_before_the_cut():
    data = json.dumps(small.solved())
    submission = repair(SOURCE, data[: len(data) * 2 // 3].encode())
    assert submission.attempted == {"00.1", "00.2", "00.3"}


def test_one_broken_cell_does_not_take_the_others_with_it():
    data = json.dumps(small.solved(), indent=1).replace('"id": "00-2-solution"', '"id": 00-2-solution,,', 1)
    assert repair(SOURCE, data.encode()).attempted == {"00.1", "00.3", "00.4"}


def test_merge_conflicts_are_resolved():
    data = json.dumps(small.solved(), indent=1)
    line = next(line for line in data.split("\n") if '"id": "c0"' in line)
    data = data.replace(line, f"<<<<<<< HEAD\n{line}\n=======\n{line.replace('c0', 'cx')}\n>>>>>>> other")
    submission = repair(SOURCE, data.encode())
    assert submission.attempted == ALL and "merge conflicts" in submission.remarks[0]


def test_the_notebook_of_another_module_is_recognized():
    notebook = {"cells": [{**small.code("y = 1"), "metadata": {"nbgrader": {"grade_id": "07-1", "grade": True}}}]}
    submission = repair(SOURCE, notebook)
    assert submission.attempted == set() and "module 07" in " ".join(submission.remarks)


def of_module_07(notebook):
    """The same notebook with the labels of another module, and none of its own ids."""
    text = json.dumps(notebook).replace('"grade_id": "00-', '"grade_id": "07-')
    return {"cells": [{**cell, "id": f"x{i}"} for i, cell in enumerate(json.loads(text)["cells"])]}


def test_names_and_given_cells_that_modules_share_do_not_make_it_this_one():
    notebook = of_module_07(small.solved(t1="def other(x):\n    return x"))
    notebook["cells"].append(small.code("def median(xs):\n    return 0"))
    submission = repair(SOURCE, notebook)
    assert submission.attempted == set() and len(submission.remarks) == 1
    assert "module 07): was the right file handed in?" in submission.remarks[0]
    assert all(submission.lacks(task) for task in ALL) and not any(
        repair(SOURCE, small.release()).lacks(t) for t in ALL
    )
    generic = {"cells": [small.code("#| export\nimport numpy as np"), small.code("print('the end')")]}
    assert "was the right file handed in?" in repair(SOURCE, generic).remarks[0]


def test_a_cell_copied_from_another_module_changes_nothing():
    notebook = small.solved()
    lost_metadata(notebook)
    notebook["cells"] += of_module_07(small.solved())["cells"][4:5]
    assert repair(SOURCE, notebook).attempted == ALL


def test_a_solution_in_a_new_cell_below_the_blank_counts():
    notebook = small.release()
    index = [c["id"] for c in notebook["cells"]].index("00-4-solution")
    notebook["cells"].insert(index + 1, small.code("def median(xs):\n    return 1"))
    assert repair(SOURCE, notebook).attempted == {"00.4"}


def test_judged_alone_a_task_sees_the_reference_of_the_others():
    submission = repair(SOURCE, small.solved(t1="def centre(x):\n    return wrong(x)"))
    text = "\n".join(piece.source for piece in alone(SOURCE, SOURCE.tasks["00.2"], submission))
    assert "wrong" not in text and "x.mean(axis=-1" in text
    text = "\n".join(piece.source for piece in alone(SOURCE, SOURCE.tasks["00.1"], submission))
    assert "wrong" in text and "x.mean(axis=-1" not in text


def test_judged_alone_only_what_is_needed_runs():
    pieces = alone(SOURCE, SOURCE.tasks["00.4"])
    text = "\n".join(piece.source for piece in pieces)
    assert "def helper" in text and "print(" not in text and "example" not in text
    assert "def helper" not in "\n".join(piece.source for piece in alone(SOURCE, SOURCE.tasks["00.1"]))


def test_old_formats_and_python_files_are_read():
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "def median(xs): return 2", "metadata": {}}]}]}
    assert repair(SOURCE, old).attempted == {"00.4"}
    cells, remarks = load(b"def median(xs):\n    return 2\n")
    assert len(cells) == 1 and remarks


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "data",
    [
        b"<<<<<<<\n" * 5000 + b"=======\n" * 5000,
        b"<<<<<<<\n" * 50_000,
        json.dumps({"cells": [{"cell_type": "code", "metadata": {}, "source": "a = %b\n" * 3000}]}).encode(),
    ],
    ids=["conflicts", "conflicts without an end", "magic"],
)
def test_no_file_takes_for_ever_to_read(data):
    """The timeout is there for what took minutes once; each of these takes a second or two."""
    whole(SOURCE, repair(SOURCE, data))


def test_merge_conflicts_are_read():
    ours, theirs = '\n "nbformat_minor": 5', '\n "nbformat_minor": 4'
    text = json.dumps(small.solved(), indent=1)
    assert ours in text
    text = text.replace(ours, f"\n<<<<<<< mine{ours}\n======={theirs}\n>>>>>>> theirs")
    found = repair(SOURCE, text.encode())
    assert len(found.attempted) == 4 and any("merge conflicts" in remark for remark in found.remarks)


def test_reading_is_given_up_after_a_while(monkeypatch):
    monkeypatch.setattr(import_module("tito.grading.submission.repair"), "READING_SECONDS", 0.2)

    def endless(data):
        while data is not None:
            pass
        return [], []

    monkeypatch.setattr(import_module("tito.grading.submission.repair"), "load", endless)
    found = repair(SOURCE, json.dumps(small.solved()).encode())
    assert not found.attempted and "could not be read within 0.2 seconds" in found.remarks[0]


def test_the_courses_own_notebook_is_never_a_submission(tmp_path):
    """A clone of the repository holds solutions/, which would score everything whatever the student did."""
    source, folder = tmp_path / "source" / "00_small.ipynb", tmp_path / "submitted" / "00_small"
    (folder / "solutions").mkdir(parents=True)
    source.parent.mkdir()
    source.write_text(json.dumps(small.source()))
    (folder / "solutions" / "00_copy.ipynb").write_text(json.dumps(small.source()))
    (folder / "00_small.ipynb").write_text(json.dumps(small.release()))
    found = best_file(folder / "00_small.ipynb", source)
    assert found.name == "00_small.ipynb" and not found.submission.attempted
    (folder / "00_small.ipynb").write_text(json.dumps(small.source()))
    found = best_file(folder / "00_small.ipynb", source)
    assert found.name is None and "marks of the course's own solutions" in found.submission.remarks[0]


def test_a_submission_survives_the_notebook_that_it_is_kept_as():
    from tito.grading.plugins import as_notebook

    notebook = small.solved()
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] not in ("c2", "00-4")][::-1]
    notebook["cells"].append(small.code("extra = 1"))
    submission = repair(SOURCE, notebook)
    back = from_notebook(SOURCE, json.loads(json.dumps(as_notebook(SOURCE, submission))))
    assert back == submission and back.digest == submission.digest

"""The library that a submission sees: the modules before its own, as they are now, from a folder that nobody else writes to."""

import os

import pytest

from tito.grading.library import prepare, private


def package_in(folder):
    package = folder / "tinytorch"
    (package / "autograd").mkdir(parents=True)
    for name in ("__init__", "tensor", "autograd/engine"):
        (package / f"{name}.py").write_text(f"name = '{name}'\n")
    return package


def test_the_modules_before_and_no_other(tmp_path):
    made = prepare(package_in(tmp_path), 2, tmp_path / "kept")
    assert sorted(path.name for path in made.iterdir()) == ["__init__.py", "tensor.py"]
    assert prepare(tmp_path / "tinytorch", 2, tmp_path / "kept") == made


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_a_copy_that_was_tampered_with_is_made_again(tmp_path, change):
    made = prepare(package_in(tmp_path), 2, tmp_path / "kept")
    if change == "removed":
        (made / "tensor.py").unlink()
    else:
        (made / ("tensor.py" if change == "changed" else "more.py")).write_text("planted = 1\n")
    again = prepare(tmp_path / "tinytorch", 2, tmp_path / "kept")
    assert {path.name: path.read_text() for path in again.iterdir()} == {
        "__init__.py": "name = '__init__'\n",
        "tensor.py": "name = 'tensor'\n",
    }


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
    mine = private(tmp_path / "mine")
    assert mine.stat().st_mode & 0o777 == 0o700 and private(mine) == mine
    (tmp_path / "open").mkdir()
    os.chmod(tmp_path / "open", 0o777)
    (tmp_path / "link").symlink_to(mine)
    for folder in ("open", "link"):
        with pytest.raises(PermissionError, match="remove it, or set TMPDIR"):
            private(tmp_path / folder)

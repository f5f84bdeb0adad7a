"""One list of modules, and everything follows from it."""

import pytest

from tito.course import HOME, Course
from tito.registry import BY_NUMBER, MODULES, module_of

COURSE = Course.read(HOME)
PRESENT = COURSE.modules()


def test_twenty_three_modules_in_order():
    assert [module.number for module in MODULES] == list(range(1, 24))
    assert BY_NUMBER[7].folder == "07_training"


def test_names_and_targets_are_unique():
    assert len({module.name for module in MODULES}) == 23
    targets = [target for module in MODULES for target in module.targets]
    assert len(set(targets)) == len(targets)
    assert all(module_of(target) is module for module in MODULES for target in module.targets)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.folder)
def test_a_module_needs_only_earlier_ones(module):
    assert all(number < module.number for number in module.needs)
    assert list(module.needs) == sorted(set(module.needs))


def test_every_folder_of_notebooks_is_in_the_registry():
    folders = {module.folder for module in MODULES}
    for parent in ("solutions", "modules"):
        found = {path.parent.name for path in (HOME / parent).glob("*/*.ipynb")}
        assert found <= folders


@pytest.mark.parametrize("module", PRESENT, ids=lambda module: module.folder)
def test_a_module_that_is_here_is_complete(module):
    missing = [target for target in module.targets if not (HOME / target).is_file()]
    assert not missing, f"tito export {module.nn}"
    assert (HOME / "modules" / module.folder / f"{module.folder}.ipynb").is_file(), f"tito release {module.nn}"
    assert list((HOME / "tests" / module.folder).glob("test_*.py")), "a module brings its own tests"
    assert (HOME / "tests/grading" / module.folder / "misconceptions.toml").is_file()


@pytest.mark.parametrize("module", PRESENT, ids=lambda module: module.folder)
def test_a_module_imports_only_what_it_needs(module):
    """The notebook's exported imports and the registry's `needs` tell the same story."""
    import ast

    for target in module.targets:
        tree = ast.parse((HOME / target).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.level or (node.module or "").startswith("tinytorch")):
                continue
            parts = (node.module or "").split(".")
            if node.level:
                package = target.split("/")[: -node.level]
                parts = [*package, *[part for part in parts if part]]
            used = module_of("/".join(parts) + ".py")
            assert used is None or used is module or used.number in module.needs, f"{target} imports {used.folder}"


@pytest.mark.parametrize("module", PRESENT, ids=lambda module: module.folder)
def test_what_is_given_needs_nothing_that_its_module_builds(module):
    import ast

    assert set(module.given) <= set(module.targets)
    for target in module.given:
        for node in ast.walk(ast.parse((HOME / target).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinytorch"):
                file = node.module.replace(".", "/") + ".py"
                assert file in module.given or module_of(file) is not module, f"{target} imports {file}"


def test_every_test_folder_belongs_to_a_module_or_a_suite():
    suites = {"integration", "parity", "grading", "course", "programs"}
    folders = {
        path.name for path in (HOME / "tests").iterdir() if path.is_dir() and not path.name.startswith(("_", "."))
    }
    assert folders <= suites | {module.folder for module in MODULES}

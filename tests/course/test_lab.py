"""JupyterLab as a student sees it: nothing for instructors, no question about news, and a Validate button that says how far."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from traitlets.config import Config

from tito import kernel, lab
from tito import notebooks as nb


@contextlib.contextmanager
def server(folder, tmp_path):
    """JupyterLab, started in `folder` by whoever has nothing but this environment; its address."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= dict.fromkeys(("HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"), str(tmp_path))
    options = ["--no-browser", "--IdentityProvider.token=secret", "--port=0", "--allow-root"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 90
        while not (found := list(tmp_path.glob("jpserver-*.json"))) or not found[0].read_text().endswith("}"):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        url = json.loads(found[0].read_text())["url"]
        while not answers(url):  # it says where it will be, and is there a little later
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    try:
        return urlopen(f"{url}api?token=secret", timeout=60).status == 200
    except URLError:
        return False


def page(url):
    html = urlopen(f"{url}lab?token=secret", timeout=60).read().decode()
    return json.loads(re.search(r'id="jupyter-config-data" type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def test_a_student_sees_nothing_for_instructors(workspace, tmp_path):
    if not lab.install():
        pytest.skip("this environment cannot be written to")
    with server(workspace, tmp_path) as url:
        disabled = page(url)["disabledExtensions"]
        for name in ("formgrader", "assignment-list", "course-list", "create-assignment"):
            assert f"@jupyter/nbgrader:{name}" in disabled
        assert "@jupyter/nbgrader:validate-assignment" not in disabled
        assert "@jupyterlab/apputils-extension:announcements" in disabled
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{url}formgrader?token=secret", timeout=60)


def test_in_the_course_repository_nothing_is_switched_off(course, workspace, tmp_path):
    for folder, expected in ((course, {}), (tmp_path, {}), (workspace, {"LabApp", "ServerApp"})):
        c = Config()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("PYTHONPATH", "JUPYTER_CONFIG_PATH"):
                patch.setenv(name, os.environ.get(name, ""))
            patch.setattr(lab, "speak_of_progress", lambda: None)
            lab.configure(c, folder)
        assert set(c) == set(expected)


def test_opening_a_notebook_changes_nothing_in_it(workspace):
    """JupyterLab writes what the kernel says of itself into the notebook, and marks it as modified where that is new."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.kernel_info()
        said = client.get_shell_msg(timeout=60)["content"]["language_info"]
        name = manager.kernel_spec.display_name
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    for path in (workspace / "modules").rglob("*.ipynb"):
        metadata = nb.read(path)["metadata"]
        assert metadata["language_info"] == said
        assert metadata["kernelspec"] == {"display_name": name, "language": "python", "name": "python3"}


@pytest.fixture
def validate(workspace):
    """What Validate says of the sample's first module: {check: error}."""
    kernel.install()

    def run():
        path = workspace / "modules/01_tensor/01_tensor.ipynb"
        results = lab.validator()().validate(str(path))
        return {one["source"]: one["raw_error"] for one in results.get("failed", ())}

    return run


def test_validate_ends_with_how_many_tasks_are_done(course, workspace, solve, validate):
    solve(course, workspace, "01_tensor", but="01.1")
    assert validate() == {
        "01.1": "still blank",
        "01.3": "waiting for a task that is still blank\n\n1 of 3 tasks, next 01.1",
    }
    solve(course, workspace, "01_tensor")
    assert validate() == {}


def test_a_loop_costs_validate_its_time_once(course, workspace, solve, validate, monkeypatch):
    monkeypatch.setenv(kernel.SECONDS, "3")  # the same way as the seconds that Validate allows, and quicker
    path = solve(course, workspace, "01_tensor")
    path.write_text(path.read_text().replace("doubled = 2 * x", "while x: pass"))
    started = time.monotonic()
    said = validate()
    assert all("twice did not end within 3 s" in words for words in said.values()) and len(said) == 2
    assert time.monotonic() - started < 2 * 3 + 8


def test_validate_allows_what_the_grader_allows(monkeypatch):
    from tito.grading.sandbox import Limits
    from tito.seconds import CELL_SECONDS

    monkeypatch.delenv(kernel.SECONDS, raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert kernel.time_limit() is None
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert kernel.time_limit() == CELL_SECONDS == Limits().cell_seconds == 20

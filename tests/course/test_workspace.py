"""A student's workspace: what is in it, that its own package is the one imported, and the way back."""

import json
import os
import subprocess
import sys
import time

import pytest

from tito import kernel
from tito import notebooks as nb

SHOW = "import tinytorch.tensor; print(tinytorch.tensor.__file__)"


def test_what_is_in_it(course, workspace):
    files = {path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file()}
    assert {
        "settings.ini",
        "pytest.ini",
        "README.md",
        "tinytorch/__init__.py",
        "tests/01_tensor/test_tensor.py",
    } <= files
    assert not [name for name in files if "solutions" in name or name.endswith(("gradebook.db", "nbgrader_config.py"))]
    assert {name for name in files if name.startswith("tinytorch/")} == {
        "tinytorch/__init__.py",
        "tinytorch/autograd/__init__.py",
    }
    for path in workspace.rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert nb.BEGIN not in text and "HIDDEN" not in text and "probe_" not in text


def test_from_fills_the_modules_before(course, tito, tmp_path):
    root = tmp_path / "late"
    said = tito("new", root, "--from", "02", cwd=course)
    assert said.code == 0 and "before 02 are filled" in said.out
    assert (root / "tinytorch/tensor.py").read_bytes() == (course / "tinytorch/tensor.py").read_bytes()
    assert not (root / "tinytorch/autograd/engine.py").exists()
    assert "reference" in tito("status", cwd=root).out
    assert "Next: open modules/02_autograd" in tito("status", cwd=root).out


def test_a_blank_notebook_does_not_replace_the_reference(course, tito, tmp_path, solve):
    root = tmp_path / "late"
    tito("new", root, "--from", "02", cwd=course)
    before = (root / "tinytorch/tensor.py").read_bytes()
    for command in (("export", "01"), ("test", "module", "01")):
        said = tito(*command, cwd=root)
        assert said.code == 1 and "filled from the reference" in said.err
    assert tito("export", "--all", cwd=root).code == 0
    assert (root / "tinytorch/tensor.py").read_bytes() == before
    solve(course, root, "02_autograd")
    assert tito("test", "module", "02", cwd=root).code == 0
    solve(course, root, "01_tensor", but="01.3")
    assert tito("export", "01", cwd=root).code == 0
    assert (root / "tinytorch/tensor.py").read_bytes() != before


def test_it_is_made_whole_or_not_at_all(course, tito, tmp_path, monkeypatch):
    from tito import workspace

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workspace, "facades", full)
    said = tito("new", tmp_path / "mine", cwd=course)
    assert said.code == 1 and "No space left on device" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


def test_it_does_not_touch_a_folder_with_something_in_it(course, workspace, tito):
    before = sorted(workspace.rglob("*"))
    said = tito("new", workspace, cwd=course)
    assert said.code == 1 and "not empty" in said.err and sorted(workspace.rglob("*")) == before


def test_reset_keeps_the_old_notebook(course, workspace, tito, solve):
    path = workspace / "modules/01_tensor/01_tensor.ipynb"
    released = path.read_bytes()
    assert "as it was released already" in tito("reset", "01", cwd=workspace).out
    for number in (1, 2):
        solve(course, workspace, "01_tensor")
        mine = path.read_bytes()
        assert tito("reset", "01", cwd=workspace).code == 0
        assert path.read_bytes() == released
        assert (workspace / f"modules/01_tensor/_old/01_tensor-{number}.ipynb").read_bytes() == mine
    assert tito("export", "01", cwd=workspace).code == 0


def test_reset_mends_a_broken_or_missing_notebook(workspace, tito):
    path = workspace / "modules/01_tensor/01_tensor.ipynb"
    released = path.read_bytes()
    path.write_text("{not json")
    assert "tito reset 01" in tito("status", cwd=workspace).out
    assert tito("reset", "01", cwd=workspace).code == 0 and path.read_bytes() == released
    assert (path.parent / "_old/01_tensor-1.ipynb").read_text() == "{not json"
    path.unlink()
    assert tito("reset", "01", cwd=workspace).code == 0 and path.read_bytes() == released


def test_reset_in_the_course_repository_spares_the_source(course, tito):
    source = course / "solutions/01_tensor/01_tensor.ipynb"
    student = course / "modules/01_tensor/01_tensor.ipynb"
    before, released = source.read_bytes(), student.read_bytes()
    student.write_text(released.decode().replace("raise NotImplementedError()", "return 1", 1))
    assert tito("reset", "01", cwd=course).code == 0
    assert source.read_bytes() == before and student.read_bytes() == released


def kernel_says(manager_arguments, folder, environment):
    """What a fresh kernel, started in `folder` as any front end starts it, prints for SHOW."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager(**manager_arguments)
    manager.start_kernel(cwd=str(folder), env=environment, stderr=subprocess.DEVNULL)
    client = manager.client()
    try:
        return ask(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client):
    client.start_channels()
    client.wait_for_ready(timeout=60)
    said = []
    client.execute_interactive(SHOW, output_hook=lambda m: said.append(m["content"].get("text", "")), timeout=60)
    return "".join(said).strip()


@pytest.fixture
def bare():
    """An environment that says nothing about where tinytorch is."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_a_kernel_beside_a_notebook_imports_the_workspaces_package(course, workspace, tito, solve, bare):
    """Whoever starts it: JupyterLab from the home folder, an editor. No PYTHONPATH, no current directory to help."""
    if not kernel.install():
        pytest.skip("this environment cannot be written to")
    solve(course, workspace, "01_tensor")
    tito("export", "01", cwd=workspace)
    said = kernel_says({"kernel_name": "python3"}, workspace / "modules/02_autograd", bare)
    assert said == str(workspace / "tinytorch/tensor.py")


def test_a_kernel_elsewhere_is_left_alone(workspace, tmp_path):
    assert kernel.root_for(workspace / "modules" / "01_tensor") == workspace
    assert kernel.root_for(workspace) is None
    (workspace / "autograded/ada/01_tensor").mkdir(parents=True)
    assert kernel.root_for(workspace / "autograded/ada/01_tensor") is None
    assert kernel.root_for(tmp_path.parent) is None


def test_jupyterlab_started_in_the_workspace_imports_its_package(course, workspace, tito, solve, bare, tmp_path):
    """A real server in the workspace, a kernel asked for beside a notebook; its own environment knows nothing of us."""
    from urllib.request import Request, urlopen

    from jupyter_client import BlockingKernelClient

    solve(course, workspace, "01_tensor")
    tito("export", "01", cwd=workspace)
    runtime = tmp_path / "runtime"
    environment = {
        **bare,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_DIR": str(tmp_path),
    }
    options = ["--no-browser", "--IdentityProvider.token=secret", "--port=0", "--allow-root"]
    command = [sys.executable, "-m", "jupyter_server", *options]
    log = open(tmp_path / "log", "w")
    server = subprocess.Popen(command, cwd=workspace, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not (found := list(runtime.glob("jpserver-*.json"))) or not found[0].read_text().endswith("}"):
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        url = json.loads(found[0].read_text())["url"]
        body = json.dumps({"name": "python3", "path": "modules/02_autograd/02_autograd.ipynb"}).encode()
        headers = {"Authorization": "token secret", "Content-Type": "application/json"}
        started = json.load(urlopen(Request(f"{url}api/kernels", body, headers), timeout=60))
        client = BlockingKernelClient(connection_file=str(next(runtime.glob(f"kernel-{started['id']}*.json"))))
        client.load_connection_file()
        assert ask(client) == str(workspace / "tinytorch/tensor.py")
        client.stop_channels()
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def test_plain_pytest_in_the_workspace_imports_its_package(course, workspace, tito, solve, bare):
    solve(course, workspace, "01_tensor")
    tito("export", "01", cwd=workspace)
    program = os.path.join(os.path.dirname(sys.executable), "pytest")
    test = workspace / "tests/01_tensor/test_where.py"
    test.write_text(
        f"def test_where():\n    import tinytorch\n    assert tinytorch.__file__.startswith({str(workspace)!r})\n"
    )
    run = subprocess.run([program, "tests/01_tensor"], cwd=workspace, env=bare, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_pytest_refuses_another_tinytorch(workspace, course, bare):
    environment = {**bare, "PYTHONPATH": str(course)}
    command = [sys.executable, "-P", "-m", "pytest", "-o", "pythonpath=", "-p", "tito.pytest_plugin", str(workspace)]
    command += ["--rootdir", str(workspace)]
    run = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)
    assert run.returncode == 4 and "not from this course's" in run.stderr


def test_plain_nbdev_export_works_in_the_workspace(course, workspace, solve, bare):
    solve(course, workspace, "01_tensor")
    solve(course, workspace, "02_autograd")
    environment = {name: value for name, value in bare.items() if name != "IN_TEST"}
    command = [sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"]
    run = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    code = "from tinytorch.autograd.engine import four; print(four(2))"
    run = subprocess.run([sys.executable, "-c", code], cwd=workspace, env=bare, capture_output=True, text=True)
    assert run.stdout.strip() == "8", run.stderr

"""An IPython extension: a kernel that starts beside a course's notebook imports that course's own tinytorch.

The environment's `etc/ipython/ipython_kernel_config.py` loads it into every kernel, whoever starts it and from where:
JupyterLab in the workspace or in the home folder, an editor, nbclient. Outside a course's notebooks it does nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .seconds import CELL_SECONDS

SECONDS = "TITO_CELL_SECONDS"
"""The environment's variable by which `tito test` says how long a cell may last."""

LINE = 'c.InteractiveShellApp.extensions.append("tito.kernel")'
CONFIG = Path(sys.prefix) / "etc" / "ipython" / "ipython_kernel_config.py"
TEXT = f"""# Written by `tito new`: notebooks of a tinytorch course import the package of the course they lie in.
c = get_config()
{LINE}
"""


def root_for(folder: Path) -> Path | None:
    """The root of the course whose notebooks `folder` belongs to, or None."""
    from .console import Mistake
    from .course import Course

    try:
        course = Course.find(folder)
    except (Mistake, OSError):
        return None
    ours = (course.nbs.resolve(), course.modules_folder.resolve())
    return course.root if any(folder.is_relative_to(path) for path in ours) else None


def disown_other_packages(lib: Path) -> None:
    """Keep setuptools' editable finder from answering with another tinytorch for what the package at `lib` lacks."""
    for name, module in list(sys.modules.items()):
        mapping = getattr(module, "MAPPING", None) if name.startswith("__editable__") else None
        if mapping and "tinytorch" in mapping and Path(mapping["tinytorch"]).resolve() != lib.resolve():
            del mapping["tinytorch"]


def load_ipython_extension(shell) -> None:
    """Put the course's root first on sys.path, unless PYTHONPATH says already where tinytorch is; let checks speak."""
    from . import lesson

    told = [Path(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    root = next((path for path in told if (path / "tinytorch").is_dir()), None)
    if root is None:
        root = root_for(Path.cwd().resolve())
        if root is None or not (root / "tinytorch").is_dir():
            if "google.colab" in sys.modules:
                lesson.load(shell, None)
            return
        sys.path.insert(0, str(root))
    disown_other_packages(root / "tinytorch")
    lesson.load(shell, root)
    if seconds := time_limit():
        watch_cells(shell, root / "tinytorch", seconds)


def time_limit() -> float | None:
    """The seconds that a cell may last: in `tito test` what it says, in Validate CELL_SECONDS, elsewhere any time."""
    if told := os.environ.get(SECONDS):
        return float(told)
    return CELL_SECONDS if os.environ.get("NBGRADER_EXECUTION") == "validate" else None


def watch_cells(shell, lib: Path, seconds: float) -> None:
    """End a cell that lasts longer, and close the function that it stayed in."""
    from .watch import Watch

    def is_own(code) -> bool:
        return code.co_filename in shell.compile._filename_map or code.co_filename.startswith(str(lib))

    watch = Watch(seconds, is_own, only_inside=True)
    shell.events.register("pre_run_cell", lambda info: watch.start())
    shell.events.register("post_run_cell", lambda result: watch.stop())


def unload_ipython_extension(shell) -> None:
    """IPython asks for it; nothing to undo."""


def installed() -> bool:
    """Whether this environment's kernels load the extension."""
    return CONFIG.is_file() and LINE in CONFIG.read_text(encoding="utf-8")


def install() -> bool:
    """Have this environment's kernels load the extension; False where the environment may not be written to."""
    from .files import write_atomic

    if installed():
        return True
    try:
        before = CONFIG.read_text(encoding="utf-8") if CONFIG.is_file() else ""
        write_atomic(CONFIG, f"{before}\n{LINE}\n" if before else TEXT)
    except OSError:
        return False
    return True

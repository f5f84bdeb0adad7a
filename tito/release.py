"""From source notebook to the students' notebook, by nbgrader's own converter."""

from __future__ import annotations

import functools
import logging
import os
import re
import shutil
import sys
from pathlib import Path

from .console import Mistake
from .course import Course
from .files import scratch, working_directory
from .registry import Module


def config(course: Course):
    """nbgrader's settings as nbgrader_config.py gives them, for this course's root wherever it stands."""
    from traitlets.config.loader import PyFileConfigLoader

    if not (course.root / "nbgrader_config.py").is_file():
        raise Mistake(
            f"{course.root} has no nbgrader_config.py: it is a student's workspace.",
            expected="the course repository, where solutions/ is",
            hint="cd to the course repository",
        )
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(course.root)).load_config()
    settings.CourseDirectory.root = str(course.root)
    return settings


def api(course: Course):
    """nbgrader's own API, on this course."""
    from nbgrader.apps import NbGraderAPI

    find_alembic()
    settings = config(course)
    check_gradebook(address(course, settings))
    with working_directory(course.root), quiet():
        return NbGraderAPI(config=settings, log_level=logging.ERROR)


def address(course: Course, settings) -> str:
    """Where the gradebook is, as SQLAlchemy writes it."""
    return settings.CourseDirectory.get("db_url", f"sqlite:///{course.root / 'gradebook.db'}")


@functools.lru_cache(maxsize=4)
def check_gradebook(db_url: str) -> None:
    """A Mistake where the gradebook cannot be read: nothing has been touched yet."""
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    expected = "an SQLite file that nbgrader wrote, or postgresql://USER@HOST/DATABASE"
    hint = "look at NBGRADER_DB_URL, and whether the server runs or another program holds the file"
    try:
        engine = create_engine(make_url(db_url))
        inspect(engine).get_table_names()
        engine.dispose()
    except ImportError as error:
        raise Mistake(f"The gradebook's driver is missing: {error}", hint="pip install -e '.[postgres]'") from None
    except (ArgumentError, ValueError):
        raise Mistake("NBGRADER_DB_URL is no database's address.", expected=expected, hint=hint) from None
    except SQLAlchemyError as error:
        lines = str(getattr(error, "orig", error)).strip().splitlines()
        shown = make_url(db_url).render_as_string(hide_password=True)
        raise Mistake(f"The gradebook cannot be opened: {shown}: {lines[0]}", expected=expected, hint=hint) from None


def find_alembic() -> None:
    """nbgrader calls alembic by name: the environment's programs must be on PATH."""
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])


class quiet:
    """Keep what nbgrader logs off the screen; its results carry what matters."""

    def __enter__(self):
        self.level = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_):
        logging.disable(self.level)


class Backup:
    """What a folder held, kept aside while nbgrader makes it anew: nbgrader removes first and asks later."""

    def __init__(self, course: Course, folder: Path) -> None:
        self.folder = folder
        self.kept = course.root / ".grading" / "aside" / folder.relative_to(course.root)
        if folder.is_dir():
            shutil.rmtree(self.kept, ignore_errors=True)
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder, self.kept)

    def settle(self, success: bool) -> None:
        """Give up what was kept, or put it back in the place of what failed."""
        if not self.kept.is_dir():
            return
        if success:
            shutil.rmtree(self.kept)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.kept, self.folder)


def fresh(course: Course, module: Module, register: bool = False) -> dict[str, bytes]:
    """What a release of the module would hold, path -> bytes; nothing is written into the course.

    With `register` the gradebook learns the tasks and their points, as in a release.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    with scratch() as folder:
        (folder / "source").symlink_to(course.nbs, target_is_directory=True)
        settings = config(course)
        settings.CourseDirectory.root = str(folder)
        settings.CourseDirectory.source_directory = "source"
        settings.CourseDirectory.release_directory = "release"
        settings.CourseDirectory.assignment_id = module.folder
        settings.CourseDirectory.db_url = address(course, settings)
        settings.SaveCells.enabled = register
        settings.GenerateAssignment.no_database = not register
        settings.GenerateAssignment.force = True
        converter = GenerateAssignment(coursedir=CourseDirectory(config=settings), config=settings)
        converter.log = log = Errors()
        try:
            converter.start()
        except (Exception, SystemExit) as error:
            raise refused(module, reason({"log": log.text, "error": str(error)})) from None
        made = folder / "release" / module.folder
        return {
            path.relative_to(made).as_posix(): path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()
        }


class Errors(logging.Logger):
    """A logger that keeps the error messages and shows none."""

    def __init__(self):
        super().__init__("tito")
        self.text = ""
        self.propagate = False

    def handle(self, record):
        if record.levelno >= logging.ERROR:
            self.text += record.getMessage().strip() + "\n"


def release(course: Course, module: Module) -> list[Path]:
    """Run `nbgrader generate_assignment` for the module: modules/NN_name is made anew, the gradebook learns the tasks."""
    nbgrader = api(course)
    backup = Backup(course, course.modules_folder / module.folder)
    result = {"success": False}
    try:
        with working_directory(course.root), quiet():
            result = nbgrader.generate_assignment(module.folder)
    finally:
        backup.settle(result["success"])
    if not result["success"]:
        raise refused(module, reason(result))
    return sorted((course.modules_folder / module.folder).glob("*.ipynb"))


def refused(module: Module, why: str) -> Mistake:
    if "[Errno" in why:
        return Mistake(f"{module.folder} cannot be released: {why}", hint="look at the permissions and the disk")
    return Mistake(
        f"nbgrader would not release {module.folder}: {why}",
        expected="a notebook whose graded cells have ids, points and closed solution regions",
        hint=f"tito lint {module.nn}",
    )


def reason(answer: dict) -> str:
    """Why nbgrader failed: the last error of its log, without the path of its class; its own summary says nothing."""
    errors = [
        re.fullmatch(r"(?:\w+\.)*(\w*(?:Error|Exception|Entry|Interrupt)): (.+)", line.strip())
        for text in (answer.get("error"), answer.get("log"))
        for line in (text or "").splitlines()
    ]
    found = [m for m in errors if m and "the above traceback" not in m[2]]
    if found:
        name, said = found[-1].groups()
        return said if name == "NbGraderException" else f"{name}: {said}"
    lines = (answer.get("log") or answer.get("error") or "no reason given").strip().splitlines()
    return lines[-1]

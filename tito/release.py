"""From source notebook to the students' notebook, by nbgrader's own converter."""

from __future__ import annotations

import functools
import logging
import os
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
    check_server(settings.CourseDirectory.get("db_url"))
    with working_directory(course.root), quiet():
        return NbGraderAPI(config=settings, log_level=logging.ERROR)


@functools.lru_cache(maxsize=4)
def check_server(db_url: object) -> None:
    """A Mistake where the gradebook's database server does not answer; SQLite needs no server."""
    if not isinstance(db_url, str) or db_url.startswith("sqlite:"):
        return
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

    expected, hint = "postgresql://USER@HOST/DATABASE", "look at NBGRADER_DB_URL, and whether the server runs"
    try:
        engine = create_engine(make_url(db_url))
        engine.connect().close()
        engine.dispose()
    except ImportError as error:
        raise Mistake(f"The gradebook's driver is missing: {error}", hint="pip install -e '.[postgres]'") from None
    except (ArgumentError, ValueError):
        raise Mistake("NBGRADER_DB_URL is no database's address.", expected=expected, hint=hint) from None
    except SQLAlchemyError as error:
        lines = str(error.orig if isinstance(error, OperationalError) else error).strip().splitlines()
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


def fresh(course: Course, module: Module) -> dict[str, bytes]:
    """What a release of the module would hold, path -> bytes; nothing is written into the course or the gradebook."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    with scratch() as folder:
        (folder / "source").symlink_to(course.nbs, target_is_directory=True)
        settings = config(course)
        settings.CourseDirectory.root = str(folder)
        settings.CourseDirectory.source_directory = "source"
        settings.CourseDirectory.release_directory = "release"
        settings.CourseDirectory.assignment_id = module.folder
        settings.SaveCells.enabled = False
        settings.GenerateAssignment.no_database = True
        settings.GenerateAssignment.force = True
        converter = GenerateAssignment(coursedir=CourseDirectory(config=settings), config=settings)
        converter.log = log = Errors()
        try:
            converter.start()
        except (Exception, SystemExit) as error:
            raise refused(course, module, log.text or str(error)) from None
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
    with working_directory(course.root), quiet():
        result = api(course).generate_assignment(module.folder)
    if not result["success"]:
        raise refused(course, module, result.get("error") or result.get("log") or "no reason given")
    return sorted((course.modules_folder / module.folder).glob("*.ipynb"))


def refused(course: Course, module: Module, reason: str) -> Mistake:
    lines = [line for line in reason.strip().splitlines() if line.strip()]
    return Mistake(
        f"nbgrader would not release {module.folder}: {lines[-1] if lines else 'no reason given'}",
        expected="a notebook whose graded cells have ids, points and closed solution regions",
        hint=f"tito lint {module.nn}",
    )

"""The rest of pyproject.toml: packs what `tito new` copies, so that an installed tito makes workspaces too."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class Build(build_py):
    """Adds the released notebooks and the tests that students may see, as tito/_course/."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        packed = Path(self.build_lib) / "tito" / "_course"
        shutil.rmtree(packed, ignore_errors=True)
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "_old", "*.pyc")
        for folder in [*ROOT.glob("modules/[0-9]*"), *ROOT.glob("tests/[0-9]*"), ROOT / "tests" / "integration"]:
            if folder.is_dir():
                shutil.copytree(folder, packed / folder.relative_to(ROOT), ignore=skip)
        shutil.copy(ROOT / "tests" / "conftest.py", packed / "tests" / "conftest.py")


setup(cmdclass={"build_py": Build})

"""What was handed in, on its way to cells that can be run: folder.py finds the file, reading.py reads it, repair.py puts every
cell in its place, form.py is what is handed on from there, assembly.py chooses the cells to run.
"""

from .assembly import alone, reference, whole
from .folder import best_file, read_file, source_at
from .form import StudentCell, Submission, about, from_notebook
from .reading import load
from .repair import repair

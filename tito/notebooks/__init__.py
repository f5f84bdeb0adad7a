"""One reading of a notebook, under lint, export, testing, release and grading.

| file | what it knows |
|---|---|
| cells.py | a notebook as a dictionary: marks, ids, blanks, what is exported, what students see |
| names.py | the names that a cell binds and needs |
| tasks.py | cells with their roles, tasks, and a source notebook that keeps the course's rules |
"""

from .cells import (
    BEGIN,
    BEGIN_HIDDEN,
    END,
    END_HIDDEN,
    GRADE_ID,
    KEEP_OUTPUT,
    STUB,
    clean,
    code_cells,
    dumps,
    exports,
    grade_id_of,
    has_stub,
    is_blank,
    is_exported,
    keeps_outputs,
    read,
    same_sources,
    solution_lines,
    split_hidden,
    strip_solution,
    task_of,
    text,
    write,
)
from .names import names_of, plain
from .tasks import SourceCell, Task, cells_of, tasks_of

"""The one figure that Validate, `tito test` and the grader share."""

CELL_SECONDS = 20
"""How long one cell, or one test, may last."""

"""Grading that can be trusted: see book/instructor.qmd for the tour and grade.py for the one call."""

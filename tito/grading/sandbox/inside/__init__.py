"""What runs beside a student's code. See `Processes` and `Protocol` in runner.py."""

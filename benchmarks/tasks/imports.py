"""import: a new interpreter each time"""

import os
import subprocess
import sys

from benchmarks.harness import Row

ROUNDS = 15


def seconds(name):
    code = f"from time import process_time as now; start = now(); import {name}; print(now() - start)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # compiled once, as NumPy is
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(run.stdout)


def rows(bench):
    times = {name: [] for name in bench.frameworks}
    for name in times:
        seconds(name)  # from disk
    for _ in range(min(ROUNDS, 2 * bench.rounds)):
        for name in bench.shuffled():
            times[name].append(seconds(name))
    row = Row("import", times)
    share = row.median("tinytorch") / row.median("numpy")
    row.note, row.met, row.reach = f"{share:.2f} of NumPy's", share <= 1.3, "NumPy's: 1.30"
    return [row]

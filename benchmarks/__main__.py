"""`python -m benchmarks [TASK ...]`: one table, tinytorch beside PyTorch and bare NumPy."""

import argparse
import json
import platform
import sys
from pathlib import Path
from statistics import median

from .harness import FRAMEWORKS, MALLOC, Bench, names

WIDTH = 46


def amount(value, unit):
    if unit != "s":
        return f"{value:,.0f} {unit}"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1 or name == "us":
            return f"{value * factor:.3g} {name}" if value * factor < 1000 else f"{value * factor:.0f} {name}"


def cell(row, name):
    if name not in row.samples:
        return "-"
    spread = row.spread(name)
    return amount(row.median(name), row.unit) + (f" ±{spread:.0%}" if spread else "")


def line(row):
    ratio = f"{median(row.ratios):.2f}" if row.ratios else "-"
    reach = f"{row.reach:.2f}" if isinstance(row.reach, float) else row.reach or ""
    met = {None: "", True: "met", False: "MISSED"}[row.met]
    title = row.title if len(row.title) <= WIDTH else row.title[: WIDTH - 3] + "..."
    cells = "".join(f"{cell(row, name):>16}" for name in FRAMEWORKS)
    return f"{title:<{WIDTH}}{cells}{ratio:>9}   {reach:<15}{met:<7}{row.note}".rstrip()


def heading():
    titles = "".join(f"{name:>16}" for name in ("NumPy by hand", "tinytorch", "PyTorch"))
    return f"{'':<{WIDTH}}{titles}{'ratio':>9}   {'to reach':<15}"


def processor():
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor()


def settings(bench):
    import numpy
    import torch

    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    theirs = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    malloc = " ".join(f"{k}={v}" for k, v in MALLOC.items()) if bench.malloc else "as the system has it"
    return (
        f"{processor()}, core {bench.core}, one thread; Python {platform.python_version()}\n"
        f"NumPy {numpy.__version__} with {blas['name']} {blas['version']}; PyTorch {torch.__version__} eager with {theirs}\n"
        f"malloc for all three: {malloc}\n"
        f"{bench.rounds} rounds of processor time, interleaved, one process for each framework and task; results compared first\n"
        "median ± half the range between the quartiles; ratio: tinytorch to PyTorch, median over the rounds"
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(names())}; all when none is given")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="a few short rounds: a look, not a measurement")
    parser.add_argument("--malloc", choices=("tuned", "system"), default="tuned")
    parser.add_argument("--json", type=Path, help="write all samples to this file, too")
    chosen = parser.parse_args()
    if unknown := set(chosen.tasks) - set(names()):
        parser.error(f"no task {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    rounds, seconds = (3, 0.03) if chosen.quick else (chosen.rounds, 0.15)
    bench = Bench(rounds=rounds, seconds=seconds, malloc=chosen.malloc == "tuned")
    print(settings(bench), "", heading(), sep="\n", flush=True)
    found = []
    for name in chosen.tasks or names():
        for row in bench.rows(name):
            print(line(row), flush=True)
            found.append(row)
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(row) for row in found], indent=1))
    missed = [row.title for row in found if row.met is False]
    print("\nmissed: " + "; ".join(missed) if missed else "\nall figures met")


if __name__ == "__main__":
    sys.exit(main())

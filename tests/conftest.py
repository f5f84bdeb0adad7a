"""Settings of every test, here and in a workspace: one BLAS thread, so that timings and sums are the same everywhere."""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

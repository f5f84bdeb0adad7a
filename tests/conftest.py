"""Settings of every test, here and in a workspace, so that it does the same however it was started."""

import os
import signal

# One BLAS thread: timings and sums are the same everywhere.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# A run that was started in the background ignores Ctrl-C, and so would the programs that some tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

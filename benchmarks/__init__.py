"""tinytorch beside PyTorch and bare NumPy, in one run: `python -m benchmarks`, or `make bench`.

One file in `tasks/` is one task; see `tasks/__init__.py` for what it holds.
"""

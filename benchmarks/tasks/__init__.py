"""One file, one task. Its docstring is the row's title; a new file is found by itself.

A timed task says what a step is, three times over:

    steps = 10                      # how many steps are run before the results are compared (default 10)
    reach = 1.05                    # the share of PyTorch's time that tinytorch is to stay under (optional)

    def data(rng): ...              # the arrays that all three start from, as a dict
    def numpy(data): ...            # (step, result): the floor, with gradients derived by hand
    def framework(t, data): ...     # (step, result): one program for both libraries, `t` is tinytorch or torch

`step()` is what is timed, and `result()` gives the arrays that must agree after `steps` steps. Where the two libraries need
different programs, write `tinytorch(data)` and `torch(data)` in place of `framework`.

A task of another kind (memory, imports, growth) has `rows(bench)`, which returns its `Row`s.
"""

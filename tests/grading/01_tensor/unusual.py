"""Correct but unusual submissions of module 01: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def strides_by_a_cumulative_product(work):
    work.define(
        "contiguous_strides",
        """
        def contiguous_strides(shape):
            sizes = [max(n, 1) for n in tuple(shape)[1:]] + [1] if len(shape) else []
            return tuple(int(n) for n in np.cumprod(sizes[::-1])[::-1])
        """,
    )


@unusual
def recursion_and_type_hints(work):
    work.define(
        "contiguous_strides",
        '''
        def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
            """Another docstring."""
            match tuple(shape):
                case ():
                    return ()
                case (_,):
                    return (1,)
                case (_, *rest):
                    below: tuple[int, ...] = contiguous_strides(tuple(rest))
                    return (below[0] * max(rest[0], 1), *below)
        ''',
    )


@unusual
def an_instance_instead_of_a_function(work):
    work.append(
        "01-2",
        """
        class Strides:
            def __call__(self, shape):
                steps = [1]
                for size in shape[:0:-1]:
                    steps.insert(0, steps[0] * max(size, 1))
                return tuple(steps[: len(shape)])

        contiguous_strides = Strides()
        """,
    )


@unusual
def a_global_cache_and_a_counter(work):
    work.define(
        "contiguous_strides",
        """
        asked, known = 0, {}

        def contiguous_strides(shape):
            global asked
            asked += 1
            if (key := tuple(shape)) not in known:
                step = 1
                known[key] = tuple([(step, step := step * max(n, 1))[0] for n in reversed(key)][::-1])
            return known[key]
        """,
    )


@unusual
def float64_inside(work):
    work.define(
        "sigmoid",
        """
        @partial(Operation, floating=True)
        def sigmoid(x):
            wide = np.float128 if x.dtype.itemsize > 4 and hasattr(np, "float128") else np.float64
            return (0.5 * (1 + np.tanh(x.astype(wide) / 2))).astype(x.dtype)
        """,
    )


@unusual
def gathers_in_a_loop_over_all_places(work):
    work.define(
        "gather",
        """
        @Operation
        def gather(x, *, dim, index):
            checked_index(index, dim, x.shape)
            out = np.empty(index.shape, x.dtype)
            for place in np.ndindex(*index.shape):
                source = list(place)
                source[dim] = index[place]
                out[place] = x[tuple(source)]
            return out
        """,
    )


@unusual
def broadcasts_with_zip_longest(work):
    work.define(
        "broadcast_shapes",
        """
        def broadcast_shapes(*shapes):
            from itertools import zip_longest
            from functools import reduce

            def two(a, b):
                if a == b or b == 1:
                    return a
                if a == 1:
                    return b
                raise RuntimeError(f"shapes {', '.join(map(str, shapes))} do not broadcast: sizes {min(a, b)} and {max(a, b)}")

            columns = zip_longest(*[tuple(shape)[::-1] for shape in shapes], fillvalue=1)
            return tuple(reduce(two, column) for column in columns)[::-1]
        """,
    )


@unusual
def one_line_of_numpy_with_its_warnings(work):
    work.define(
        "var",
        """
        @Operation
        def var(x, *, dim=None, correction=1, keepdim=False):
            check_floating("var", x)
            return np.asarray(np.var(x, axis=axes(dim), ddof=min(correction, count_of(x, dim)), keepdims=keepdim))
        """,
    )


@unusual
def writes_everywhere(work):
    work.prepend(
        "01-5",
        """
        import logging, sys, warnings
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        print("starting")
        print("\\N{SNOWMAN}", file=sys.stderr)
        warnings.warn("this is only a warning")
        """,
    )
    work.define(
        "infer_shape",
        """
        def infer_shape(shape, count):
            import sys, warnings
            print("shape", shape, "count", count)
            warnings.warn(f"shape {shape}")
            print("on stderr", file=sys.stderr)
            rest = count
            for n in shape:
                if n > 0:
                    rest, left = divmod(rest, n)
            total = 1
            for n in shape:
                total *= abs(n)
            if shape.count(-1) > 1 or any(n < -1 for n in shape) or (-1 in shape and (total == 0 or count % total)):
                raise RuntimeError(f"{count} elements do not fit in shape {shape}: at most one size may be -1")
            if -1 not in shape and total != count:
                raise RuntimeError(f"{count} elements do not fit in shape {shape}")
            return tuple(count // total if n == -1 else n for n in shape)
        """,
    )


@unusual
def numpy_under_another_name_and_unicode_names(work):
    work.insert(
        "import numpy as \u6570, numpy.random as \u4e71\nfrom numpy import stack as \u5c64\n\u03c0 = \u6570.pi", "01-1"
    )
    work.define(
        "where",
        """
        @Operation
        def where(condition, a, b):
            \u03b1, \u03b2 = promote(a, b)
            return \u6570.where(\u6570.logical_not(condition), \u03b2, \u03b1)
        """,
    )


@unusual
def indented_with_tabs_on_windows(work):
    for cell in work.solutions():
        lines = cell["source"].split("\n")
        blanks = [len(line) - len(line.lstrip(" ")) for line in lines]
        # only the leading whole steps: lines that continue a string or a call stay as they are
        lines = ["\t" * (n // 4) + " " * (n % 4) + line.lstrip(" ") for n, line in zip(blanks, lines, strict=True)]
        cell["source"] = "\r\n".join(lines)


@unusual
def timed_and_captured_cells(work):
    work.solution("01-2")["source"] = "%%capture\n" + work.solution("01-2")["source"]
    work.solution("01-5")["source"] = "%%time\n" + work.solution("01-5")["source"]
    work.append("01-3", "%time promote_types(int64, float32)\n!echo a shell\npromote_types?")


@unusual
def tests_at_the_end(work):
    tests = work.tests()
    work.cells[:] = [cell for cell in work.cells if cell not in tests] + tests[::-1]


@unusual
def errors_in_other_words(work):
    """Each task that raises, with the words and numbers that its docstring states and no others of the reference's."""
    for old, new in (
        (
            'f"ragged list: item 0 has shape {shapes[0]}, item {i} has shape {shape}; make them equal, "\n'
            '                "e.g. by padding"',
            'f"Oh: item 0 has shape {shapes[0]}, item {i} has shape {shape}"',
        ),
        ("raise error(f", "raise error(f'what?' or f"),
        ("f\"shapes {', '.join(map(str, shapes))} do not broadcast: dimension -{k} has sizes \"", 'f"{shapes}: "'),
        ('f"expected sizes whose product is {count}, at most one of them', 'f"{count}? {count} it should be, not'),
        ('f"permute: expected each dimension of shape {x.shape} once, got {tuple(dims)}"', '"no"'),
        ('f"split: expected sizes that add up to {length}, got {list(sizes)}"', 'f"{length}!"'),
        (
            'f"matmul: expected at least one dimension each, and the last size of the left to equal the second last "',
            '""',
        ),
        (
            'f"(or only) size of the right, got shapes {a.shape} and {b.shape}: transpose one?"',
            'f"{a.shape} @ {b.shape}"',
        ),
        (
            'f"expand: expected at least {x.ndim} dimensions, and the sizes of {x.shape} where they are not 1, got "',
            '""',
        ),
        (
            'f"matmul: expected one dtype, got {a.dtype} and {b.dtype}: convert one with .to(...)"',
            'f"{a.dtype}/{b.dtype}"',
        ),
    ):
        assert sum(old in cell["source"] for cell in work.solutions()) == 1, old
        for cell in work.solutions():
            cell["source"] = cell["source"].replace(old, new)

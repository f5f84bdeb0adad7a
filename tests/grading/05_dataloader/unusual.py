"""Correct but unusual submissions of module 05: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def split_by_differences_of_rounded_sums(work):
    """Whole lengths by largest remainders is another rule; here the rest is dealt out by divmod, not in a loop."""
    work.define(
        "split_lengths",
        """
        def split_lengths(n, lengths):
            from fractions import Fraction
            parts = list(lengths)
            if abs(sum(parts) - 1) < 1e-9:
                if min(parts) < 0:
                    raise ValueError("a part of less than nothing")
                parts = [int(n * f) for f in parts]
                every, rest = divmod(n - sum(parts), len(parts))
                parts = [p + every + (i < rest) for i, p in enumerate(parts)]
            if Fraction(sum(parts)) != n:
                raise ValueError("does not fit", parts, n)
            return parts
        """,
    )


@unusual
def located_by_walking(work):
    work.define(
        "locate",
        """
        def locate(ends, index):
            print("looking for", index)
            if index < 0:
                index = ends[-1] + index
            if index < 0 or index >= ends[-1]:
                raise IndexError(index)
            begin = 0
            for which, end in enumerate(ends):
                if index < end:
                    return which, index - begin
                begin = end
        """,
    )


@unusual
def batches_from_a_list_that_is_filled(work):
    work.define(
        "batched",
        """
        def batched(indices, batch_size, drop_last=False):
            held = []
            for index in indices:
                held.append(index)
                if len(held) == batch_size:
                    yield held
                    held = []
            if held and not drop_last:
                yield held
        """,
    )
    work.define(
        "count_batches",
        "def count_batches(n, size, drop_last=False):\n    return sum(1 for _ in batched(range(n), size, drop_last))",
    )


@unusual
def collated_by_a_table_of_kinds(work):
    work.define(
        "default_collate",
        """
        def default_collate(samples):
            def stacked(arrays):
                arrays = [np.asarray(a) for a in arrays]
                common = stack([wrap(a.reshape(-1)[:1]) for a in arrays]).array.dtype
                if any(a.shape != arrays[0].shape for a in arrays):
                    raise RuntimeError("do try pad_collate")
                return wrap(np.concatenate([a[None].astype(common) for a in arrays]))
            def fields(rows):
                if min(map(len, rows)) != max(map(len, rows)):
                    raise RuntimeError("lengths differ: use pad_collate")
                made = list(map(default_collate, map(list, zip(*rows))))
                return rows[0]._make(made) if getattr(rows[0], "_make", None) else made
            def keyed(found):
                batch = copy.copy(found[0])
                for k in found[0]:
                    batch[k] = default_collate([f[k] for f in found])
                return batch
            kinds = {
                (str, bytes): list,
                Tensor: lambda found: stacked(t.numpy() for t in found),
                (np.ndarray, np.generic): stacked,
                bool: lambda found: wrap(np.array(found, dtype=bool)),
                int: lambda found: wrap(np.array(found, dtype="float32" if any(map(is_float, found)) else "int64")),
                float: lambda found: wrap(np.array(found, dtype="float64")),
                dict: keyed,
                (tuple, list): fields,
            }
            is_float = lambda number: isinstance(number, float)
            for kind, make in kinds.items():
                if isinstance(samples[0], kind):
                    return make(samples)
            raise TypeError(type(samples[0]))
        """,
    )


@unusual
def padded_by_concatenation(work):
    work.define(
        "pad",
        """
        def pad(sequences, padding_value=0, max_length=None):
            rows = [np.array(s.numpy() if isinstance(s, Tensor) else s) for s in sequences]
            rows = [r if max_length is None else r[:max_length] for r in rows]
            longest = max(map(len, rows))
            def filled(r):
                return np.concatenate([r, np.full((longest - len(r), *r.shape[1:]), padding_value, r.dtype)])
            return np.stack([filled(r) for r in rows]), np.fromiter((len(r) for r in rows), dtype=np.int64)
        """,
    )


@unusual
def targets_by_where(work):
    work.define(
        "next_token_targets",
        """
        def next_token_targets(tokens, lengths, ignore_index=-100):
            later = np.arange(tokens.shape[1] - 1)[None, :] + 1
            real = later < np.reshape(lengths, (-1, 1))
            return tokens[:, :-1], np.where(real, tokens[:, 1:], ignore_index)
        """,
    )


@unusual
def generator_swapped_instead_of_reseeded(work):
    """The state is kept by hand with get_state and set_state, and a plain loop reads."""
    work.define(
        "fetch",
        """
        def fetch(dataset, indices, collate_fn, seed):
            from contextlib import ExitStack
            with ExitStack() as after:
                after.callback(default_generator.set_state, default_generator.get_state())
                default_generator.manual_seed(seed)
                try:
                    many = dataset.__getitems__
                except AttributeError:
                    many = lambda wanted: list(map(dataset.__getitem__, wanted))
                return collate_fn(many(indices))
        """,
    )


@unusual
def images_by_fancy_indices(work):
    work.define(
        "horizontal_flip", "def horizontal_flip(image):\n    return image[..., np.arange(image.shape[-1])[::-1]]"
    )
    work.define(
        "crop_at",
        """
        def crop_at(image, size, top, left, padding=0):
            c, h, w = image.shape
            canvas = np.zeros((c, h + 2 * padding, w + 2 * padding), image.dtype)
            canvas[:, padding:padding + h, padding:padding + w] = image
            if top < 0 or left < 0 or top + size > h + 2 * padding or left + size > w + 2 * padding:
                raise ValueError("outside")
            return np.take(np.take(canvas, range(top, top + size), 1), range(left, left + size), 2)
        """,
    )


@unusual
def idx_by_struct(work):
    work.define(
        "parse_idx",
        """
        def parse_idx(data):
            import struct
            try:
                zero, kind, n = struct.unpack_from(">HBB", data)
                shape = struct.unpack_from(f">{n}I", data, 4)
            except struct.error as error:
                raise ValueError("not an idx file") from error
            if zero:
                raise ValueError("not an idx file")
            if kind != 8:
                raise ValueError(f"another type: {kind}")
            body, size = memoryview(data)[4 + 4 * n:], int(np.prod(shape, dtype=np.int64))
            if len(body) < size:
                raise ValueError("truncated")
            if len(body) > size:
                raise ValueError("too long")
            return np.array(body, dtype=np.uint8).reshape(shape)
        """,
    )


@unusual
def windows_by_range(work):
    """The places of all windows as a range, which knows negative indices; the range's own error has other words."""
    work.define(
        "window_count",
        "def window_count(n, length, stride):\n    return len(range(0, n - length, stride))",
    )
    work.define(
        "window_start",
        "def window_start(index, count, stride):\n    return range(0, count * stride, stride)[index]",
    )
    work.define(
        "shifted_pair",
        """
        def shifted_pair(tokens, start, length):
            both = np.stack([tokens[start:start + length], tokens[start + 1:start + length + 1]]).astype(np.int64)
            return tuple(wrap(row) for row in both.copy())
        """,
    )

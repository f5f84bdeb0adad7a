"""Correct but unusual submissions of module 09: each function changes a finished `Work` in one way."""

from tests.grading.work import unusual


@unusual
def convolves_by_einsum_in_double(work):
    work.define(
        "convolve",
        """
        def convolve(x, weight, stride=(1, 1), dilation=(1, 1)):
            views = windows(x, weight.shape[2:], stride, dilation).astype(np.float64)
            return np.einsum("ncyxij,fcij->nfyx", views, weight.astype(np.float64), optimize=True).astype(x.dtype)
        """,
    )


@unusual
def convolves_one_weight_at_a_time(work):
    work.define(
        "convolve",
        """
        def convolve(x, weight, stride=(1, 1), dilation=(1, 1)):
            "A sum of shifted images, each mixed by a small matrix."
            views = windows(x, weight.shape[2:], stride, dilation)
            total = 0
            for i, j in np.ndindex(*weight.shape[2:]):
                total = total + np.tensordot(views[..., i, j], weight[:, :, i, j], (1, 1))
            return np.moveaxis(total, -1, 1)
        """,
    )


@unusual
def windows_by_numpys_own_function(work):
    work.define(
        "windows",
        """
        def windows(x, kernel, stride=(1, 1), dilation=(1, 1)):
            spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
            every = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(2, 3))
            return every[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
        """,
    )


@unusual
def errors_in_other_words(work):
    work.define(
        "output_size",
        """
        def output_size(n, kernel, stride=1, padding=0, dilation=1):
            reach, length = 1 + (kernel - 1) * dilation, padding + n + padding
            if reach > length:
                raise RuntimeError(f"Oops: {length} cells are fewer than {reach}")
            return len(range(0, length - reach + 1, stride))
        """,
    )


@unusual
def gradients_by_scattering_columns(work):
    work.define(
        "input_gradient",
        """
        def input_gradient(g, weight, shape, stride=(1, 1), dilation=(1, 1)):
            out = np.zeros(shape, g.dtype)
            index = np.arange(int(np.prod(shape))).reshape(shape)
            places = windows(index, weight.shape[2:], stride, dilation)
            sent = np.einsum("nfyx,fcij->ncyxij", g, weight)
            np.add.at(out.reshape(-1), places.reshape(-1), sent.reshape(-1))
            return out
        """,
    )


@unusual
def pools_by_sorting_windows(work):
    work.define(
        "max_pool_forward",
        """
        def max_pool_forward(x, kernel, stride, dilation=(1, 1)):
            views = windows(x, kernel, stride, dilation)
            return views.reshape(*views.shape[:4], -1).max(-1)
        """,
    )
    work.define(
        "max_pool_backward",
        """
        def max_pool_backward(g, x, out, kernel, stride, dilation=(1, 1)):
            index = np.arange(x.size).reshape(x.shape)
            rows, places = (windows(a, kernel, stride, dilation).reshape(*out.shape, -1) for a in (x, index))
            first = np.take_along_axis(places, rows.argmax(-1)[..., None], -1)
            dx = np.zeros(x.size, x.dtype)
            np.add.at(dx, first.reshape(-1), g.reshape(-1))
            return dx.reshape(x.shape)
        """,
    )

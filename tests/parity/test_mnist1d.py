"""Our generator of MNIST-1D beside the published package: the same signals for the same seed."""

import numpy as np
import pytest
from mnist1d import data as published

from tinytorch.datasets import mnist1d

pytestmark = [pytest.mark.parity, pytest.mark.modules(9)]


@pytest.mark.parametrize(("count", "seed"), [(5000, 42), (200, 0), (100, 7)])
def test_gives_what_the_published_generator_gives(count, seed):
    args = published.get_dataset_args()
    args.num_samples, args.seed = count, seed
    theirs = published.make_dataset(args)
    signals, labels = mnist1d(count, seed)
    np.testing.assert_array_equal(labels, np.concatenate([theirs["y"], theirs["y_test"]]))
    np.testing.assert_allclose(signals, np.concatenate([theirs["x"], theirs["x_test"]]), rtol=0, atol=1e-6)

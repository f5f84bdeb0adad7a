"""Nothing public without a comparison: every name that tinytorch shows has a row in the tables or a test by name.

When this fails, a new operation has come without one: add a row to `table.py`, or name here the test that covers it.
"""

import types

import pytest
import torch
from table import CREATION, IN_PLACE, TABLE
from test_interface import ANSWERS
from test_layers import INITS, LAYERS

import tinytorch
import tinytorch.nn
import tinytorch.nn.functional

# What the course promises: these names must exist, as functions or as methods, and be compared.
PROMISED = """
    tensor as_tensor from_numpy zeros ones full empty arange linspace eye zeros_like ones_like full_like empty_like rand
    randn randint randperm rand_like randn_like normal bernoulli multinomial manual_seed Generator get_rng_state
    set_rng_state neg abs sign exp log log1p expm1 sqrt rsqrt square reciprocal sin cos tanh sigmoid erf relu floor ceil
    round clamp isnan isinf isfinite logical_not add sub mul div pow maximum minimum remainder floor_divide eq ne lt le gt
    ge logical_and logical_or logical_xor where reshape flatten transpose permute t squeeze unsqueeze broadcast_to narrow
    select movedim diagonal tril triu flip roll split chunk unbind cat stack index_select gather scatter scatter_add
    take_along_dim masked_select nonzero sum mean var std prod max min amax amin argmax argmin any all cumsum sort argsort
    topk norm logsumexp softmax log_softmax allclose equal isclose matmul mm bmm dot outer einsum no_grad enable_grad
    set_grad_enabled inference_mode is_grad_enabled result_type float32 float64 float16 int8 int16 int32 int64 uint8 bool
    Tensor autograd nn
""".split()
PROMISED_METHODS = """
    view expand contiguous repeat masked_fill add_ sub_ mul_ div_ zero_ fill_ copy_ clamp_ exp_ masked_fill_ normal_
    uniform_ requires_grad_ detach_ size dim numel stride is_contiguous element_size item tolist numpy to float double half
    int long bool type_as detach clone cpu new_zeros new_ones register_hook retain_grad backward
""".split()
PROMISED_NN = """
    Module Parameter Linear Identity Flatten Sequential ModuleList ModuleDict ReLU LeakyReLU GELU SiLU Sigmoid Tanh Softmax
    LogSoftmax init functional
""".split()

# Public names that no row can hold, and where they are compared instead.
ELSEWHERE = {
    "test_random.py": """rand randn randint randperm rand_like randn_like normal bernoulli multinomial empty empty_like
        manual_seed Generator default_generator randint_like get_rng_state set_rng_state uniform_ normal_ seed initial_seed""",
    "test_interface.py": """no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_tensor
        is_floating_point new_empty numel pi e inf nan itemsize is_cuda data_ptr retain_grad register_hook requires_grad_ detach_ is_leaf requires_grad grad grad_fn data shape
        size ndim dim dtype device numel stride is_contiguous element_size nbytes T mT item tolist numpy backward""",
    "test_promotion.py": "float16 half float32 float float64 double int8 int16 short int32 int int64 long uint8 bool dtype",
    "test_layers.py": """Module Parameter ModuleList ModuleDict Sequential calculate_gain zeros_ ones_ constant_ eye_
        init functional parameter UninitializedParameter CosineSimilarity PairwiseDistance elu selu celu mish hardtanh
        relu6 hardsigmoid hardswish threshold softplus hardshrink softshrink softsign tanhshrink logsigmoid softmin glu
        prelu normalize cosine_similarity pairwise_distance""",
    "test_losses.py": """mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
        binary_cross_entropy_with_logits kl_div MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss
        BCEWithLogitsLoss KLDivLoss""",
    "test_more.py": "one_hot pad_sequence nelement",
    "test_convolutions.py": """conv1d conv2d conv_transpose1d conv_transpose2d unfold fold pad interpolate pixel_shuffle pixel_unshuffle
        max_pool1d max_pool2d avg_pool1d avg_pool2d lp_pool1d lp_pool2d adaptive_avg_pool1d adaptive_avg_pool2d
        adaptive_max_pool1d adaptive_max_pool2d dropout1d dropout2d instance_norm Conv1d Conv2d ConvTranspose1d ConvTranspose2d
        Unfold Fold ConstantPad1d ConstantPad2d ZeroPad1d ZeroPad2d ReflectionPad1d ReflectionPad2d ReplicationPad1d
        ReplicationPad2d CircularPad1d CircularPad2d MaxPool1d MaxPool2d AvgPool1d AvgPool2d LPPool1d LPPool2d
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d Upsample PixelShuffle PixelUnshuffle
        Dropout1d Dropout2d InstanceNorm1d InstanceNorm2d ReLU6""",
    "test_normalization.py": """Dropout BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm dropout batch_norm layer_norm
        group_norm rms_norm""",
    "test_questions.py": "Size finfo iinfo",
    "test_serialization.py": "save load",
    "test_database.py": """clamp_min clamp_max deg2rad rad2deg float_power positive rsub sgn signbit isposinf isneginf isin inner kron
        cross baddbmm addbmm addmv addr vdot block_diag cdist atleast_1d atleast_2d atleast_3d column_stack
        dstack tensor_split hsplit vsplit dsplit fliplr flipud rot90 diag_embed diagflat triu_indices
        tril_indices argwhere unravel_index std_mean aminmax diff nanmean dist trapezoid trapz msort
        bucketize histc unique_consecutive asin arcsin acos arccos atan arctan asinh arcsinh acosh arccosh
        atanh arctanh atan2 arctan2 hypot fmod copysign fmax fmin heaviside logaddexp logaddexp2 exp2 sinc
        logit xlogy erfc erfinv lgamma digamma polygamma mvlgamma""",
    "modules, no operations": "nn autograd utils functional optim data typing version device complex64 cuda",
}
# Names with no counterpart in PyTorch: what the course adds, with the test that covers it.
OURS_ALONE = {
    "focal_loss": "tests/04_losses",
    "FocalLoss": "tests/04_losses",
    "fan_in_and_fan_out": "tests/03_layers",
    "kaiming_std": "tests/03_layers",
    "fill_normal_": "tests/03_layers",
    "fill_uniform_": "tests/03_layers",
    "Operation": "tests/01_tensor",
    "wrap": "tests/01_tensor",
    "array": "tests/01_tensor",
}


def public(holder):
    """The public names that can be had now: later modules may not be built yet."""
    for name in getattr(holder, "__all__", dir(holder)):
        if name.startswith("_"):
            continue
        try:
            value = getattr(holder, name)
        except (AttributeError, ImportError):
            continue
        if not isinstance(value, types.ModuleType):
            yield name


def covered():
    rows = {name.rpartition(".")[2] for table in (TABLE, CREATION, IN_PLACE) for name in table}
    rows |= {name.partition(" ")[0] for name in (*LAYERS, *ANSWERS)} | set(INITS) | set(OURS_ALONE)
    return rows.union(*(names.split() for names in ELSEWHERE.values()))


HOLDERS = {
    "tinytorch": (tinytorch, torch),
    "Tensor": (tinytorch.Tensor, torch.Tensor),
    "nn": (tinytorch.nn, torch.nn),
    "nn.functional": (tinytorch.nn.functional, torch.nn.functional),
    "nn.init": (tinytorch.nn.init, torch.nn.init),
}


@pytest.mark.parametrize("where", HOLDERS)
def test_every_public_name_is_compared(where):
    missing = sorted(set(public(HOLDERS[where][0])) - covered())
    assert not missing, f"without a comparison: {' '.join(missing)}"


@pytest.mark.parametrize("where", HOLDERS)
def test_every_public_name_is_pytorchs(where):
    ours, theirs = HOLDERS[where]
    strange = [n for n in public(ours) if not hasattr(theirs, n) and n not in OURS_ALONE]
    assert not strange, f"PyTorch has no {' '.join(strange)}"


def test_every_promised_name_exists():
    missing = [n for n in PROMISED if not hasattr(tinytorch, n)]
    missing += [f"Tensor.{n}" for n in PROMISED_METHODS if not hasattr(tinytorch.Tensor, n)]
    missing += [f"nn.{n}" for n in PROMISED_NN if not hasattr(tinytorch.nn, n)]
    assert not missing, f"missing: {' '.join(missing)}"


def test_every_operation_is_a_method_where_pytorch_has_one():
    names = [n for n in PROMISED if n in TABLE and hasattr(torch.Tensor, n)]
    missing = [n for n in names if not hasattr(tinytorch.Tensor, n)]
    assert not missing, f"no method: {' '.join(missing)}"


def test_every_row_names_something():
    def exists(name):
        return hasattr(tinytorch, name) or hasattr(tinytorch.Tensor, name) or hasattr(tinytorch.nn.functional, name)

    special = ("getitem", "setitem")
    rows = [n for table in (TABLE, CREATION, IN_PLACE) for n in table if not n.startswith("operator.")]
    unknown = [n for n in rows if n not in special and not exists(n.rpartition(".")[2])]
    assert not unknown, f"rows for names that tinytorch lacks: {' '.join(unknown)}"

"""Layers and losses as functions of tensors: `from tinytorch.nn import functional as F`.

Lazy: a name is looked for in the file that builds it when it is first used.
"""

from .. import _lazy

# file: (module that builds it, the names that it has to offer; `relu=functional_relu`: the file's name for it)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "tensor": (1, "sigmoid tanh"),
        "nn.layers": (3, "linear gelu"),
        "nn.activation": (
            3,
            """
            relu=functional_relu leaky_relu=functional_leaky_relu silu=functional_silu
            softmax=functional_softmax log_softmax=functional_log_softmax
            elu selu celu mish hardtanh relu6 hardsigmoid hardswish threshold softplus hardshrink softshrink softsign
            tanhshrink logsigmoid softmin glu prelu normalize cosine_similarity pairwise_distance
            """,
        ),
        "nn.losses": (
            4,
            """
            mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy
            binary_cross_entropy_with_logits kl_div focal_loss=sigmoid_focal_loss
            """,
        ),
        "nn.normalization": (8, "dropout=functional_dropout batch_norm layer_norm group_norm rms_norm"),
        "nn.conv": (9, "conv2d"),
        "nn.conv_layers": (9, "conv1d conv_transpose1d conv_transpose2d unfold fold"),
        "nn.padding": (9, "pad"),
        "nn.pooling": (
            9,
            """
            max_pool1d max_pool2d avg_pool1d avg_pool2d lp_pool1d lp_pool2d
            adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
            """,
        ),
        "nn.upsampling": (9, "interpolate pixel_shuffle pixel_unshuffle dropout1d dropout2d instance_norm"),
        "_more": (1, "one_hot"),
        "nn.embeddings": (11, "embedding"),
        "nn.attention": (12, "scaled_dot_product_attention"),
    },
)

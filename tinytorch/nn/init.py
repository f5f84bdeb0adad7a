"""Starting values for weights: `nn.init.xavier_uniform_(layer.weight)`, looked up when first used."""

from .. import _lazy

# file: (module that builds it, the names that it has to offer; `relu=functional_relu`: the file's name for it)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "nn.layers": (
            3,
            """
            calculate_gain xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ uniform_
            normal_ trunc_normal_
            constant_ ones_ zeros_ eye_ orthogonal_ _calculate_fan_in_and_fan_out=fan_in_and_fan_out
            """,
        ),
    },
)

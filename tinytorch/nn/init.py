"""Starting values for weights: `nn.init.xavier_uniform_(layer.weight)`. Built in module 03, looked up when first used."""

from .. import index, load

SOURCES = {
    "layers": (
        3,
        """
        calculate_gain xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ uniform_ normal_ trunc_normal_
        constant_ ones_ zeros_ eye_ orthogonal_ _calculate_fan_in_and_fan_out=fan_in_and_fan_out
        """,
    ),
}
NAMES = index(SOURCES)


def __getattr__(name):
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = load("tinytorch.nn", name, *NAMES[name])
    return value


def __dir__():
    return sorted(NAMES)

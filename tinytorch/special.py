"""The functions of `torch.special`, under its names."""

from . import _lazy

__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "_elementwise": (
            2,
            """
            digamma psi=digamma entr erfc erfcx erfinv exp2 gammaln=lgamma logit log_ndtr multigammaln=mvlgamma ndtr ndtri
            polygamma sinc xlog1py xlogy
            """,
        ),
        "nn.kernels": (3, "erf"),
        "nn.functional": "softmax log_softmax",
        "": "expit=sigmoid expm1 log1p round logsumexp",
    },
)

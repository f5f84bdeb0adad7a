"""Build your own PyTorch, module by module: `import tinytorch as torch`.

This facade is lazy: a name is looked for in the file that builds it when it is first used, so that importing costs
little, and works when only the first modules have been built. What is missing says which module builds it.
"""

from math import e, inf, nan, pi

from . import _lazy

__version__ = "0.1.0"

# file: (module that builds it, the names that it has to offer; `sum=total` is the file's `total` under PyTorch's name)
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "_tensor": (
            1,
            """
            Tensor device bool=bool_ uint8 int8 int16 short=int16 int32 int=int32 int64 long=int64 float16
            half=float16 float32 float=float32 float64 double=float64 complex64
            """,
        ),
        "_factories": (
            1,
            """
            zeros ones full arange empty linspace logspace eye full_like zeros_like ones_like empty_like
            """,
        ),
        "random": (
            1,
            """
            Generator default_generator manual_seed rand randn randint randperm normal rand_like randn_like
            randint_like bernoulli multinomial get_rng_state set_rng_state
            """,
        ),
        "tensor": (
            1,
            """
            Operation tensor promote_types result_type broadcast_shapes clone mul multiply=mul true_divide=div
            absolute neg negative=neg square exp log sqrt tanh maximum minimum eq ne lt le gt ge not_equal=ne less=lt
            less_equal=le greater=gt greater_equal=ge sigmoid where masked_fill reshape permute transpose
            swapaxes=transpose swapdims=transpose unsqueeze gather scatter_add narrow sum=total argmax mean logsumexp
            matmul cat concat=cat concatenate=cat stack split chunk argsort sort topk abs=absolute pow=power
            """,
        ),
        "operations": (
            1,
            """
            sign floor ceil trunc fix=trunc sin cos tan sinh cosh expm1 log1p log2 log10 reciprocal isnan isinf
            isfinite floor_divide remainder logical_and logical_or logical_xor logical_not bitwise_and bitwise_or
            bitwise_xor bitwise_not squeeze flatten amax amin argmin prod cumsum as_tensor from_numpy is_tensor
            is_floating_point numel rsqrt round=rounded clamp clip=clamp add=add_scaled sub=sub_scaled
            subtract=sub_scaled div=divide divide lerp addcmul addcdiv frac nan_to_num isclose allclose equal diagonal
            _unfold=unfold _view=view tril triu flip roll as_strided t broadcast_to broadcast_tensors select unbind movedim
            moveaxis=movedim ravel unflatten _repeat=repeat tile repeat_interleave diag trace meshgrid hstack vstack
            scatter index_select index_add index_fill take_along_dim masked_select nonzero any=any_of all=all_of norm
            std var=variance var_mean max=max_of min=min_of median nansum count_nonzero unique bincount searchsorted
            mm bmm mv dot outer addmm tensordot einsum
            """,
        ),
        "_info": (1, "Size finfo iinfo"),
        "_more": (
            1,
            """
            clamp_min clamp_max deg2rad rad2deg float_power positive rsub sgn signbit isposinf isneginf isin inner kron
            cross baddbmm addbmm addmv addr vdot block_diag cdist atleast_1d atleast_2d atleast_3d column_stack dstack
            tensor_split hsplit vsplit dsplit fliplr flipud rot90 diag_embed diagflat triu_indices tril_indices argwhere
            unravel_index std_mean aminmax diff nanmean dist trapezoid trapz=trapezoid msort bucketize histc
            unique_consecutive
            """,
        ),
        "_elementwise": (
            2,
            """
            asin arcsin=asin acos arccos=acos atan arctan=atan asinh arcsinh=asinh acosh arccosh=acosh atanh
            arctanh=atanh atan2 arctan2=atan2 hypot fmod copysign fmax fmin heaviside logaddexp logaddexp2 exp2 sinc
            logit xlogy erfc erfinv lgamma digamma polygamma mvlgamma
            """,
        ),
        "serialization": (3, "save load"),
        "autograd": (2, "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled"),
        "nn.layers": (3, "relu softmax log_softmax"),
        "nn.kernels": (3, "erf"),
    },
    {
        "special": 2, "serialization": 3, "testing": 1, "backends": 0, "autograd": 0, "operations": 1, "random": 0, "nn": 0,
        "optim": 6, "data": 5, "utils": 0, "training": 7, "models": 9, "text": 10, "profiler": 14, "quantization": 15,
        "compression": 16, "cuda": 0, "kv_cache": 18, "benchmark": 19, "compiler": 20, "distributed": 21,
        "deploy": 22,
    },  # fmt: skip
    out="""
        abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax any arange
        arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin asin asinh atan atan2 atanh baddbmm
        bitwise_and bitwise_not bitwise_or bitwise_xor bmm bucketize cat ceil clamp clamp_max clamp_min clip
        column_stack concat concatenate copysign cos cosh cross cumsum deg2rad diag diff digamma div divide dot
        dstack eq erf erfc erfinv exp exp2 expm1 eye fix float_power floor floor_divide fmax fmin fmod frac full
        gather ge greater greater_equal gt heaviside histc hstack hypot index_add index_select inner isin
        isneginf isposinf kron le lerp less less_equal lgamma linspace log log10 log1p log2 log_softmax
        logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit logspace logsumexp lt
        masked_select matmul max maximum mean min minimum mm msort mul multiply mv mvlgamma nan_to_num nanmean
        nansum ne neg negative nonzero norm not_equal ones outer pow rad2deg reciprocal remainder round rsqrt
        scatter scatter_add searchsorted sgn sigmoid sign signbit sin sinc sinh softmax sort sqrt square stack
        std sub subtract take_along_dim tan tanh tensordot topk tril triu true_divide trunc var vdot vstack
        xlogy zeros
    """,
)

try:  # at once, because the file tinytorch/tensor.py and the function tinytorch.tensor have one name
    from .tensor import tensor
except ModuleNotFoundError as error:
    if error.name != "tinytorch.tensor":
        raise

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
        "tensor": (
            1,
            """
            Tensor Operation Generator tensor device default_generator manual_seed bool=bool_ uint8 int8
            int16 short=int16
            int32 int=int32 int64 long=int64 float16 half=float16 float32 float=float32 float64
            double=float64 complex64
            promote_types result_type broadcast_shapes zeros ones full arange rand randn randint randperm normal clone
            mul multiply=mul true_divide=div absolute neg negative=neg sign square floor ceil trunc fix=trunc
            exp log sqrt sin cos tan sinh cosh tanh expm1 log1p log2 log10 reciprocal isnan isinf isfinite
            floor_divide remainder maximum minimum eq ne lt le gt ge not_equal=ne less=lt less_equal=le
            greater=gt greater_equal=ge
            logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not
            sigmoid where masked_fill
            reshape permute transpose swapaxes=transpose swapdims=transpose squeeze unsqueeze flatten
            gather scatter_add narrow
            sum=total amax amin argmax argmin prod cumsum mean logsumexp matmul cat concat=cat
            concatenate=cat stack split chunk
            argsort sort topk abs=absolute pow=power
            """,
        ),
        "operations": (
            1,
            """
            as_tensor from_numpy empty linspace logspace eye full_like zeros_like ones_like empty_like
            rand_like randn_like randint_like
            bernoulli multinomial get_rng_state set_rng_state is_tensor is_floating_point numel
            rsqrt round=rounded clamp clip=clamp add=add_scaled sub=sub_scaled subtract=sub_scaled
            div=divide divide lerp addcmul addcdiv
            frac nan_to_num isclose allclose equal diagonal _unfold=unfold tril triu flip roll as_strided
            t broadcast_to broadcast_tensors
            select unbind movedim moveaxis=movedim ravel unflatten _repeat=repeat tile repeat_interleave
            diag trace meshgrid hstack vstack
            scatter index_select index_add index_fill take_along_dim masked_select nonzero
            any=any_of all=all_of norm std var=variance var_mean max=max_of min=min_of median nansum
            count_nonzero unique bincount
            searchsorted mm bmm mv dot outer addmm tensordot einsum
            """,
        ),
        "autograd": (2, "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled"),
        "nn.layers": (3, "relu softmax log_softmax"),
        "nn.kernels": (3, "erf"),
    },
    {
        "autograd": 0, "operations": 1, "nn": 0, "optim": 6, "data": 5, "utils": 0, "training": 7, "models": 9,
        "text": 10, "profiler": 14, "quantization": 15, "compression": 16, "cuda": 17, "kv_cache": 18, "benchmark": 19,
        "compiler": 20, "distributed": 21, "deploy": 22,
    },  # fmt: skip
)

try:  # at once, because the file tinytorch/tensor.py and the function tinytorch.tensor have one name
    from .tensor import tensor
except ModuleNotFoundError as error:
    if error.name != "tinytorch.tensor":
        raise

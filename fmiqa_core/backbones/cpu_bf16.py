"""bf16 on a processor with AVX512-BF16: linear layers and attention, which torch 2.14 computes slowly there, otherwise.

With it a network takes about a fifth less time in bf16 (AMD, Zen 4). On other processors, on GPUs, in other precisions, and
where a gradient is wanted, torch's own operations are left alone. With AMX, torch has kernels of its own. An Intel
processor whose AMX was held back gained nothing by it, and bf16 was slower than fp32 there either way.
"""

import contextlib
import functools

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

CACHED = 2**21  # logits computed together: these 4 MiB are still in the cache when softmax reads them
PACKED = WeakTensorKeyDictionary()


def faster(windows: Tensor) -> contextlib.AbstractContextManager:
    """Within it, a network that takes `windows` is computed with what is below, where that helps.

    For timm's transformers alone: convolutions gain nothing, and torch.nn.MultiheadAttention, which open_clip's are made
    of, leaves its quick way inside any such context.
    """
    return _Instead() if helps() and _fits(windows) else contextlib.nullcontext()


@functools.cache
def helps() -> bool:
    """Whether this processor is one of those, and torch has the operation."""
    return instructions() == ["AVX512-BF16"] and all(
        hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight")
    )


def instructions() -> list[str]:
    """What this processor multiplies bf16 with, as far as torch says: AMX, AVX512-BF16, both or none."""
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return [name for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16")) if found.get(flag)]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What F.linear gives, to the bit; that one copies the bias into the result and the weights into blocks at each call."""
    return torch.ops.mkldnn._linear_pointwise(x, _packed(weight), bias, "none", [], "")


def _packed(weight: Tensor) -> Tensor:
    """`weight` in oneDNN's blocks, kept as long as `weight` is there, and made anew where it has changed."""
    if weight.is_inference():  # whose changes torch does not count
        return weight
    state = weight.data_ptr(), weight._version
    if weight not in PACKED or PACKED[weight][0] != state:
        PACKED[weight] = state, torch.ops.mkldnn._reorder_linear_weight(weight.detach())
    return PACKED[weight][1]


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(D)) value, all (W, H, T, D), by matrix products over all heads of several windows.

    They round the logits to bf16, which torch's fused attention does not. Softmax does not change when all logits of a
    query change by the same, so a mean key is taken from every key first: what is left is small, and so is its rounding
    (Zhang et al., SageAttention, arXiv:2410.02367: "smoothing K"). Any key will do; the mean of every eighth is quick.
    """
    _, heads, tokens, size = query.shape
    result = query.new_empty(query.transpose(1, 2).shape).transpose(1, 2)  # heads side by side: what networks make of it
    step = max(1, CACHED // (heads * tokens**2))
    for q, k, v, out in zip(*(each.split(step) for each in (query, key, value, result)), strict=True):
        k = torch.sub(k, k[:, :, ::8].mean(-2, keepdim=True), out=torch.empty(k.shape, dtype=k.dtype)).flatten(0, 1)
        q, v = q.flatten(0, 1), v.flatten(0, 1)
        logits = torch.baddbmm(q.new_empty(1), q, k.transpose(1, 2), beta=0, alpha=size**-0.5)
        out.copy_((logits.softmax(-1) @ v).view(out.shape))
    return result


class _Instead(TorchFunctionMode):
    def __torch_function__(self, function, _types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if len(args) == 3 and _fits(*args):
            if function is F.linear and args[0].ndim > 1:
                return linear(*args)
            if function is F.scaled_dot_product_attention and _among_themselves(*args) and _plain(**kwargs):
                return attention(*args)
        return function(*args, **kwargs)


def _fits(*tensors: Tensor | None) -> bool:
    """All are bf16 on the CPU, and no gradient is wanted."""
    given = [tensor for tensor in tensors if tensor is not None]
    if not all(isinstance(tensor, Tensor) and tensor.dtype == torch.bfloat16 and tensor.is_cpu for tensor in given):
        return False
    return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given))


def _among_themselves(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """The tokens of an image attend to one another, with several heads."""
    return query.ndim == 4 and query.shape == key.shape == value.shape


def _plain(attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False) -> bool:
    return attn_mask is None and dropout_p == 0 and not is_causal and scale is None

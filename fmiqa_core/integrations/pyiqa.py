"""fmiqa's distances in pyiqa, for whoever has it: its licence (PolyForm Noncommercial 1.0.0) allows no commercial use.

>>> import pyiqa  # doctest: +SKIP
>>> from fmiqa_core.integrations.pyiqa import register
>>> register()  # doctest: +SKIP
>>> pyiqa.create_metric("fmiqa_cos", backbone="efficientnet_lite0")(distorted, reference)  # doctest: +SKIP
"""

from torch import Tensor, nn

from ..distances import DISTANCES
from ..metric import Metric

ARCH = "FMIQA"  # as pyiqa's table of networks calls it


class Network(nn.Module):
    """`Metric` in pyiqa's order of images; `options` are `Metric`'s."""

    def __init__(self, **options):
        super().__init__()
        self.metric = Metric(**options)

    def forward(self, distorted: Tensor, reference: Tensor) -> Tensor:
        """(B, 3, H, V) in [0, 1] twice -> (B,), with a gradient where pyiqa asks for one (`as_loss=True`)."""
        return self.metric.loss(reference, distorted, reduction="none")


def register() -> None:
    """Every distance NAME as `pyiqa.create_metric("fmiqa_NAME", ...)`, which takes `Metric`'s options; once or repeatedly.

    pyiqa's `device` moves the network; without one it takes CUDA where there is one, else the CPU.
    """
    from pyiqa.default_model_configs import DEFAULT_CONFIGS
    from pyiqa.utils.registry import ARCH_REGISTRY

    if ARCH not in ARCH_REGISTRY:
        ARCH_REGISTRY.register(Network, name=ARCH)
    for name in DISTANCES:
        options = {"type": ARCH, "distance": name}
        DEFAULT_CONFIGS[f"fmiqa_{name}"] = {
            "metric_opts": options,
            "metric_mode": "FR",
            "lower_better": True,
            "score_range": "0, ~",
        }

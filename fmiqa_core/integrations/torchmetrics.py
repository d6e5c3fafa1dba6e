"""A metric for torchmetrics (Apache-2.0; `pip install "fmiqa[torchmetrics]"`), for training loops and several processes."""

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from ..errors import unknown
from ..metric import Metric


class FeatureDistance(torchmetrics.Metric):
    """What `metric` says of all pairs since the last `reset`, in all processes: the mean, or one value for each pair.

    metric      `fmiqa_core.Metric`, with its backbone, distance, protocol and layers; None: with its defaults
    reduction   "mean": a number, of which a sum and a count are kept; "none": (B,) of all pairs, those of process 0 first
    options     torchmetrics' own, such as `sync_on_compute`

    Values carry no gradient: `Metric.loss` does. `to` moves the network as well.

    >>> from fmiqa_core import Metric, demo, images
    >>> ref = demo.reference("coffee", 224)
    >>> refs, dis = (images.to_tensor(image)[None] for image in (ref, demo.distort(ref, "blur", 3)))
    >>> distance = FeatureDistance(Metric("efficientnet_lite0", "cos", device="cpu"))
    >>> distance.update(dis, refs)
    >>> distance.update(refs, refs)
    >>> bool(distance.compute() == distance(dis, refs) / 2)
    True
    """

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    plot_lower_bound = 0.0

    def __init__(self, metric: Metric | None = None, reduction: str = "mean", **options):
        super().__init__(**options)
        if reduction not in ("mean", "none"):
            raise unknown("reduction", reduction, ("mean", "none"))
        self.metric = Metric() if metric is None else metric
        self.reduction = reduction
        if reduction == "none":
            self.add_state("values", [], dist_reduce_fx="cat")
        else:
            self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
            self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.to(self.metric.extractor.device)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Distorted images and their references, (B, 3, H, V) in [0, 1]; InputError as `Metric` raises it."""
        found = torch.as_tensor(self.metric(target, preds).score, dtype=torch.float64).reshape(-1)
        if self.reduction == "none":
            self.values.append(found.to(self.device, torch.float32))
        else:
            self.total += found.sum().item()
            self.count += len(found)

    def compute(self) -> Tensor:
        """The mean (), or with reduction "none" every pair's value (B,), fp32."""
        return dim_zero_cat(self.values) if self.reduction == "none" else self.total / self.count

"""What is asked for of a run of scores, and what of it determines the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import backbones, compare
from ..backbones import devices
from ..errors import InputError
from ..protocol import Protocol, get
from . import available, baselines, perturbations

BASELINES = "baselines"  # in the place of a backbone: no network, only the measures of `baselines`
# Raise when a change moves numbers, or when some may be wrong: old units are then computed anew.
ARITHMETIC = {"fp32": 2, "tf32": 1, "bf16": 3, "fp16": 2}  # before: threads that shared a network gave wrong scores


@dataclass(frozen=True)
class Settings:
    """How a dataset is scored. `checked` fills in what is left open."""

    backbone: str = "dinov2_vits14"
    distances: Sequence[str] | None = None  # None: all that the backbone can have, but swd
    protocol_name: str = "paper"
    perturbation: str = "none"
    device: str = "auto"
    precision: str = "fp32"
    batch_size: int | None = None  # windows per forward pass; None: what suits the device. Not a reason to compute again
    weights_file: Path | None = None  # of the user's own
    baseline_names: Sequence[str] = ()  # adds score_<baseline> (`baselines`), as distances
    variants: Mapping[str, Sequence[str]] | None = None  # protocol -> distances, in place of these two: from one forward pass

    @property
    def record(self) -> backbones.Backbone | None:
        """The backbone's; None where there is no network. InputError for an unknown name."""
        return None if self.backbone == BASELINES else backbones.get(self.backbone)

    def checked(self) -> "Settings":
        """The same, complete. InputError for what is unknown, not here, or does not go together."""
        record = self.record
        if record is None:
            found = self._without_network()
        else:
            found = self._with_variants(record) if self.variants is not None else self._with_distances(record)
        perturbations.get(self.perturbation)
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"The batch size must be at least 1, not {self.batch_size}.")
        devices.check(self.device, self.precision)
        names = tuple(dict.fromkeys(baselines.get(name).name for name in found.baseline_names))
        file = None if self.weights_file is None else Path(self.weights_file).absolute()  # workers may stand elsewhere
        return replace(found, baseline_names=names, weights_file=file)

    def _without_network(self) -> "Settings":
        usual = {"distances": (None, ()), "protocol_name": ("paper",), "precision": ("fp32",), "weights_file": (None,)}
        odd = [name for name, values in (usual | {"variants": (None,)}).items() if getattr(self, name) not in values]
        if odd:
            raise InputError(f"The baselines see whole images and have no network: leave out {', '.join(odd)}.")
        return replace(self, distances=(), baseline_names=self.baseline_names or available.at_hand())

    def _with_distances(self, record: backbones.Backbone) -> "Settings":
        wanted = compare.default_distances(record, self.protocol_name) if self.distances is None else self.distances
        return replace(self, distances=compare.check_distances(wanted, record, self.protocol_name))

    def _with_variants(self, record: backbones.Backbone) -> "Settings":
        if not self.variants:
            raise InputError("No protocol asked for.")
        found = {name: compare.check_distances(wanted, record, name) for name, wanted in self.variants.items()}
        every = ", ".join(found)
        if len({get(name).input for name in found}) != 1:
            raise InputError(f"The protocols {every} take different inputs: score them apart.")
        distances = tuple(dict.fromkeys(name for wanted in found.values() for name in wanted))
        return replace(self, variants=found, protocol_name=every, distances=distances)

    @property
    def by_protocol(self) -> Mapping[str, Sequence[str]]:
        """Protocol -> its distances; several of them ("variants") take the same input and share a forward pass."""
        return {self.protocol_name: self.distances} if self.variants is None else self.variants

    @property
    def protocols(self) -> dict[str, Protocol]:
        return {name: get(name) for name in self.by_protocol}

    def prefix(self, protocol_name: str) -> str:
        """What a column of scores begins with: nothing, or the protocol, where there are several."""
        return "" if self.variants is None else f"{protocol_name}/"

    def determining(self, sha256: str) -> dict:
        """All that determines the numbers, but the images: a unit's key, and stored with the scores.

        `sha256` is that of the weights. A word or an order changed here makes all stored units stale. Device and batch size
        move the last digits at most, and are no reason to compute again: each unit says what it was computed with.
        """
        found = {
            "arithmetic": ARITHMETIC[self.precision],
            "backbone": self.backbone,
            "weights": sha256,
            "distances": self.distances,
            "protocol": self.protocol_name,
            "perturbation": self.perturbation,
            "precision": self.precision,
        }
        if self.variants is not None:
            found["variants"] = self.variants
        if self.baseline_names:
            found["baselines"] = self.baseline_names
        return found

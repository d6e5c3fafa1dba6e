"""What a protocol is: switches, each of which undoes one quirk of the authors' code. No torch here.

`paper` has all of them off, `corrected` those that undo what the code did not mean. A name adds switches to one
of the two, so that each can be measured alone: `paper+normalise`, `paper+spatial+sample_softmax`.
"""

import functools
from dataclasses import dataclass, fields, replace

from .errors import InputError, unknown


@dataclass(frozen=True)
class Protocol:
    """Which quirks are undone; the names of the fields are the names of the switches.

    normalise        the windows are brought to the mean and deviation of the model's training
    even_windows     evenly spaced windows, as few as cover the image; the authors' last may repeat the one before
    spatial          skld, jsd, wsd on true windows of the patch grid (`pair.spatial_columns`), one part per layer
                     and the score their sum, class token left out; the authors cut the memory of all layers at once
    sample_softmax   wsd: softmax over the samples of a window, as in skld and jsd; the authors' runs across windows
    whole_tokens     skld, jsd, wsd: no cropped and no zero tokens; nothing changes where `spatial` is on
    channel_cosine   cos of a CNN along the channels; the authors' runs along the image width
    class_embedding  embed_cos of a ViT on the class token; the authors' takes the mean over all tokens
    no_l2_term       skld and wsd without their L2 term: no quirk but a choice, so off in `corrected`
    patch_tokens     every distance of a ViT on patch tokens only: likewise
    class_token      l2, cos and embed_cos of a ViT on the class token only: likewise
    """

    normalise: bool = False
    even_windows: bool = False
    spatial: bool = False
    sample_softmax: bool = False
    whole_tokens: bool = False
    channel_cosine: bool = False
    class_embedding: bool = False
    no_l2_term: bool = False
    patch_tokens: bool = False
    class_token: bool = False

    @property
    def input(self) -> tuple[bool, bool]:
        """Protocols with the same can share a forward pass."""
        return self.normalise, self.even_windows

    @property
    def of_a_side(self) -> "Protocol":
        """What the features of one image are prepared by (`pair.Side`): the rest acts before, or on pairs."""
        return replace(self, normalise=False, even_windows=False, sample_softmax=False, no_l2_term=False)


SWITCHES = tuple(field.name for field in fields(Protocol))
QUIRKS = SWITCHES[:7]  # what the code did not mean; the rest are choices
PAPER = Protocol()
CORRECTED = Protocol(**dict.fromkeys(QUIRKS, True))
PROTOCOLS = {"paper": PAPER, "corrected": CORRECTED}


@functools.cache
def get(name: str) -> Protocol:
    """The protocol called `name`: one of PROTOCOLS, with `+switch` as often as wanted.

    >>> get("paper+normalise").normalise, get("corrected+no_l2_term").spatial
    (True, True)

    Raises InputError for an unknown name, or for a switch that the rest has on already or that contradicts it.
    """
    base, *added = str(name).split("+")
    if base not in PROTOCOLS:
        raise unknown("protocol", base, PROTOCOLS)
    found = PROTOCOLS[base]
    for switch in added:
        if switch not in SWITCHES:
            raise unknown("protocol switch", switch, SWITCHES)
        if getattr(found, switch):
            raise InputError(f"Protocol {name}: {switch} is on already, leave it out.")
        found = replace(found, **{switch: True})
    if found.patch_tokens and found.class_token:
        raise InputError(f"Protocol {name}: patch_tokens and class_token leave nothing, choose one.")
    return found

"""Several networks in one basis: rotations from the reference's channels to each network's (R16)."""

import math
from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from rainbownet.aligned.basis import Flatten
from rainbownet.aligned.pairs import ActivationPairs, Maps, key_of, mean_quality
from rainbownet.aligned.reference import align_to_reference
from rainbownet.graph import Network
from rainbownet.walk import AlignmentImages


def maps_from_reference(
    networks: Sequence[Network], images: AlignmentImages, flatten: Flatten, *, mean: bool
) -> tuple[list[dict[str, Tensor]], pd.DataFrame]:
    """Return, for each network and reader, the rotation from the first network's channels to that network's.

    Args:
        networks: Networks of the same shapes.
        images: The images; all of them unless they say how many.
        flatten: What maps act on at a flatten.
        mean: Whether to align to the mean reference instead of to the first network.

    Returns:
        By the name of the reading parameter, `(groups, d, d)` with `z_m ≈ B z_0`; nothing for the first network. And
        how well the networks match: a row per layer and network, `layer`, `network`, `channels`, `rows`, `similarity`,
        `error` on the images fitted, `held_rows`, `held_similarity`, `held_error` on the others (NaN without any).
    """
    readers = [reader for reader in networks[0].readers if not reader.frozen]
    pairs, maps = align_to_reference(networks, images, readers, flatten, mean=mean, least=math.inf)
    back = [{r.parameter: own[key_of(r)].mH @ maps[0][key_of(r)] for r in readers} for own in maps[1:]]
    return [{}, *back], _quality_table(pairs, maps)


def _quality_table(pairs: ActivationPairs, maps: Sequence[Maps]) -> pd.DataFrame:
    rows = []
    for (key, network), pair in pairs.pairs.items():
        fitted, held = pair.quality(maps[network][key])
        rows.append(
            {
                "layer": pair.layer,
                "network": network,
                "channels": pairs.readers[key].channels,
                "rows": fitted[0].rows,
                "similarity": mean_quality(fitted, "similarity"),
                "error": mean_quality(fitted, "error"),
                "held_rows": 0 if held is None else held[0].rows,
                "held_similarity": mean_quality(held, "similarity"),
                "held_error": mean_quality(held, "error"),
            }
        )
    return pd.DataFrame(rows)

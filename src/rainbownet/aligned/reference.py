"""Several networks in one basis: their channels rotated onto those of one, or of the mean of the rotated ones."""

from collections.abc import Callable, Sequence

from rainbownet.aligned.basis import Flatten
from rainbownet.aligned.pairs import ActivationPairs, Maps
from rainbownet.graph import Network, Reader
from rainbownet.walk import AlignmentImages

ROUNDS = 2
"""How often networks are aligned again to the mean of the aligned ones."""


def align_to_reference(
    networks: Sequence[Network],
    images: AlignmentImages,
    readers: Sequence[Reader],
    flatten: Flatten,
    *,
    mean: bool,
    reference: int = 0,
    self_moments: bool = False,
    least: int | float = 0,
    test: AlignmentImages | None = None,
    seen: Callable[[int, int], object] | None = None,
) -> tuple[ActivationPairs, list[Maps]]:
    """Rotate the channels of every network onto those of one, or of the mean of the rotated ones, in three passes.

    Args:
        networks: Networks of one structure; of the same shapes where the reference is the mean.
        images: The images.
        readers: Readers of the first network.
        flatten: What rotations act on at a flatten.
        mean: Whether to go on to the mean reference, twice.
        reference: Number of the network whose channels are the basis.
        self_moments: Whether the self moments of all networks are kept in the last pass.
        least: Images to read where they do not say how many; infinity for all.
        test: Images that are held out instead of a share of the others.
        seen: Called with the images seen and those there may be, in each pass.

    Returns:
        The pairs of the last pass, and the rotation of each network.

    Raises:
        AlignmentError: If activations are dead or not finite, naming the layer.
        DataError: If the images do not fit, or come once and are needed three times.
    """
    rounds = 1 + ROUNDS if mean else 1
    images.check_passes(rounds, "aligning to the mean")
    maps: list[Maps] | None = None
    for k in range(rounds):
        last = k == rounds - 1
        keep = self_moments and last
        pairs = ActivationPairs(
            networks, readers, flatten, reference=reference, previous=maps, right_self=keep, own=keep
        )
        images.walk(networks, pairs, least=least, test=test if last else None, seen=seen)
        maps = pairs.rotations()
        if last:
            return pairs, maps
    raise AssertionError("there is a last round")

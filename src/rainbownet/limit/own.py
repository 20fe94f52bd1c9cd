"""Neurons that are their own limit: only sums over them are seen, and trained neurons have the sums of their law."""

from rainbownet.aligned.rotate import has_plain_norms
from rainbownet.graph import Network, folded_gains
from rainbownet.laws.gaussian import FittedGaussian
from rainbownet.rainbow.data import RainbowData, changed, rows_of


def own_limits(rainbow: RainbowData, reference: Network) -> frozenset[str]:
    r"""Return the populations whose infinitely many neurons do what the trained ones do (theory, 10).

    Queries with their keys and values are seen through second moments over the neurons of a head alone, a pre-norm
    stream through means and variances over channels, which are those of layer norms, and through linear maps. A
    Gaussian law that keeps the trained neurons has these moments of theirs, so that trained attention, trained norms
    and the trained stream are exact in infinite width: what changes is hidden neurons.

    Not so where a law leaves something out, where layers draw apart, or where scales of layer norms cannot be folded
    into what reads them, as in post-norm blocks.

    Args:
        rainbow: The rainbow.
        reference: Its network.
    """
    preset = rainbow.preset
    if preset.tie != "joint":
        return frozenset()
    heads = {name for heads in reference.heads for head in heads for name in head}
    populations = {p.name: p for p in reference.populations if p.name in rainbow.laws}
    normed = reference.normed & populations.keys()
    if normed:
        folded = folded_gains(reference)
        normed = {name for name in normed if has_plain_norms(folded, populations[name])}
    cut = set(changed(rows_of(reference, reference.parameters, preset), rainbow.laws))
    return frozenset(
        name
        for name in (heads | normed) & populations.keys()
        if isinstance(rainbow.laws[name], FittedGaussian) and name not in cut
    )

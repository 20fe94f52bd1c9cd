"""Linear assignment whose ties go to the diagonal: equal networks match neuron by neuron, dead ones too."""

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

TIE = 1e-13  # of the largest gain: exchanges that cost less than rounding are ties


def assign(gain: Float[Tensor, "n n"]) -> np.ndarray:
    r"""Return the column of each row in the assignment of largest total gain, on the diagonal where that costs nothing.

    An optimal assignment is found first (Crouse, IEEE Trans. Aerosp. Electron. Syst. 52, 2016). Then, as long as there
    is one, a row `i` takes column `i` in exchange for its own where the total stays what it is. For equal activations
    the result is the identity: :math:`\mathrm{tr}\,\Sigma - \mathrm{tr}\,P\Sigma = \tfrac12 E\|z - Pz\|^2` vanishes for
    another permutation only where it exchanges equal channels, and every exchange of those is a tie.

    Args:
        gain: Gain of each row with each column; minus infinity where a pair is not allowed.

    Returns:
        Column of each row.

    Example:
        >>> import torch
        >>> assign(torch.zeros(3, 3)).tolist(), assign(torch.eye(3).flip(0)).tolist()
        ([0, 1, 2], [2, 1, 0])
    """
    gains = gain.detach().cpu().double().numpy()
    columns = linear_sum_assignment(gains, maximize=True)[1]
    rows = np.argsort(columns)
    tie = TIE * max(np.abs(gains[np.isfinite(gains)]).max(initial=0.0), np.finfo(float).tiny)
    moved = True
    while moved:
        moved = False
        for i in np.nonzero(columns != np.arange(len(columns)))[0]:
            own, other = columns[i], rows[i]
            if own == i:
                continue
            after, before = gains[i, i] + gains[other, own], gains[i, own] + gains[other, i]
            if after >= before - tie:
                columns[i], columns[other] = i, own
                rows[i], rows[own] = i, other
                moved = True
    return columns

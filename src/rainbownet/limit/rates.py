"""Rates at which wide networks reach their limit, as the theorems bound them from a spectrum."""


def predicted_rate(decay: float) -> tuple[float, float]:
    r"""Return the rates :math:`\eta` of the alignment error, :math:`O(d^{-\eta})` in the width, for a spectrum's decay.

    Args:
        decay: Exponent :math:`\alpha > 1` of the spectrum of activations.

    Returns:
        The rate that is proved, :math:`(\alpha-1) / (2(2\alpha-1))`, and the one that is expected, twice that. Errors
        are mean squares: distances have half these slopes. Both are 0 where the spectrum does not decay fast enough.

    Source: Guth et al., JMLR 2024, Theorem 1 and the remark after it.

    Example:
        >>> predicted_rate(1.5)
        (0.125, 0.25)
    """
    proved = max(0.0, (decay - 1) / (2 * (2 * decay - 1))) if decay > 1 else 0.0
    return proved, 2 * proved

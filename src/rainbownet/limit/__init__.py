"""The infinite-width room: kernels of infinitely wide layers, and finite features of them."""

from rainbownet.limit.build import build_limit
from rainbownet.limit.convergence import convergence_rates, limit_distances
from rainbownet.limit.dual import Dual, dual_activation, register
from rainbownet.limit.gram import gram_matrix
from rainbownet.limit.hermite import HermiteDual
from rainbownet.limit.kernel import DualKernel, Kernel, append_constant, dual_kernel
from rainbownet.limit.landmarks import choose_landmarks
from rainbownet.limit.layers import LimitLayer
from rainbownet.limit.network import LimitNetwork, load_limit, save_limit
from rainbownet.limit.nystrom import NystromFeatures
from rainbownet.limit.pca import KernelPCA, kernel_pca
from rainbownet.limit.piecewise import PiecewiseLinear
from rainbownet.limit.rates import predicted_rate
from rainbownet.limit.ridge import RidgeFit, class_targets, feature_ridge, kernel_ridge, rkhs_norm
from rainbownet.spectra.decay import log_slope

__all__ = [
    "Dual",
    "DualKernel",
    "HermiteDual",
    "Kernel",
    "KernelPCA",
    "LimitLayer",
    "LimitNetwork",
    "NystromFeatures",
    "PiecewiseLinear",
    "RidgeFit",
    "append_constant",
    "build_limit",
    "choose_landmarks",
    "class_targets",
    "convergence_rates",
    "dual_activation",
    "dual_kernel",
    "feature_ridge",
    "gram_matrix",
    "kernel_pca",
    "kernel_ridge",
    "limit_distances",
    "load_limit",
    "log_slope",
    "predicted_rate",
    "register",
    "rkhs_norm",
    "save_limit",
]

"""Analyses: from networks and rows of weights to tables, as the published ones compute them."""

from rainbownet.analysis.bases import BASES, explained_variance, layer_basis
from rainbownet.analysis.bulk import Bulk, marchenko_pastur
from rainbownet.analysis.clipping import clip, clipping_curve, informative_rank
from rainbownet.analysis.convergence import (
    activation_convergence,
    covariance_convergence,
    covariance_distance,
    width_slopes,
)
from rainbownet.analysis.dependence import dependence_across, dependence_within, neuron_dependence
from rainbownet.analysis.dynamics import training_dynamics, weight_trajectories
from rainbownet.analysis.gaussianity import gaussianity, qq_table
from rainbownet.analysis.groups import FLIPS, TURNS, Flip, QuarterTurns, Shift
from rainbownet.analysis.layer import AlignedLayer
from rainbownet.analysis.one_basis import Aligned, align_networks
from rainbownet.analysis.spatial import spatial_cosines, spatial_covariance, spatial_eigenvectors
from rainbownet.analysis.spectra import activation_spectra, decay_fits, effective_ranks, weight_spectra
from rainbownet.analysis.symmetrized import invariance, symmetrized
from rainbownet.analysis.symmetry import symmetry
from rainbownet.analysis.universality import (
    Learned,
    eigenvector_cosines,
    group_similarity,
    initial_variances,
    learned_covariance,
)
from rainbownet.spectra.decay import SpectrumFit, fit_exponential, fit_power_law

__all__ = [
    "BASES",
    "FLIPS",
    "TURNS",
    "Aligned",
    "AlignedLayer",
    "Bulk",
    "Flip",
    "Learned",
    "QuarterTurns",
    "Shift",
    "SpectrumFit",
    "activation_convergence",
    "activation_spectra",
    "align_networks",
    "clip",
    "clipping_curve",
    "covariance_convergence",
    "covariance_distance",
    "decay_fits",
    "dependence_across",
    "dependence_within",
    "effective_ranks",
    "eigenvector_cosines",
    "explained_variance",
    "fit_exponential",
    "fit_power_law",
    "gaussianity",
    "group_similarity",
    "informative_rank",
    "initial_variances",
    "invariance",
    "layer_basis",
    "learned_covariance",
    "marchenko_pastur",
    "neuron_dependence",
    "qq_table",
    "spatial_cosines",
    "spatial_covariance",
    "spatial_eigenvectors",
    "symmetrized",
    "symmetry",
    "training_dynamics",
    "weight_spectra",
    "weight_trajectories",
    "width_slopes",
]

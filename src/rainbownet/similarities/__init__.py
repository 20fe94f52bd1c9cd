"""Similarities: every layer of one network, function or recording with every layer of another."""

from rainbownet.similarities.between import MEASURES, similarity
from rainbownet.similarities.result import Similarity

__all__ = ["MEASURES", "Similarity", "similarity"]

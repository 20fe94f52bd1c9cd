"""Many networks: trained one after the other, over a cluster or as one, and read back as a table."""

from rainbownet.ensemble.joint import train_jointly
from rainbownet.ensemble.member import Member, grid
from rainbownet.ensemble.read import Ensemble, read
from rainbownet.ensemble.run import train_ensemble

__all__ = ["Ensemble", "Member", "grid", "read", "train_ensemble", "train_jointly"]

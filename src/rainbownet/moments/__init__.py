"""Streaming second moments: sums over rows in float64, the same for any batching and any number of processes."""

from rainbownet.moments.channel import ChannelMoment
from rainbownet.moments.cross import CrossMoment

__all__ = ["ChannelMoment", "CrossMoment"]

"""The errors of the library: each names the layer or argument, what was seen and what would be right."""


class RainbowError(ValueError):
    """Base of every error raised for an input the library cannot use."""


class UnsupportedOp(RainbowError):
    """An operation of the traced network has no rule in the graph's table."""


class ArchitectureError(RainbowError):
    """A network cannot be traced, or does not have the architecture of another."""


class AlignmentError(RainbowError):
    """Activations cannot be aligned: no data, no energy, or values that are not finite."""


class LawError(RainbowError):
    """A law of neurons cannot be fitted or drawn as asked."""


class DataError(RainbowError):
    """A loader or a data set does not give what is needed."""


class FileError(RainbowError):
    """A file is not what it should be: foreign, damaged, or of a newer format."""


class MissingExtra(RainbowError, ImportError):
    """An optional dependency is not installed; the message says which extra brings it."""


class RainbowWarning(UserWarning):
    """Something that works, but not as well as the user may think."""

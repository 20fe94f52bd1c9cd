"""What an error says, on one line."""


def reason(error: BaseException) -> str:
    """Return the message of an error on one line; of one of the system only what went wrong, of a foreign one its type.

    Example:
        >>> reason(FileNotFoundError(2, "No such file or directory")), reason(KeyError("a"))
        ('No such file or directory', "KeyError: 'a'")
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())[:300]
    return text if type(error) in (ValueError, OSError) else f"{type(error).__name__}: {text}"

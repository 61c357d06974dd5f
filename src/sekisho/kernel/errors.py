"""The one error that bad input gets."""


class BadInputError(ValueError):
    """Something given to us cannot be read: where it is, and what is wrong with it there.

    A parser raises nothing else for foreign bytes. The message is one sentence to act on.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        """The file, field or byte offset."""
        self.reason = reason


class WorldError(RuntimeError):
    """Something outside us failed: a disk, a database, a node. Nothing was half-done."""

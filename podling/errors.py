"""What a command says when it cannot do its work: one line, no traceback."""


class CommandError(Exception):
    """The command cannot be carried out; the message says why and what to do. `exit_code`: what `podling` ends with."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

"""What a command says when it cannot do its work: one line, no traceback."""


class CommandError(Exception):
    """The command cannot be carried out; the message says why and what to do."""

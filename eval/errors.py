"""The error of a command that cannot go on."""

from __future__ import annotations


class EvalError(RuntimeError):
    """A command that cannot go on. The message names the record or file, and says what to do."""

"""The error of everything that reads scans."""

from __future__ import annotations


class ScanError(ValueError):
    """A scene that cannot be used. `reason` is short and countable, the message a full sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ScanError], tuple[str, str]]:
        return (ScanError, (self.reason, str(self)))

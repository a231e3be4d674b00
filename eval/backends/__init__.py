"""Where answers come from, one module each: a model in this process, a server, or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as a back end gets it."""

    id: str
    """Of the record, for messages to people."""
    messages: list[dict[str, Any]]
    """Chat messages, pictures in place (PIL images)."""
    letters: tuple[str, ...] = ()
    """Of the options; none where there are no options."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    answer: str
    finish_reason: str
    """`stop`; `length` where the answer was cut off; `error` where the back end would not take the question."""
    seconds: float
    prompt_tokens: int | None = None
    error: str = ""
    """Why there is no answer."""


class Backend(Protocol):
    """Answers prompts."""

    num_at_a_time: int
    """Prompts that it likes to get together."""

    def describe(self) -> dict[str, Any]:
        """What the answers depend on, for the header: `model_revision`, `processor_digest`, `decoding`, `versions`."""

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Reply]]:
        """Yield place and reply of every prompt, as they come.

        Raises:
            EvalError: an answer cannot be had; running again goes on. What was yielded before is kept.
        """

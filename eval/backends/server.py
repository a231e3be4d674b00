"""A server that speaks the OpenAI protocol: vLLM, SGLang, `transformers serve`, or a vendor's. Over HTTP only."""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from typing import Any

import openai
from PIL import Image

from ..config import RunConfig
from ..errors import EvalError
from . import Prompt, Reply

_JPEG_QUALITY = 95
_QUESTIONS_A_WORKER = 4
"""Questions handed over together, a worker: enough that none waits long for the slowest."""
_REFUSALS = (openai.BadRequestError, openai.UnprocessableEntityError)
"""The server will not take this question, ever: a counted state. Everything else may pass: a resumable stop."""


class Server:
    """Asks a server, several questions at a time."""

    def __init__(self, config: RunConfig) -> None:
        """Make a client; nothing is sent yet."""
        self.config = config
        self.num_at_a_time = config.concurrency * _QUESTIONS_A_WORKER
        self.client = openai.OpenAI(
            base_url=config.base_url,
            api_key=os.environ.get("OPENAI_API_KEY", "none"),
            timeout=config.timeout,
            max_retries=config.retries,
        )

    def describe(self) -> dict[str, Any]:
        """What the answers depend on: of a server's model, no more than its name is known."""
        return {
            "model_revision": None,
            "processor_digest": None,
            "decoding": {
                "temperature": 0,
                "max_tokens": self.config.max_new_tokens,
                "pictures": f"JPEG {_JPEG_QUALITY}",
            },
            "versions": {"openai": version("openai")},
        }

    def answer(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Reply]]:
        """Ask all of them; the first that fails for good stops the run once the others under way are in."""
        with ThreadPoolExecutor(self.config.concurrency) as pool:
            places = {pool.submit(self._ask, prompt): place for place, prompt in enumerate(prompts)}
            failure: EvalError | None = None
            for done in as_completed(places):
                if done.cancelled():
                    continue
                try:
                    yield places[done], done.result()
                except EvalError as error:
                    failure = failure or error
                    for waiting in places:
                        waiting.cancel()
        if failure is not None:
            raise failure

    def _ask(self, prompt: Prompt) -> Reply:
        start = time.perf_counter()
        try:
            completion = self.client.chat.completions.create(
                model=self.config.model,
                messages=[_as_openai(message) for message in prompt.messages],  # type: ignore[misc]
                max_tokens=self.config.max_new_tokens,
                temperature=0,
            )
            choice = completion.choices[0]
            answer, reason = choice.message.content or "", choice.finish_reason
        except _REFUSALS as error:
            return Reply("", "error", _since(start), error=_reason(error))
        except openai.OpenAIError as error:
            raise EvalError(self._sentence(prompt.id, error)) from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise EvalError(
                f"Record {prompt.id}: {self.config.base_url} answered something that is no chat completion ({error}); see "
                "that it is an OpenAI-compatible server, and run the same command again: answers so far are kept."
            ) from error
        tokens = completion.usage.prompt_tokens if completion.usage else None
        return Reply(answer, "length" if reason == "length" else "stop", _since(start), tokens)

    def _sentence(self, record: str, error: openai.OpenAIError) -> str:
        url, tries = self.config.base_url, self.config.retries + 1
        if isinstance(error, openai.APITimeoutError):
            what = f"{url} did not answer within {self.config.timeout:g} s, {tries} times"
        elif isinstance(error, openai.RateLimitError):
            what = f"{url} answered 429, too many requests, {tries} times; lower --concurrency or raise --retries"
        elif isinstance(error, openai.APIStatusError):
            what = f"{url} answered {error.status_code} ({_reason(error)})"
        elif isinstance(error, openai.APIConnectionError):
            what = f"the connection to {url} failed or was cut, {tries} times ({_reason(error)})"
        else:
            what = f"{url} answered something that is no chat completion ({_reason(error)})"
        return f"Record {record}: {what}. Run the same command again to go on: answers so far are kept."


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 4)


def _reason(error: Exception) -> str:
    cause = error.__cause__ if str(error) in ("", "Connection error.") and error.__cause__ else error
    return " ".join(str(cause).split())[:300]


def _as_openai(message: dict[str, Any]) -> dict[str, Any]:
    """Pictures as data URLs."""
    content = [
        {"type": "image_url", "image_url": {"url": _data_url(part["image"])}} if part["type"] == "image" else part
        for part in message["content"]
    ]
    return {"role": message["role"], "content": content}


def _data_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

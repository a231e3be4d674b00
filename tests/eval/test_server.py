"""The HTTP back end against a server that speaks the protocol, and against one that misbehaves."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spatialmosaic_builder.prompting import messages
from spatialmosaic_eval.config import RunConfig
from spatialmosaic_eval.errors import EvalError
from spatialmosaic_eval.predictions import read_run
from spatialmosaic_eval.runner import run

Make = Callable[..., RunConfig]


@pytest.fixture
def make(bench: Path, pictures: Path, tmp_path: Path, server: Any) -> Make:
    """A run of twelve questions that loses no time with pauses."""

    def config(**changes: Any) -> RunConfig:
        defaults: dict[str, Any] = {"model": "m", "data": str(bench), "image_root": pictures, "out": tmp_path / "run"}
        defaults |= {"backend": "openai", "base_url": server.url, "limit": 12, "concurrency": 3, "retries": 2}
        return RunConfig(**(defaults | changes))

    return config


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses grow from half a second."""
    import openai._base_client as client

    monkeypatch.setattr(client, "INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr(client, "MAX_RETRY_DELAY", 0.01)


def test_every_question_is_asked_in_the_builders_words_with_its_pictures(
    make: Make, server: Any, records: dict[str, Any], pictures: Path
) -> None:
    summary = run(make())
    assert (summary.answered, summary.asked, summary.new) == (12, 12, 12)
    found = read_run(summary.folder).predictions
    asked = {
        json.dumps([part for part in body["messages"][0]["content"] if part["type"] == "text"]): body
        for body in server.requests
    }
    assert len(asked) == 12
    for name, _ in found:
        (message,) = messages(records[name])
        body = asked[json.dumps([part for part in message["content"] if part["type"] == "text"])]
        assert (body["model"], body["max_tokens"], body["temperature"]) == ("m", 16, 0)
        sent = [part for part in body["messages"][0]["content"] if part["type"] == "image_url"]
        assert [part["type"] for part in body["messages"][0]["content"]] == [
            "image_url" if part["type"] == "image" else "text" for part in message["content"]
        ]
        for part, path in zip(sent, records[name]["image_paths"], strict=True):
            raw = base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
            with Image.open(io.BytesIO(raw)) as shown, Image.open(pictures / path) as own:
                assert shown.size == own.size


def test_the_answers_are_kept_with_what_they_depend_on(make: Make) -> None:
    summary = run(make())
    kept = read_run(summary.folder)
    assert kept.header["data"]["profile"] == "paper"
    assert kept.header["decoding"] == {"temperature": 0, "max_tokens": 16, "pictures": "JPEG 95"}
    assert {"openai", "numpy", "spatialmosaic"} <= set(kept.header["versions"])
    assert len(kept.header["data"]["digest"]) == len(kept.header["prompt_digest"]) == 64
    assert all(p.finish_reason == "stop" and p.seconds > 0 and p.prompt_tokens for p in kept.predictions.values())


@pytest.mark.parametrize("trouble", ["429", "500", "503", "cut"])
def test_passing_trouble_is_passed_over(make: Make, server: Any, trouble: str) -> None:
    server.behave = lambda number: trouble if number % 3 == 1 else "ok"
    summary = run(make(retries=6))
    assert summary.answered == 12
    assert len(server.requests) > 12


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("429", "answered 429, too many requests, 3 times; lower --concurrency"),
        ("500", r"answered 500 \(.*status 500 it is"),
        ("cut", "was cut, 3 times"),
        ("404", r"answered 404 \(.*status 404 it is"),
        ("401", "answered 401"),
        ("garbage", "no chat completion"),
        ("empty", "no chat completion"),
    ],
)
def test_lasting_trouble_stops_the_run_with_a_sentence_and_it_goes_on(
    make: Make, server: Any, trouble: str, sentence: str
) -> None:
    server.behave = lambda number: trouble if number > 5 else "ok"
    with pytest.raises(EvalError, match=rf"^Record [0-9a-f]{{32}}: .*{sentence}.*answers so far are kept"):
        run(make(concurrency=1))
    kept = read_run(make().folder).predictions
    assert len(kept) == 5
    server.behave = lambda number: "ok"
    before = len(server.requests)
    summary = run(make())
    assert (summary.answered, summary.new) == (12, 7)
    assert len(server.requests) - before == 7


def test_a_server_that_hangs_is_given_up_with_a_sentence(make: Make, server: Any) -> None:
    server.behave = lambda number: "hang" if number > 2 else "ok"
    with pytest.raises(EvalError, match=r"Record \w+: .*did not answer within 0\.3 s, 2 times"):
        run(make(concurrency=1, timeout=0.3, retries=1))
    assert len(read_run(make().folder).predictions) == 2


def test_no_server_at_all_is_said(make: Make) -> None:
    with pytest.raises(EvalError, match=r"Record \w+: the connection to http://127.0.0.1:9/v1 failed"):
        run(make(base_url="http://127.0.0.1:9/v1", retries=0))


def test_a_question_that_is_refused_is_a_counted_state(make: Make, server: Any) -> None:
    server.behave = lambda number: "400" if number == 3 else "ok"
    summary = run(make(concurrency=1))
    assert summary.answered == 12
    assert summary.states["refused"] == 1
    (refused,) = [p for p in read_run(summary.folder).predictions.values() if p.state == "refused"]
    assert (refused.answer, refused.finish_reason) == ("", "error")
    assert "status 400 it is" in refused.error


def test_a_server_that_refuses_everything_is_no_score_of_zero(make: Make, server: Any) -> None:
    server.behave = lambda number: "400"
    with pytest.raises(
        EvalError, match=r"Record \w{32}: refused, as all of the first 20 .*status 400 it is.*not kept"
    ):
        run(make(limit=30))
    assert not read_run(make().folder).predictions
    server.behave = lambda number: "400" if number % 10 == 0 else "ok"
    summary = run(make(limit=30))
    assert (summary.answered, summary.new) == (30, 30)
    assert summary.states["refused"] > 1


def test_few_questions_that_are_all_refused_are_kept(make: Make, server: Any) -> None:
    server.behave = lambda number: "400"
    assert run(make(limit=3)).states == {"refused": 3}

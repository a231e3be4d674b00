"""The folder that `evaluate.load` takes."""

from __future__ import annotations

import doctest
import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest

from spatialmosaic_eval.spatialmosaic_accuracy import spatialmosaic_accuracy
from spatialmosaic_eval.spatialmosaic_accuracy.scoring import QUESTION_TYPES

FOLDER = Path(spatialmosaic_accuracy.__file__).parent


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Loads the metric as a user does, from a copy of its folder with nothing around it."""
    base = tmp_path_factory.mktemp("metric")
    shutil.copytree(FOLDER, base / "spatialmosaic_accuracy", ignore=shutil.ignore_patterns("__pycache__"))
    return lambda **kwargs: evaluate.load(
        str(base / "spatialmosaic_accuracy"), cache_dir=str(base / "cache"), **kwargs
    )


def columns(n: int, seed: int = 0) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    names = rng.choice(list(QUESTION_TYPES), n).tolist()
    kinds = [QUESTION_TYPES[name].kind for name in names]
    letters = rng.choice(list("ABCD"), (2, n))
    fill = {"choice": lambda k: str(letters[0, k]), "number": lambda k: "2.0", "point": lambda k: "(10, 10)"}
    said = {"choice": lambda k: f"({letters[1, k]})", "number": lambda k: "about 2.4", "point": lambda k: "(12, 10)"}
    return {
        "predictions": [said[kind](k) for k, kind in enumerate(kinds)],
        "references": [fill[kind](k) for k, kind in enumerate(kinds)],
        "question_type": names,
        "options": [["A. 1", "B. 2", "C. 3", "D. 4"] if kind == "choice" else [] for kind in kinds],
        "bbox_2d_diag": [10.0 if kind == "point" else 0.0 for kind in kinds],
    }


def test_it_loads_by_path_and_scores(load: Callable[..., Any]) -> None:
    result = load().compute(**columns(4_000))
    assert result["n"] == 4_000
    assert result["macro12"] == pytest.approx(0.25, abs=0.03)
    assert result["kappa6"] == pytest.approx(0, abs=0.04)
    assert result["obj_count_occ_na"] == pytest.approx(0.7)
    assert result["obj_localization_occ_na"] == 1
    assert set(QUESTION_TYPES) < set(result)


def test_batches_give_the_same_as_one_call(load: Callable[..., Any]) -> None:
    metric, whole = load(), columns(60)
    for k in range(0, 60, 20):
        metric.add_batch(**{name: values[k : k + 20] for name, values in whole.items()})
    assert metric.compute() == load().compute(**whole)


def test_the_authors_parser_can_be_asked_for(load: Callable[..., Any]) -> None:
    result = load().compute(**columns(200), parser="authors")
    assert result["macro12"] == 0
    assert result["unparsed"] > 100


def test_an_unknown_question_type_names_the_record(load: Callable[..., Any]) -> None:
    bad = columns(5)
    bad["question_type"][3] = "obj_weight"
    with pytest.raises(ValueError, match="Record 3 has the question type 'obj_weight'"):
        load().compute(**bad)


def test_its_example_is_true(load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(spatialmosaic_accuracy.__name__)
    examples = doctest.DocTestParser().get_doctest(
        module._KWARGS_DESCRIPTION, {"metric": load()}, "example", str(FOLDER), 0
    )
    failures = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples)
    assert failures.attempted >= 3
    assert failures.failed == 0


def test_the_card_shows_the_same_call() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert 'predictions=["(B)", "A or B", "about 2 m"]' in card
    assert all(f"`{name}`" in card for name in ("macro12", "macro6", "kappa6", "macro_na", "overall", "micro"))


def test_what_it_imports_comes_along_from_the_hub() -> None:
    """A script from the Hub brings along the neighbours that it names itself, and nothing else."""
    from evaluate.loading import get_imports

    imports = get_imports(str(FOLDER / "spatialmosaic_accuracy.py"))
    assert {(kind, name) for kind, name, *_ in imports} == {
        *(("internal", name) for name in ("answers", "choices", "letters", "option_texts", "quantities", "scoring")),
        ("library", "datasets"),
        ("library", "evaluate"),
    }
    neighbours = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "spatialmosaic_accuracy"}
    assert neighbours == {name for kind, name, *_ in imports if kind == "internal"}

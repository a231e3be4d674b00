"""The house rules that no linter knows, kept by walking the syntax trees. Every rule is shown a file that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ("builder", "eval", "hub_cards", "spatialmosaic_vlm")
TEXT_SUFFIXES = {".cfg", ".md", ".py", ".toml", ".txt", ".yaml", ".yml", ""}

GENERIC_NAMES = {"builder", "eval", "hub_cards"}
MODEL_LIBRARIES = {"accelerate", "deepspeed", "peft", "torch", "transformers", "trl"}
FORBIDDEN_IMPORTS = {
    "builder": {"spatialmosaic_vlm", "spatialmosaic_eval", "spatialmosaic_hub_cards"} | MODEL_LIBRARIES,
    "spatialmosaic_vlm": {"spatialmosaic_eval", "spatialmosaic_hub_cards"},
    "eval": {"spatialmosaic_vlm", "spatialmosaic_hub_cards"},
    "hub_cards": {"spatialmosaic_builder", "spatialmosaic_vlm", "spatialmosaic_eval"} | MODEL_LIBRARIES,
}
"""Top-level names that a folder never imports. Cards are read with `importlib.resources`, the model through Auto classes."""
BUILDER_FOR_OTHERS = {"audit", "hub", "prompting", "randomness", "schema"}
"""Modules of the builder that the model and the evaluation may use, beside the names of the package itself."""

KNOWS_SCANNETPP = {"builder/scans/files.py", "builder/scans/sample/capture.py", "builder/scans/sample/writer.py"}
SCANNETPP_NAMES = re.compile(r"mesh_aligned|segments(_anno)?\.json|nvs_sem|iphone/|dslr/|colmap/|pose_intrinsic_imu")

PURE = {
    f"builder/{name}.py"
    for name in ("evidence", "geometry", "prompting", "randomness", "reading", "relations", "rules", "schema")
}
PURE |= {
    f"builder/audit/{name}.py" for name in ("choices", "report", "solvers", "statistics", "text_model", "view_flips")
}
PURE |= {f"eval/{name}.py" for name in ("question", "selection", "views")}
PURE |= {
    f"eval/spatialmosaic_accuracy/{name}.py"
    for name in ("answers", "choices", "letters", "option_texts", "quantities", "scoring")
}
PURE |= {
    f"eval/report/{name}.py"
    for name in ("breakdowns", "charts", "comparisons", "controls", "debiased", "estimates", "published")
}
FILE_CALL = re.compile(r"open|mkdir|unlink|rename|touch|imread|imwrite|savefig|(read|write)_\w+")
FILE_MODULES = {"io", "os", "pyarrow.parquet", "shutil", "tempfile"}

SECOND_ROAD = {"builder/reading.py"}
"""Beside the verifier itself."""
SHARED_BY_BOTH_ROADS = (
    *("dataset_folder", "randomness", "reading", "report.format_table", "rules", "scans", "schema", "splits.SPLITS"),
    *("tasks.wording", "workers"),
    "geometry.Camera",  # its numbers; what it computes is listed by `camera_methods`
)

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60

WORDS = {
    "speaks of how the work was organised": re.compile(r"""(?i)(?<!scope=["'])\bsessions?\b"""),
    "cites an issue by its number": re.compile(r"""(?<![\w"'&/#])#[1-9]\d{0,4}(?![-\w])"""),
    "names a path of one machine": re.compile(r"(?<![\w.})>~*])/(?:work|root|tmp)\b"),
}


class File(NamedTuple):
    """A file of the project: its POSIX path relative to the root, and its text."""

    path: str
    text: str

    @property
    def folder(self) -> str:
        return self.path.split("/")[0]

    @property
    def is_code(self) -> bool:
        return self.path.endswith(".py") and self.folder in CODE

    @property
    def tree(self) -> ast.Module:
        return parse(self.text)


Rule = Callable[[File], Iterator[tuple[int, str]]]
"""Yields the line and the description of every breach in a file."""


@cache
def parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def project_files() -> tuple[File, ...]:
    """Files directly in the root, and everything below the folders that hold code, tests, benchmarks and CI."""
    folders = (*CODE, "tests", "benchmarks", ".ci", ".github")
    paths = [*ROOT.iterdir(), *(path for folder in folders for path in sorted((ROOT / folder).rglob("*")))]
    # In a linked worktree `.git` is a file.
    kept = [path for path in paths if path.is_file() and path.suffix in TEXT_SUFFIXES]
    kept = [path for path in kept if not {"__pycache__", ".git"} & set(path.parts)]
    return tuple(File(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in kept)


@cache
def builder_modules() -> set[str]:
    """Names of the modules and packages directly below the builder, and of those that others may use."""
    return {path.stem for path in (ROOT / "builder").iterdir() if path.stem[0] != "_"} | BUILDER_FOR_OTHERS


@cache
def camera_methods() -> set[str]:
    """What the builder's camera computes, as opposed to the numbers that it holds."""
    tree = parse((ROOT / "builder/geometry.py").read_text(encoding="utf-8"))
    camera = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Camera")
    return {node.name for node in functions(camera)}


def absolute_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports by an absolute name; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def calls(tree: ast.Module) -> Iterator[tuple[int, str, ast.Call]]:
    """Line, last name and node of every call: `a.b.c(...)` is a call of `c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node


def layers(file: File) -> Iterator[tuple[int, str]]:
    """Nobody imports a folder by its generic name, nor a layer that lies above or beside."""
    if not file.path.endswith(".py"):
        return
    forbidden = GENERIC_NAMES | FORBIDDEN_IMPORTS.get(file.folder, set())
    for line, name in absolute_imports(file.tree):
        if name.split(".")[0] in forbidden:
            yield line, f"imports {name}"


def relative_imports_stay_inside(file: File) -> Iterator[tuple[int, str]]:
    """Inside a package imports are relative and never climb out of it."""
    if not file.is_code:
        return
    depth = len(PurePosixPath(file.path).parts) - 1
    own = file.folder if file.folder.startswith("spatialmosaic_") else f"spatialmosaic_{file.folder}"
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and node.level > depth:
            yield node.lineno, "a relative import leaves the package"
    for line, name in absolute_imports(file.tree):
        if name.split(".")[0] == own:
            yield line, f"imports its own package by an absolute name, {name}"


def others_use_public_builder_parts(file: File) -> Iterator[tuple[int, str]]:
    """The model and the evaluation see the builder's public names, schema, prompting, randomness, audit and hub."""
    if not file.is_code or file.folder == "builder":
        return
    for line, name in absolute_imports(file.tree):
        package, *rest = name.split(".")
        is_public = rest[0] in BUILDER_FOR_OTHERS if rest and rest[0] in builder_modules() else len(rest) < 2
        if package == "spatialmosaic_builder" and not (is_public and not any(part.startswith("_") for part in rest)):
            yield line, f"imports {name}, which is not for other packages"


def only_the_reader_knows_scannetpp(file: File) -> Iterator[tuple[int, str]]:
    """File names of ScanNet++ stand in its reader and writer alone; documentation may speak of them."""
    if not file.is_code or file.path in KNOWS_SCANNETPP:
        return
    documentation = {id(node.value) for node in ast.walk(file.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(file.tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else None
        if isinstance(text, str) and (found := SCANNETPP_NAMES.search(text)):
            yield node.lineno, f"knows the ScanNet++ name {found.group()}"


def pure_modules_open_no_file(file: File) -> Iterator[tuple[int, str]]:
    """Geometry, relations, evidence and tasks compute; readers and writers open files."""
    if file.path not in PURE and not (file.path.startswith("builder/tasks/") and file.is_code):
        return
    for line, name, _ in calls(file.tree):
        if FILE_CALL.fullmatch(name):
            yield line, f"calls {name}"
    for line, name in absolute_imports(file.tree):
        if name in FILE_MODULES or name.rpartition(".")[0] in FILE_MODULES:
            yield line, f"imports {name}"


def the_verifier_is_a_second_road(file: File) -> Iterator[tuple[int, str]]:
    """It shares readers, vocabulary, words and thresholds with the builder, and nothing that computes an answer."""
    if not (file.path in SECOND_ROAD or file.path.startswith("builder/verify/")) or not file.is_code:
        return
    depth = len(PurePosixPath(file.path).parts) - 1
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            for name in (f"{node.module}.{alias.name}" if node.module else alias.name for alias in node.names):
                if not any(name == shared or name.startswith(f"{shared}.") for shared in SHARED_BY_BOTH_ROADS):
                    yield node.lineno, f"imports {name}"
        if isinstance(node, ast.Attribute) and node.attr in camera_methods():
            yield node.lineno, f"lets the camera compute {node.attr}"


def only_commands_print(file: File) -> Iterator[tuple[int, str]]:
    """Library code returns or logs; the command line prints."""
    if file.is_code and PurePosixPath(file.path).name not in ("cli.py", "__main__.py"):
        yield from ((line, "prints") for line, name, _ in calls(file.tree) if name == "print")


def randomness_has_a_key(file: File) -> Iterator[tuple[int, str]]:
    """Random numbers come from a generator seeded by a key; Python's salted hash decides nothing."""
    if not file.is_code or file.folder != "builder":
        return
    for line, name in absolute_imports(file.tree):
        if name.split(".")[0] == "random":
            yield line, "imports random"
    for line, name, call in calls(file.tree):
        if name == "default_rng" and not (call.args or call.keywords):
            yield line, "draws without a seed"
        elif name == "hash" and isinstance(call.func, ast.Name):
            yield line, "uses Python's hash, which differs from process to process"


def modules_are_nouns(file: File) -> Iterator[tuple[int, str]]:
    """A function lives where its noun lives."""
    if file.is_code and PurePosixPath(file.path).stem in ("common", "helpers", "misc", "util", "utils"):
        yield 1, "is a module without a subject"


def public_code_is_documented(file: File) -> Iterator[tuple[int, str]]:
    """Every module, and every public class, function and method, has a docstring."""
    if not file.is_code:
        return
    if ast.get_docstring(file.tree) is None:
        yield 1, "has no docstring"
    holders: list[ast.Module | ast.ClassDef] = [file.tree]
    for holder in holders:
        for node in holder.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith(
                "_"
            ):
                continue
            if ast.get_docstring(node) is None:
                yield node.lineno, f"{node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                holders.append(node)


def files_and_functions_are_short(file: File) -> Iterator[tuple[int, str]]:
    """Hard limits; half of them is the aim."""
    if not file.is_code:
        return
    if (lines := file.text.count("\n")) > MAX_FILE_LINES:
        yield 1, f"has {lines} lines, more than {MAX_FILE_LINES}"
    for node in functions(file.tree):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {length} lines, more than {MAX_FUNCTION_LINES}"


def text_speaks_of_the_project(file: File) -> Iterator[tuple[int, str]]:
    """Code and documents say what is, without the machine or the circumstances in which they were written."""
    if file.path == "tests/test_architecture.py":
        return
    for number, line in enumerate(file.text.splitlines(), 1):
        yield from ((number, f"{fault}: {line.strip()}") for fault, pattern in WORDS.items() if pattern.search(line))


LONG_FUNCTION = 'def f():\n    """Do."""\n' + "    pass\n" * MAX_FUNCTION_LINES
BREACHES: list[tuple[Rule, str, str]] = [
    (layers, "builder/a.py", "import torch.nn"),
    (layers, "builder/a.py", "def f():\n    from spatialmosaic_vlm import x"),
    (layers, "builder/tasks/a.py", "from builder.schema import Scan"),
    (layers, "eval/a.py", "import spatialmosaic_vlm"),
    (layers, "tests/a.py", "import builder"),
    (relative_imports_stay_inside, "builder/a.py", "from ..eval import x"),
    (relative_imports_stay_inside, "builder/tasks/a.py", "from ...eval import x"),
    (relative_imports_stay_inside, "builder/a.py", "from spatialmosaic_builder.schema import Scan"),
    (others_use_public_builder_parts, "eval/a.py", "from spatialmosaic_builder.visibility import f"),
    (others_use_public_builder_parts, "eval/a.py", "from spatialmosaic_builder import geometry"),
    (others_use_public_builder_parts, "eval/a.py", "import spatialmosaic_builder.geometry"),
    (others_use_public_builder_parts, "eval/a.py", "from spatialmosaic_builder import _HOME"),
    (others_use_public_builder_parts, "spatialmosaic_vlm/a.py", "from spatialmosaic_builder.schema import _f"),
    (only_the_reader_knows_scannetpp, "builder/a.py", "x = root / f'{scene}/mesh_aligned_0.05.ply'"),
    (only_the_reader_knows_scannetpp, "builder/scans/labels.py", "x = 'segments_anno.json'"),
    (pure_modules_open_no_file, "builder/tasks/a.py", "with open('a') as f: pass"),
    (pure_modules_open_no_file, "builder/relations.py", "x = path.read_text()"),
    (pure_modules_open_no_file, "builder/geometry.py", "import pyarrow.parquet as pq"),
    (pure_modules_open_no_file, "builder/evidence.py", "from os import listdir"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "from ..geometry import box_corners"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "from .. import relations"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "from ..tasks.count import TASK"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "def f():\n    from ..visibility import annotate"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "x = frame.camera.px_from_cam(points)"),
    (the_verifier_is_a_second_road, "builder/reading.py", "from .evidence import SetEvidence"),
    (only_commands_print, "builder/a.py", "print(1)"),
    (randomness_has_a_key, "builder/a.py", "import random"),
    (randomness_has_a_key, "builder/a.py", "rng = np.random.default_rng()"),
    (randomness_has_a_key, "builder/a.py", "seed = hash(key)"),
    (modules_are_nouns, "builder/scans/utils.py", ""),
    (public_code_is_documented, "builder/a.py", "x = 1"),
    (public_code_is_documented, "builder/a.py", '"""A."""\ndef f(): pass'),
    (public_code_is_documented, "builder/a.py", '"""A."""\nclass A:\n    """A."""\n    def f(self): pass'),
    (files_and_functions_are_short, "builder/a.py", LONG_FUNCTION),
    (files_and_functions_are_short, "builder/a.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (text_speaks_of_the_project, "README.md", "Left for the next session."),
    (text_speaks_of_the_project, "builder/a.py", "# see #12"),
    (text_speaks_of_the_project, "Makefile", "cp a /tmp/b"),
]
ALLOWED: list[tuple[Rule, str, str]] = [
    (layers, "eval/a.py", "from spatialmosaic_builder.schema import Record"),
    (relative_imports_stay_inside, "builder/tasks/a.py", "from ..schema import Record"),
    (others_use_public_builder_parts, "eval/a.py", "from spatialmosaic_builder.prompting import messages"),
    (others_use_public_builder_parts, "eval/a.py", "from spatialmosaic_builder import attach_images, schema"),
    (only_the_reader_knows_scannetpp, "builder/a.py", '"""Reads segments_anno.json."""'),
    (only_the_reader_knows_scannetpp, "builder/scans/sample/writer.py", "x = 'segments_anno.json'"),
    (pure_modules_open_no_file, "builder/scans/sample/writer.py", "x = open('a')"),
    (the_verifier_is_a_second_road, "builder/verify/a.py", "from ..geometry import Camera\nx = camera.fx"),
    (
        the_verifier_is_a_second_road,
        "builder/verify/a.py",
        "from ..scans.scannetpp import read_scan\nfrom .rays import f",
    ),
    (only_commands_print, "builder/cli.py", "print(1)"),
    (randomness_has_a_key, "builder/a.py", "rng = np.random.default_rng(seed)"),
    (text_speaks_of_the_project, "builder/a.py", 'colour = "#333"; path = root / "data/tmp/x"'),
    (text_speaks_of_the_project, "tests/conftest.py", '@pytest.fixture(scope="session")'),
    (text_speaks_of_the_project, "README.md", "See [the tree](CONTRIBUTING.md#2-the-tree)."),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BREACHES))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    breaches = [f"{file.path}:{line} {what}" for file in project_files() for line, what in rule(file)]
    assert not breaches, "\n".join([str(rule.__doc__), *breaches])


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_the_rule_sees_a_breach(rule: Rule, path: str, text: str) -> None:
    assert list(rule(File(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_the_rule_lets_pass_what_is_allowed(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(File(path, text)))


def test_the_walk_reaches_the_project() -> None:
    paths = {file.path for file in project_files()}
    assert {"Makefile", ".ci/run", "pyproject.toml", "builder/__init__.py", "tests/test_architecture.py"} <= paths

"""What the documents say is so: commands that parse, links that lead somewhere, tables that are those of the code.

Run as a program, it writes the tables that are made from the code anew.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from spatialmosaic_builder import cli as builder_cli
from spatialmosaic_builder.schema import RECORD_SCHEMA
from spatialmosaic_eval import cli as eval_cli

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("eval/*/README.md")])
PARSERS = {"spatialmosaic": builder_cli.parse, "spatialmosaic-eval": eval_cli.parse}
WORDS_IN_THREE_MINUTES = 800
RECORDS = ROOT / "docs/records.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def logical_lines(block: str) -> Iterator[list[str]]:
    """The words of each command: backslashes join lines, and so does a quotation that is still open."""
    held = ""
    for line in block.replace("\\\n", " ").splitlines():
        held += line
        try:
            words = shlex.split(held, comments=True)
        except ValueError:
            held += "\n"
            continue
        held = ""
        yield words


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of this project in a document: where it stands, and its words."""
    for path in DOCUMENTS:
        for block in blocks(path, "bash"):
            for words in logical_lines(block):
                shown = words[: words.index(">")] if ">" in words else words
                if shown and shown[0] in PARSERS:
                    yield path.relative_to(ROOT).as_posix(), shown


@pytest.mark.parametrize(
    ("where", "words"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_in_a_document_is_understood(where: str, words: list[str]) -> None:
    config = PARSERS[words[0]](words[1:])
    check = getattr(config, "check", None)
    if check is not None:
        check()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_in_a_document_is_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)


def test_every_verb_is_documented() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    for program, verbs in (("spatialmosaic", builder_cli._VERBS), ("spatialmosaic-eval", eval_cli._VERBS)):
        for verb, _ in verbs.values():
            assert f"{program} {verb}" in text, f"no document has `{program} {verb}`"


def test_the_readme_is_read_in_three_minutes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|^\|.*?$|!\[.*?\)", "", text, flags=re.DOTALL | re.MULTILINE)
    assert len(prose.split()) <= WORDS_IN_THREE_MINUTES


def column_table() -> str:
    """The columns of a record with their types and the sentences of the schema."""
    tree = ast.parse((ROOT / "builder/schema.py").read_text(encoding="utf-8"))
    record = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Record")
    said: dict[str, str] = {}
    for node, after in zip(record.body, [*record.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            is_said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            said[node.target.id] = " ".join(str(after.value.value).split()) if is_said else ""
    kinds = {field.name: re.sub(r"struct<.*>", "ObjectRef", str(field.type)) for field in RECORD_SCHEMA}
    assert list(said) == list(kinds)
    rows = [
        f"| `{name}` | `{kinds[name].replace('<item: ', '<')}` | {said[name].replace('|', '/')} |" for name in said
    ]
    return "\n".join(["| column | type | |", "|---|---|---|", *rows])


def with_generated(text: str, name: str, content: str) -> str:
    return re.sub(
        rf"(<!-- {name}: .*?-->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{content}\n{found[2]}",
        text,
        count=1,
        flags=re.DOTALL,
    )


def test_the_columns_are_those_of_the_schema() -> None:
    text = RECORDS.read_text(encoding="utf-8")
    assert text == with_generated(text, "columns", column_table()), "run `python tests/test_docs.py`"


if __name__ == "__main__":
    RECORDS.write_text(
        with_generated(RECORDS.read_text(encoding="utf-8"), "columns", column_table()), encoding="utf-8"
    )

"""The result as text: table.md for people, cells.csv for programs. Scores in percent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .controls import TITLES

TASK_TITLES = {
    "count": "Obj. Count",
    "best_view": "Best View",
    "existence": "Obj. Exist.",
    "attribute": "Obj. Att.",
    "spatial_relation": "Obj. Rel.",
    "localization": "Obj. Loc.",
    "count_na": "Count (number)",
    "localization_na": "Loc. (point)",
    "distance_na": "Cam-Obj Dist.",
    "object_distance_na": "Obj-Obj Dist.",
    "size_na": "Obj. Size",
    "absolute_distance": "Cam-Obj Abs. Dist.",
    "displacement": "Cam. Displace.",
    "movement_direction": "Cam. Mov. Dir.",
    "relative_position": "Obj-Obj Rel. Pos.",
    "relative_distance": "Cam-Obj Rel. Dist.",
}
LEVEL_TITLES = {
    "vis_level": "Visibility",
    "gt_scenario": "Coverage",
    "visibility_coverage": "Visibility x coverage",
    "occ_level": "Occlusion",
    "overlap_level": "Overlap (high: little)",
    "num_frames": "Number of frames",
    "num_options": "Number of options",
}
DEBIASED_NOTE = (
    "Choices alone, without those that a text-only classifier is surest of: so many of each question type that it is at chance on "
    "the rest."
)
_CSV_COLUMNS = (
    *("run", "breakdown", "level", "scope", "name", "num_records", "num_scenes", "value", "low", "high", "is_small"),
)


def percent(value: float | None, signed: bool = False) -> str:
    """A share in percent with one decimal; a dash for none."""
    if value is None:
        return "-"
    return f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"


def with_interval(score: dict[str, Any] | None, signed: bool = False) -> str:
    """A score with its interval: `54.2 (51.0 to 57.3)`."""
    if score is None or score["value"] is None:
        return "-"
    if score["low"] is None:
        return percent(score["value"], signed)
    return f"{percent(score['value'], signed)} ({percent(score['low'], signed)} to {percent(score['high'], signed)})"


def write_markdown(document: dict[str, Any]) -> str:
    """Lay the result out as Markdown."""
    return "\n\n".join(block for block in _blocks(document) if block) + "\n"


def _blocks(document: dict[str, Any]) -> Iterator[str]:
    data, runs = document["dataset"], document["runs"]
    yield f"# {document['title']}"
    yield (
        f"{data['num_records']:,} records of {data['path']} ({data['config']}, {data['split']}), digest "
        f"`{data['digest'][:16]}`. Scores in percent; parser {document['parser']}; 95 % intervals by drawing scenes anew "
        f"({document['interval']['replicates']:,} times); `*`: fewer than 100 records or 10 scenes."
    )
    yield "## Averages\n\n" + _averages(document)
    yield _coverage(document)
    yield "## Tasks\n\n" + _tasks(document)
    yield _gains(document)
    yield _differences(document)
    yield _debiased(runs)
    yield "## Answers that could not be read\n\n" + _states(runs)
    yield _rotations(runs)
    for breakdown in dict.fromkeys(cell["breakdown"] for run in runs for cell in run["cells"]):
        yield f"## {LEVEL_TITLES[breakdown]}\n\n" + _levels(runs, breakdown)
    yield _level_differences(runs)
    yield (
        "Level scores are standardised: the score of each question type first, then the mean over the types that every level "
        "has. Pooled values and single types are in cells.csv."
    )
    yield _published(document["published"])


def _averages(document: dict[str, Any]) -> str:
    names = list(document["runs"][0]["averages"])
    rows = [
        [run["name"], *(_starred(run["averages"][name]) for name in names), f"{run['num_questions']:,}"]
        for run in document["runs"]
    ]
    rows += [
        [
            control["title"],
            *(percent(control["averages"][name]) for name in names),
            f"{document['dataset']['num_records']:,}",
        ]
        for control in document["controls"]
    ]
    return markdown_table(["", *names, "questions"], rows)


def _coverage(document: dict[str, Any]) -> str:
    """What an average rests on where it is not all question types, and what is missing."""
    lines = []
    for run in document["runs"]:
        if run["num_missing"]:
            lines.append(
                f"- {run['name']} is not finished: {run['num_missing']:,} of its questions have no answer yet and are left out."
            )
        if absent := [name for name in document["question_types"] if name not in run["types"]]:
            lines.append(f"- {run['name']} has no question of {', '.join(absent)}: its averages are over the others.")
        if run["num_cut_off"]:
            lines.append(f"- {run['name']}: {run['num_cut_off']:,} answers were cut off by the limit of tokens.")
    measured = {control["name"] for control in document["controls"]}
    if len(measured) > 1 and (absent := [title for name, title in TITLES.items() if name not in measured]):
        lines.append(
            f"- With nothing to read, or no other scene to learn from, there is no row of: {', '.join(absent)}."
        )
    return "\n".join(lines)


def _tasks(document: dict[str, Any]) -> str:
    runs = document["runs"]
    tasks = list(dict.fromkeys(task for run in runs for task in run["tasks"]))
    rows = [[run["name"], *(_starred(run["tasks"].get(task)) for task in tasks)] for run in runs]
    for control in document["controls"]:
        means = {task: [control["types"][n] for n in _types_of(runs, task) if n in control["types"]] for task in tasks}
        rows.append([control["title"], *(percent(sum(m) / len(m)) if m else "-" for m in means.values())])
    return markdown_table(["", *(TASK_TITLES.get(task, task) for task in tasks)], rows)


def _types_of(runs: Sequence[dict[str, Any]], task: str) -> list[str]:
    return next((run["tasks"][task]["types"] for run in runs if task in run["tasks"]), [])


def _starred(score: dict[str, Any] | None) -> str:
    return with_interval(score) + ("*" if score and score["is_small"] and score["value"] is not None else "")


def _gains(document: dict[str, Any]) -> str:
    headline = document["headline"]
    found = [item for item in document["gains"] if item["average"] == headline]
    if not found:
        return ""
    rows = [
        [item["kind"], f"{item['first']} - {item['second']}", *_told(item), f"{item['num_records']:,}"]
        for item in found
    ]
    header = ["", "runs", *_DIFFERENCE, "questions"]
    return f"## What the views are worth ({headline})\n\n{markdown_table(header, rows)}\n\n{_DETECTABLE_NOTE}"


def _differences(document: dict[str, Any]) -> str:
    headline = document["headline"]
    found = [item for item in document["differences"] if item["average"] == headline]
    if not found:
        return ""
    rows = [[f"{item['first']} - {item['second']}", *_told(item), f"{item['num_records']:,}"] for item in found]
    return f"## Paired differences ({headline})\n\n" + markdown_table(["", *_DIFFERENCE, "questions"], rows)


_DIFFERENCE = ("points", "p (Holm)", "detectable")
_DETECTABLE_NOTE = "Detectable: the smallest difference that four of five such comparisons would find."


def _told(item: dict[str, Any]) -> list[str]:
    p = "-" if item["p"] is None else f"{item['p']:.3f}"
    return [with_interval(item, signed=True), p, percent(item["detectable"])]


def _level_differences(runs: Sequence[dict[str, Any]]) -> str:
    rows = [
        [run["name"], LEVEL_TITLES[item["average"]], f"{item['first']} - {item['second']}", *_told(item)]
        for run in runs
        for item in run["level_differences"]
    ]
    header = ["", "", "levels", *_DIFFERENCE]
    return "## Differences between levels\n\n" + markdown_table(header, rows) if rows else ""


def _debiased(runs: Sequence[dict[str, Any]]) -> str:
    shown = [run for run in runs if run["debiased"]]
    if not shown:
        return ""
    names = list(shown[0]["debiased"])
    rows = [
        [
            run["name"],
            *(_starred(run["debiased"][name]) for name in names),
            f"{run['debiased'][names[0]]['num_records']:,}",
        ]
        for run in shown
    ]
    return f"## Without what words give away\n\n{markdown_table(['', *names, 'questions'], rows)}\n\n{DEBIASED_NOTE}"


def _states(runs: Sequence[dict[str, Any]]) -> str:
    states = list(runs[0]["states"])
    rows = [
        [run["name"], *(f"{run['states'][state]:,}" for state in states), f"{run['num_missing']:,}"] for run in runs
    ]
    return markdown_table(["", *states, "missing"], rows)


def _rotations(runs: Sequence[dict[str, Any]]) -> str:
    rows = []
    for run in runs:
        if run["rotation"]:
            rows.append([run["name"], "mean over rotations", with_interval(run["rotation"]["mean"])])
            rows.append([run["name"], "all rotations right", with_interval(run["rotation"]["all_right"])])
        if run["flip_pairs"]:
            pairs = run["flip_pairs"]
            rows.append(
                [
                    run["name"],
                    f"both of a flip pair right ({pairs['num_pairs']:,} pairs)",
                    percent(pairs["both_right"]),
                ]
            )
    return "## Rotations and flip pairs\n\n" + markdown_table(["", "", "percent"], rows) if rows else ""


def _levels(runs: Sequence[dict[str, Any]], breakdown: str) -> str:
    levels = list(
        dict.fromkeys(cell["level"] for run in runs for cell in run["cells"] if cell["breakdown"] == breakdown)
    )
    rows = []
    for run in runs:
        scores = {
            cell["level"]: cell
            for cell in run["cells"]
            if cell["breakdown"] == breakdown and cell["scope"] == "standardised"
        }
        rows.append([run["name"], *(_starred(scores.get(level)) for level in levels)])
    return markdown_table(["", *levels], rows)


def _published(table: dict[str, Any]) -> str:
    rows = [
        [
            row["method"] + ("" if row["follows"] else " †"),
            f"{row['average']:.1f}",
            f"{row['recomputed']:.1f}",
            *(f"{score:.1f}" for score in row["scores"]),
        ]
        for row in table["rows"]
    ]
    header = ["", "Avg. as printed", "from columns", *(column["title"] for column in table["columns"])]
    note = "† The printed average does not follow from the printed columns."
    return f"## Published: {table['title']} ({table['source']})\n\n{markdown_table(header, rows)}\n\n{note}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is to the left and whose others are to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def write_csv(document: dict[str, Any]) -> str:
    """Lay every cell out as CSV: one line a run, breakdown, level and scope; shares, not percent."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for run in document["runs"]:
        for name, score in run["averages"].items():
            writer.writerow(_line(run, "", "", "average", name, score))
        for name, score in run["tasks"].items():
            writer.writerow(_line(run, "", "", "task", name, score))
        for name, score in run["types"].items():
            writer.writerow(_line(run, "", "", "question_type", name, score))
        for cell in run["cells"]:
            writer.writerow(_line(run, cell["breakdown"], cell["level"], cell["scope"], cell["name"], cell))
    return text.getvalue()


def _line(
    run: dict[str, Any], breakdown: str, level: str, scope: str, name: str, score: dict[str, Any]
) -> dict[str, Any]:
    place = {"run": run["name"], "breakdown": breakdown, "level": level, "scope": scope, "name": name}
    return place | {column: score[column] for column in _CSV_COLUMNS if column not in place}

"""The page: in words, and in a browser, where it works without a complaint and asks for nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_eval.errors import EvalError

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PROBE = """
const shown = () => [...document.querySelectorAll("article")].filter((card) => card.checkVisibility());
const choose = (name, value) => {
  const select = document.querySelector(`select[name="${name}"]`);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
const answer = (value) => parent.postMessage(JSON.stringify(value), "*");
"""
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)")


@pytest.fixture
def page(answered: Callable[..., Path], reported: Callable[..., Any], pictures: Path, tmp_path: Path) -> str:
    """The page of two runs with pictures."""
    good = answered("good", lambda row: row["mc_answer"] or row["ground_truth"])
    vague = answered("vague", lambda row: "A or <b>B</b>")
    reported(good, vague, image_root=pictures, records=17, controls=True)
    return (tmp_path / "report/report.html").read_text(encoding="utf-8")


def visit(page: str, script: str, folder: Path, width: int = 1280) -> tuple[Any, list[str]]:
    """Open a page that is `width` pixels wide and run a script in it; returns its answer and the console's words."""
    inside = f"<script>{PROBE}addEventListener('load', () => setTimeout(() => {{{script}}}))</script></body>"
    (folder / "page.html").write_text(page.replace("</body>", inside), encoding="utf-8")
    outside = folder / "window.html"
    outside.write_text(
        "<pre></pre><script>addEventListener('message', (event) => { document.querySelector('pre').textContent = event.data; })"
        f'</script><iframe src="page.html" style="width: {width}px; height: 800px; border: 0"></iframe>',
        encoding="utf-8",
    )
    assert CHROMIUM is not None
    options = (f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0")
    command = [CHROMIUM, *QUIET, *options, "--virtual-time-budget=5000", "--dump-dom", outside.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert found is not None
    assert found[1], "the script gave no answer"
    return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_it_shows_records_with_their_frames_and_every_answer(page: str, records: dict[str, Any]) -> None:
    shown = re.findall(r"record <code>(\w{32})</code>", page)
    assert len(shown) == len(set(shown)) == 17
    assert len({records[name]["question_type"] for name in shown}) == 17
    assert page.count("data:image/jpeg;base64,") == sum(len(records[name]["frames"]) for name in shown)
    assert page.count("<code>A or &lt;b&gt;B&lt;/b&gt;</code>") == 17
    assert "do not publish this page" in page
    for name in shown:
        assert html.escape(records[name]["question"], quote=False).replace("'", "&#39;") in page


def test_without_pictures_it_holds_none(
    answered: Callable[..., Path], reported: Callable[..., Any], tmp_path: Path
) -> None:
    reported(answered("good", lambda row: row["mc_answer"] or row["ground_truth"]), records=5)
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert page.count("<article") == 5
    assert "data:image" not in page
    assert "do not publish" not in page


def test_a_missing_picture_is_named_and_nothing_is_written(
    answered: Callable[..., Path], reported: Callable[..., Any], tmp_path: Path
) -> None:
    folder = answered("good", lambda row: row["mc_answer"] or row["ground_truth"])
    with pytest.raises(EvalError, match=r"Record \w{32}: .*jpg is missing"):
        reported(folder, image_root=tmp_path, records=3)
    assert not (tmp_path / "report").exists()


def test_charts_of_every_breakdown_stand_in_one_order(page: str) -> None:
    strips = re.findall(r'<div class="charts curves".*?</div>', page, re.DOTALL)
    orders = [re.findall(r"<figcaption>(.*?)</figcaption>", strip)[1:] for strip in strips]
    longest = max(orders, key=len)
    assert longest[:2] == ["Obj. Count", "Best View"]
    assert all(order == [title for title in longest if title in order] for order in orders)


def test_it_needs_no_network(page: str) -> None:
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)https?:", page)
    assert "default-src 'none'" in page


@needs_browser
@pytest.mark.slow
def test_in_a_browser_it_is_quiet_draws_its_charts_and_asks_for_nothing(page: str, tmp_path: Path) -> None:
    script = """
    const names = performance.getEntriesByType("resource").map((entry) => entry.name);
    const charts = [...document.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect().width);
    answer([names.filter((name) => !name.startsWith("data:")), charts, document.querySelectorAll("#radar polygon").length]);
    """
    (asked, charts, series), console = visit(page, script, tmp_path)
    assert asked == []
    assert console == []
    assert len(charts) > 20
    assert min(charts) > 100
    assert series == 3  # two runs, and what was published


@needs_browser
@pytest.mark.slow
def test_filters_leave_what_was_asked_for(page: str, tmp_path: Path) -> None:
    script = """
    const all = shown().length;
    choose("task", "existence");
    const tasks = shown().map((card) => card.dataset.task);
    choose("read", "all read");
    const read = shown().length;
    document.querySelector("button[type=reset]").click();
    setTimeout(() => answer([all, tasks, read, shown().length, document.querySelector("nav output").value]), 50);
    """
    (all_cards, tasks, read, after, said), console = visit(page, script, tmp_path)
    assert tasks == ["existence"] * 3
    assert read == 0
    assert (all_cards, after, said) == (17, 17, "17 shown")
    assert console == []


@needs_browser
@pytest.mark.slow
def test_it_fits_a_phone(page: str, tmp_path: Path) -> None:
    script = """
    const rows = [...document.querySelectorAll(".curves")].map((strip) => strip.getBoundingClientRect().height);
    answer([innerWidth, document.documentElement.scrollWidth, rows]);
    """
    (inner, scroll, rows), _ = visit(page, script, tmp_path, width=390)
    assert scroll <= inner
    # The curves of a breakdown are a strip to swipe, not a dozen charts one below the other.
    assert max(rows) < 300

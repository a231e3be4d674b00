"""The page in a browser: it works without a word of complaint, asks for nothing, and fits a phone."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spatialmosaic_builder.config import BuildConfig, ReportConfig
from spatialmosaic_builder.html_report import write_report
from spatialmosaic_builder.pipeline import build, work_folder

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE, DESKTOP = 390, 1280
PROBE = """
const shown = () => [...document.querySelectorAll("article")].filter((card) => card.checkVisibility());
const of = (cards) => cards.map((card) => ({ ...card.dataset }));
const choose = (name, value) => {
  const select = document.querySelector(`select[name="${name}"]`);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
const said = () => document.querySelector("nav output").value;
const answer = (value) => parent.postMessage(JSON.stringify(value), "*");
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)"),
]


@pytest.fixture(scope="module")
def page(sample_dataset: Path, sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a dataset folder with both profiles."""
    folder = tmp_path_factory.mktemp("both")
    out = folder / "spatialmosaic"
    shutil.copytree(sample_dataset, out)
    shutil.copytree(work_folder(sample_dataset), work_folder(out))
    build(BuildConfig(sample_root, out, profile="strict", size="240", num_proc=1))
    return write_report(ReportConfig(out, sample_root, folder / "report.html", samples=2)).read_text(encoding="utf-8")


def visit(page: str, script: str, folder: Path, width: int = DESKTOP) -> tuple[Any, list[str]]:
    """Open a page that is `width` pixels wide and run a script in it.

    Returns:
        What the script gave to `answer`, and what the browser said on its console.
    """
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
    assert found, done.stderr
    assert found[1], "the script gave no answer"
    return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_console_is_heard(tmp_path: Path) -> None:
    page = "<!DOCTYPE html><body><script>setTimeout(() => { throw new Error('broken page'); })</script></body>"
    answer, console = visit(page, "answer(1)", tmp_path)
    assert answer == 1
    assert any("broken page" in line for line in console)


def test_the_page_is_quiet_and_asks_for_nothing(page: str, tmp_path: Path) -> None:
    script = """
    const names = performance.getEntriesByType("resource").map((entry) => entry.name);
    answer(names.filter((name) => !name.startsWith("data:")));
    """
    asked, console = visit(page, script, tmp_path)
    assert asked == []
    assert console == []


def test_a_page_that_asks_is_caught(page: str, tmp_path: Path) -> None:
    asking = page.replace("<h1>", '<img src="other.jpg"><h1>')
    _, console = visit(asking, "answer(1)", tmp_path)
    assert any("other.jpg" in line for line in console)


def test_the_profile_switches_cards_and_panels(page: str, tmp_path: Path) -> None:
    script = """
    const panels = () => [...document.querySelectorAll(".panel")].filter((panel) => panel.checkVisibility());
    const state = () => [of(panels()), of(shown()), said()];
    const before = state();
    document.querySelector('input[value="strict"]').click();
    answer([before, state()]);
    """
    states, console = visit(page, script, tmp_path)
    for profile, (panels, cards, said) in zip(("paper", "strict"), states, strict=True):
        assert panels == [{"profile": profile}]
        assert {card["profile"] for card in cards} == {profile}
        assert said == f"{len(cards)} shown"
    assert console == []


def test_filters_leave_what_was_asked_for(page: str, tmp_path: Path) -> None:
    script = """
    const all = of(shown());
    choose("question_type", "obj_attribute_occ_lr");
    const type = of(shown());
    choose("question_type", "");
    choose("occ_level", "medium");
    choose("num_frames", "3");
    const level = of(shown()), sections = [...document.querySelectorAll("section")].filter((s) => s.checkVisibility());
    document.querySelector("button[type=reset]").click();
    setTimeout(() => answer([all, type, level, sections.length, of(shown()), said()]), 50);
    """
    (all_cards, of_type, of_level, num_sections, after, said), console = visit(page, script, tmp_path)
    assert of_type == [card for card in all_cards if card["question_type"] == "obj_attribute_occ_lr"] != []
    wanted = [card for card in all_cards if card["occ_level"] == "medium" and card["num_frames"] == "3"]
    assert of_level == wanted != all_cards
    assert num_sections == len({card["question_type"] for card in wanted})
    assert after == all_cards
    assert said == f"{len(all_cards)} shown"
    assert console == []


def test_nothing_is_wider_than_a_phone(page: str, tmp_path: Path) -> None:
    script = """
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const words = [...document.querySelectorAll("p, li, td, th, label")].filter((element) => element.checkVisibility());
    answer([innerWidth, document.documentElement.scrollWidth, Math.min(...words.map(size)), shown().length]);
    """
    (width, needed, smallest, num_shown), console = visit(page, script, tmp_path, PHONE)
    assert width == PHONE
    assert needed <= PHONE
    assert smallest >= 12
    assert num_shown > 0
    assert console == []

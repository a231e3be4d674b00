"""What the charts draw is what was counted, inside their sheet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spatialmosaic_builder.html_report.charts import Chart, plan_bars, plan_charts, plan_histogram, with_num_frames


def assert_inside(chart: Chart) -> None:
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= chart.width
        assert 0 <= bar.y <= bar.y + bar.height <= chart.height


def test_bars_are_as_long_as_their_shares() -> None:
    chart = plan_bars("Level", [("low", 300), ("medium", 150), ("high", 0)])
    low, medium, high = (bar.width for bar in chart.bars)
    assert (medium, high) == (pytest.approx(low / 2, abs=0.1), 0)
    assert {text.text for text in chart.texts} >= {"300 (67%)", "150 (33%)", "0 (0%)"}
    assert_inside(chart)


def test_histogram_bars_are_as_high_as_their_shares() -> None:
    chart = plan_histogram("Ratio", [10, 40, 0], np.linspace(0, 0.3, 4))
    heights = [bar.height for bar in chart.bars]
    assert heights == [pytest.approx(heights[1] / 4, abs=0.1), max(heights), 0]
    assert chart.bars[1].title == "0.1 to 0.2: 40"
    assert len({bar.y + bar.height for bar in chart.bars}) == 1
    assert_inside(chart)


@pytest.mark.parametrize("num_records", [0, 3])
def test_charts_count_every_record_that_has_a_value(num_records: int) -> None:
    records = pa.table(
        {
            "frames": pa.array([["a", "b"], ["a", "b", "c"], ["a", "b"]], pa.list_(pa.string())),
            "occ_level": pa.array(["low", None, "extreme"]),
            "overlap_level": ["high"] * 3,
            "vis_level": ["Fully Visible"] * 3,
            "gt_scenario": ["Full Coverage"] * 3,
            "overlap_avg": [0.0, 29.9, 30.0],
            "occlusion_avg": pa.array([0.0, None, 1.0], pa.float32()),
        }
    ).slice(0, num_records)
    charts = {chart.title: [bar.title for bar in chart.bars] for chart in plan_charts(with_num_frames(records))}
    shown = sum(int(title.split(": ")[1]) for title in charts["Mean overlap of the frames, percent"])
    assert shown == num_records
    if num_records:
        assert charts["Frames"][:2] == ["2: 2 of 3", "3: 1 of 3"]
        assert charts["Occlusion"] == ["low: 1 of 2", "medium: 0 of 2", "high: 0 of 2", "extreme: 1 of 2"]
        assert charts["Mean occlusion ratio of the targets"][-1] == "0.95 to 1: 1"

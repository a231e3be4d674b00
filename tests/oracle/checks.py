"""Truth of records against exact rays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from .rays import FEW_POINTS, FrameView, SetView, Viewer
from .report import AGREE, DISAGREE, TOLERANCE, Disagreement, Report
from .scan import Ints, Scan, category_key, load_scan
from .structure import AXES, OPPOSITE, RELATION_TASKS, SIDE, Parsed, Record, Rules, check_groups, check_structure
from .tri import Tri, above, maybe, sure

OVERLAP_LIMIT, OVERLAP_BAND = 0.30, 0.02
OCCLUSION_BAND = 0.03
SEPARATION_BAND = 0.02
CENTER_BAND = 0.02 * SIDE
EDGE_BAND = 2 * CENTER_BAND
AREA_BAND = 1.10
LENGTH_RATIO, LENGTH_BAND = 0.02, 0.02

AXIS_INDEX = {relation: axis for axis, pair in enumerate(AXES.values()) for relation in pair}
FIRST = frozenset({"left", "higher", "closer"})


def relation_holds(view: FrameView, target: int, source: int, relation: str) -> Tri:
    """Whether the boxes are separated as stated, margin 0."""
    axis = AXIS_INDEX[relation]
    before, after = (target, source) if relation in FIRST else (source, target)
    return above(float(view.low[after, axis] - view.high[before, axis]), 0.0, SEPARATION_BAND)


def every(claims: Iterable[Tri]) -> Tri:
    """Conjunction."""
    return reduce(Tri.__and__, claims, sure(True))


def some(claims: Iterable[Tri]) -> Tri:
    """Disjunction."""
    return reduce(Tri.__or__, claims, sure(False))


@dataclass(slots=True)
class Checker:
    """Checks the truth of one record."""

    record: Record
    parsed: Parsed
    scan: Scan
    view: SetView
    report: Report
    verdict: str = AGREE

    def claim(self, what: str, holds: Tri, expected: object, got: object, evidence: Callable[[], str] = str) -> None:
        """Count a claim; what does not hold nominally is kept with its evidence."""
        state = AGREE if holds.nominal else TOLERANCE if holds.high else DISAGREE
        self.report.claims[f"{self.parsed.task}: {what}"][state] += 1
        if state == AGREE:
            return
        r = self.record
        where = f"{r['scene_name']} {list(r['frames'])} query {r['query_frame']}; {evidence()}"
        entry = Disagreement(r["id"], r["question_type"], what, str(expected), str(got), where)
        (self.report.within_tolerance if state == TOLERANCE else self.report.disagreements).append(entry)
        self.verdict = DISAGREE if DISAGREE in (state, self.verdict) else TOLERANCE

    # -- evidence ---------------------------------------------------------------------------------------------------

    def show(self, instances: Iterable[int]) -> str:
        """Numbers of instances in every frame."""
        parts = []
        for i in instances:
            obj, views = self.scan.instances[i], self.view.views
            cells = [f"r={v.ratio[i]:.3f} n={v.points_visible[i]}/{v.points[i]} px={v.pixels[i]:.1f}" for v in views]
            parts.append(f"#{obj.id} {obj.label} ({obj.owned} vertices): " + " | ".join(cells))
        return "; ".join(parts)

    def show_boxes(self, target: int, source: int) -> str:
        v = self.query
        return f"T {v.low[target].round(3)}..{v.high[target].round(3)} S {v.low[source].round(3)}..{v.high[source].round(3)}"

    # -- predicates -------------------------------------------------------------------------------------------------

    @property
    def k(self) -> int:
        return int(self.record["query_frame"]) - 1

    @property
    def query(self) -> FrameView:
        return self.view.views[self.k]

    def visible(self, i: int, frame: int) -> Tri:
        v = self.view
        return Tri(bool(v.visible[frame, i]), bool(v.visible_low[frame, i]), bool(v.visible_high[frame, i]))

    def elsewhere(self, i: int) -> Tri:
        """Visible in a frame of the set other than the query frame."""
        return some(self.visible(i, f) for f in range(len(self.view.views)) if f != self.k)

    def eligible(self, i: int) -> Tri:
        """Occlusion under 0.9 somewhere in the set, and enough vertices."""
        v = self.view
        seen = Tri(bool(v.eligible[i]), bool(v.eligible_low[i]), bool(v.eligible_high[i]))
        return seen & self.scan.instances[i].large_enough

    def members(self, category: str) -> Ints:
        return self.scan.members.get(category_key(category), np.zeros(0, np.int64))

    def instance(self, role: str) -> int | None:
        """Index of the record's source or target; checks that it exists, is of its category and may be a subject."""
        ref = self.record[role]
        i = self.scan.index.get(ref["instance_id"])
        known = i is not None and self.scan.instances[i].key == category_key(ref["category"])
        self.claim(f"{role} exists with its category", sure(known), ref["category"], ref["instance_id"])
        if i is None:
            return None
        obj = self.scan.instances[i]
        self.claim(f"{role} is a subject", self.scan.subject(obj.key), "a subject", obj.label)
        self.claim(f"{role} has 50 vertices", obj.large_enough, ">= 50", f"{obj.owned} owned of {obj.group_size}")
        return i

    # -- claims of all records --------------------------------------------------------------------------------------

    def check_frames(self) -> None:
        overlaps = self.view.overlaps
        worst, mean = max(overlaps), 100 * float(np.mean(overlaps))
        got = self.record["overlap_avg"]
        self.claim("pairs overlap < 0.30", ~above(worst, OVERLAP_LIMIT, OVERLAP_BAND), "< 0.30", f"{worst:.3f}")
        self.claim("overlap_avg", sure(abs(mean - got) <= 100 * OVERLAP_BAND), f"{mean:.2f}", got)
        self.claim("every frame sees something", sure(not self.view.empty), "points", "none")

    def occlusion(self, low: set[int], nominal: set[int], high: set[int]) -> tuple[float | None, float, float, bool]:
        """Mean ratio of the targets: nominal, least, greatest, and whether it may be undefined."""
        fixed: list[tuple[float, float]] = []
        loose: list[tuple[float, float]] = []
        values: list[float] = []
        for i in high:
            for v in self.view.views:
                n = int(v.points[i])
                if n and i in nominal:
                    values.append(float(v.ratio[i]))
                if n >= FEW_POINTS and i in low:
                    fixed.append((max(0.0, float(v.ratio_low[i])), min(1.0, float(v.ratio_high[i]))))
                elif n >= FEW_POINTS:
                    loose.append((max(0.0, float(v.ratio_low[i])), min(1.0, float(v.ratio_high[i]))))
                elif n or v.points_near[i]:
                    loose.append((0.0, 1.0))
        bounds = []
        for side, order in ((0, 1), (1, -1)):
            chosen = [term[side] for term in fixed]
            for value in sorted((term[side] for term in loose), key=lambda x, o=order: o * x):  # type: ignore[misc]
                if not chosen or order * value < order * float(np.mean(chosen)):
                    chosen.append(value)
            bounds.append(float(np.mean(chosen)) if chosen else math.nan)
        return (float(np.mean(values)) if values else None), bounds[0], bounds[1], not fixed

    def check_diagnostics(self, nominal: set[int], low: set[int], high: set[int]) -> None:
        """Claims about the target instances; `low` are surely targets, `high` possibly."""
        r, v = self.record, self.view
        mean, least, greatest, undefined = self.occlusion(low, nominal, high)
        got = r["occlusion_avg"]
        if got is None or mean is None:
            holds = maybe(got is None and mean is None, undefined)
        else:
            holds = maybe(abs(got - mean) <= OCCLUSION_BAND, least - 1e-6 <= got <= greatest + 1e-6)
        self.claim("occlusion_avg", holds, f"{mean} in {least:.3f}..{greatest:.3f}", got, lambda: self.show(high))
        sets = [(nominal, v.visible), (low, v.visible_low), (high, v.visible_high)]
        counts = [
            int(np.logical_or.reduce(array[:, sorted(which)], axis=1).sum()) if which else 0 for which, array in sets
        ]
        got = r["num_frames_visible"]
        holds = maybe(got == counts[0], counts[1] <= got <= counts[2])
        self.claim("num_frames_visible", holds, counts[0], got, lambda: self.show(high))
        if self.parsed.task not in RELATION_TASKS:
            full = Tri(
                bool(nominal) and bool(v.visible[:, sorted(nominal)].all()),
                bool(low) and bool(v.visible_low[:, sorted(high)].all()),
                bool(high) and bool(v.visible_high[:, sorted(low or high)].all()),
            )
            says = r["vis_level"] == "Fully Visible"
            self.claim("vis_level", full if says else ~full, full, r["vis_level"], lambda: self.show(high))
        everything = self.members(r["category"])
        large = [i for i in everything if self.scan.instances[i].large_enough.nominal]
        shown = self.shown(everything)
        covered = Tri(len(shown[0]) == len(everything), len(shown[1]) == len(everything), shown[2].issuperset(large))
        says = r["gt_scenario"] == "Full Coverage"
        evidence = lambda: self.show(everything)  # noqa: E731
        self.claim("gt_scenario", covered if says else ~covered, covered, r["gt_scenario"], evidence)

    # -- single-category tasks --------------------------------------------------------------------------------------

    def check_category(self) -> Ints:
        """The category may be asked about, and no tiny instance of it shows in the set."""
        category = self.record["category"]
        members = self.members(category)
        self.claim("category is a subject", self.scan.subject(category_key(category)), "a subject", category)
        pixels = np.stack([v.pixels for v in self.view.views]).max(0)
        least = np.stack([v.pixels_low for v in self.view.views]).max(0)
        tiny = [
            ~self.scan.instances[i].large_enough & Tri(pixels[i] >= 1, least[i] >= 2, pixels[i] > 0) for i in members
        ]
        small = [i for i in members if not self.scan.instances[i].large_enough.low]
        self.claim("no instance < 50 vertices shows", ~some(tiny), "none", "some", lambda: self.show(small))
        return members

    def shown(self, members: Ints) -> tuple[set[int], set[int], set[int]]:
        """Members visible in some frame: nominally, surely, possibly."""
        v = self.view
        hits = [{int(i) for i in members if a[:, i].any()} for a in (v.visible, v.visible_low, v.visible_high)]
        return hits[0], hits[1], hits[2]

    def check_count(self) -> None:
        members = self.check_category()
        nominal, low, high = self.shown(members)
        key = int(str(self.parsed.answer["count"]))
        holds = maybe(key == len(nominal), len(low) <= key <= len(high))
        expected = f"{len(nominal)} in {len(low)}..{len(high)}"
        self.claim("count", holds, expected, key, lambda: self.show(high))
        if self.parsed.task == "best_view":
            self.check_best_frame(members)
        self.check_diagnostics(nominal, low, high)

    def check_best_frame(self, members: Ints) -> None:
        v = self.view
        pixels = np.stack([view.pixels for view in v.views])[:, members]
        arrays = [a[:, members] for a in (v.visible, v.visible_low, v.visible_high)]
        counts, areas = [a.sum(1) for a in arrays], [(a * pixels).sum(1) for a in arrays]
        best = max(range(len(v.views)), key=lambda f: (counts[0][f], areas[0][f]))
        got = int(str(self.parsed.answer["frame"])) - 1
        possible = all(
            counts[2][got] > counts[1][g]
            or (counts[2][got] == counts[1][g] and areas[2][got] * AREA_BAND >= areas[1][g])
            for g in range(len(v.views))
            if g != got
        )
        table = f"counts {counts[0].tolist()} areas {areas[0].round().tolist()}"
        holds = maybe(got == best, possible)
        self.claim("best frame", holds, best + 1, got + 1, lambda: f"{table}; {self.show(members)}")

    def check_localization(self) -> None:
        members = self.check_category()
        key = self.parsed.key_point
        target = self.instance("target")
        if target is None:
            return
        others = [int(i) for i in members if i != target]
        here = [self.visible(int(i), self.k) for i in members]
        if key is None:
            self.claim("No: none in the query frame", ~some(here), "none", "some", lambda: self.show(members))
            self.claim("No: target elsewhere", self.elsewhere(target), "visible", "not", lambda: self.show([target]))
            sets = self.shown(members)
            self.check_diagnostics(sets[0], sets[1], sets[2])
            return
        alone = ~some(self.visible(i, self.k) for i in others)
        visible = self.visible(target, self.k)
        self.claim("Yes: target in the query frame", visible, "visible", "not", lambda: self.show([target]))
        self.claim("Yes: the only one of its category", alone, "alone", "not", lambda: self.show(members))
        self.check_box("key", target, key)
        self.check_bbox(target)
        self.check_diagnostics({target}, {target}, {target})

    def check_box(self, what: str, i: int, point: tuple[int, int]) -> None:
        """A point in question coordinates is the centre of the box of visible pixels."""
        scale, boxes = self.scale, (self.query.box, self.query.box_low, self.query.box_high)
        centers = [(b[i, :2] + b[i, 2:]) / 2 * scale for b in boxes]
        if np.isnan(centers[0]).any():
            self.claim(f"{what} centre of box", sure(False), "visible pixels", point, lambda: self.show([i]))
            return
        near = bool((abs(centers[0] - point) <= CENTER_BAND).all())
        inside = bool(((point >= centers[1] - CENTER_BAND) & (point <= centers[2] + CENTER_BAND)).all())
        expected = f"{centers[0].round(1).tolist()}"
        self.claim(f"{what} centre of box", maybe(near, inside), expected, point, lambda: self.show([i]))

    @property
    def scale(self) -> Any:
        camera = self.scan.frames[_stem(self.record["frames"][self.k])].camera
        return np.array([SIDE / camera.width, SIDE / camera.height])

    def check_bbox(self, i: int) -> None:
        box, diag, scale = self.record["bbox_2d"], self.record["bbox_2d_diag"], np.tile(self.scale, 2)
        if np.isnan(self.query.box[i]).any():
            return
        mine, low, high = (b[i] * scale for b in (self.query.box, self.query.box_low, self.query.box_high))
        got = np.array(box, float) * scale
        near = bool((abs(got - mine) <= EDGE_BAND).all())
        inside = bool(((got >= low - EDGE_BAND) & (got <= high + EDGE_BAND)).all())
        self.claim("bbox_2d edges", maybe(near, inside), (mine / scale).round(1).tolist(), box, lambda: self.show([i]))
        sides = got[2:] - got[:2]
        slack = 2 * float(np.hypot(*scale[:2])) + 0.01
        lengths = [float(np.hypot(*sides)), float(np.hypot(*(sides + scale[:2])))]
        fits = lengths[0] - slack <= diag <= lengths[1] + slack
        self.claim("bbox_2d_diag of bbox_2d", sure(fits), f"{lengths[0]:.1f}", diag)
        key = self.parsed.key_point
        middle = (got[:2] + got[2:]) / 2
        self.claim("key of bbox_2d", sure(bool((abs(middle - key) <= 1.5).all())), middle.round(1).tolist(), key)

    # -- multi-category tasks ---------------------------------------------------------------------------------------

    def check_relation(self) -> None:
        source, target = self.instance("source"), self.instance("target")
        if source is None or target is None:
            return
        self.check_pair(source, target)
        truth = relation_holds(self.query, target, source, self.record["relation"])
        evidence = lambda: self.show_boxes(target, source)  # noqa: E731
        self.claim("relation", truth, self.record["relation"], "not separated so", evidence)
        if self.parsed.task == "attribute":
            self.check_distractors(source)
        elif self.parsed.task == "spatial_relation":
            for index in range(len(self.parsed.options)):
                if index != self.record["answer_index"]:
                    stated = self.parsed.option_relation(index)
                    false = relation_holds(self.query, target, source, OPPOSITE[stated])
                    self.claim("distractor false, axis decided", false, OPPOSITE[stated], stated, evidence)
        self.check_diagnostics({target}, {target}, {target})

    def check_pair(self, source: int, target: int) -> None:
        k = self.k
        self.claim("source in the query frame", self.visible(source, k), "visible", "not", lambda: self.show([source]))
        hidden = ~self.visible(target, k)
        self.claim("target not in the query frame", hidden, "absent", "visible", lambda: self.show([target]))
        self.claim("target elsewhere", self.elsewhere(target), "visible", "not", lambda: self.show([target]))
        self.check_alone("T", target)
        self.check_named("source", source)

    def check_alone(self, name: str, i: int) -> None:
        """No other eligible instance of its category: the category alone names it."""
        members = [int(j) for j in self.members(self.scan.instances[i].key)]
        one = self.eligible(i) & ~some(self.eligible(j) for j in members if j != i)
        self.claim(f"one eligible instance of {name}'s category", one, "one", "other", lambda: self.show(members))

    def check_named(self, role: str, i: int) -> None:
        """The only visible one of its category in the query frame, or tagged with its place."""
        rivals = [int(j) for j in self.members(self.scan.instances[i].key) if j != i]
        unique = ~some(self.visible(j, self.k) for j in rivals)
        position = self.record[role]["position"]
        if position is None:
            self.claim(f"{role} unique or tagged", unique, "unique", "not", lambda: self.show([i, *rivals]))
        else:
            self.claim("tag needed", ~unique, "no tag", position, lambda: self.show([i, *rivals]))
            self.check_box("tag", i, tuple(position))

    def check_distractors(self, source: int) -> None:
        asked = self.record["relation"]
        for index, option in enumerate(self.parsed.options):
            if index == self.record["answer_index"]:
                continue
            name = str(option["category"])
            members = [int(i) for i in self.members(name)]
            self.claim("distractor is a subject", self.scan.subject(category_key(name)), "a subject", name)
            eligible = {i: self.eligible(i) for i in members}
            anyone = some(eligible.values())
            self.claim("distractor eligible", anyone, "eligible", name, lambda m=members: self.show(m))  # type: ignore[misc]
            opposite = [~e | relation_holds(self.query, i, source, OPPOSITE[asked]) for i, e in eligible.items()]
            self.claim(
                "distractor all opposite",
                every(opposite),
                OPPOSITE[asked],
                name,
                lambda m=members: "; ".join([*(self.show_boxes(i, source) for i in m), self.show(m)]),  # type: ignore[misc]
            )

    # -- lengths ----------------------------------------------------------------------------------------------------

    def check_length(self) -> None:
        target = self.instance("target")
        if target is None:
            return
        obj, seen = self.scan.instances[target], range(len(self.view.views))
        if self.record["query_frame"] is not None:
            visible = self.visible(target, self.k)
            self.claim("target in the query frame", visible, "visible", "not", lambda: self.show([target]))
            self.check_named("target", target)
            frame = self.scan.frames[_stem(self.record["frames"][self.k])]
            self.check_number("distance to the camera", math.dist(frame.center, obj.center), 1, 2)
        else:
            shown = some(self.visible(target, f) for f in seen)
            self.claim("target in a frame", shown, "visible", "not", lambda: self.show([target]))
            self.check_alone("T", target)
        if self.parsed.task == "size":
            self.check_number("longest side", float(obj.lengths.max()), 100, 0)
        elif self.record["source"] is not None:
            source = self.instance("source")
            if source is None:
                return
            shown = some(self.visible(source, f) for f in seen)
            self.claim("source in a frame", shown, "visible", "not", lambda: self.show([source]))
            self.check_alone("S", source)
            self.check_number("distance", math.dist(obj.center, self.scan.instances[source].center), 1, 2)
        self.check_diagnostics({target}, {target}, {target})

    def check_number(self, what: str, metres: float, per_metre: int, decimals: int) -> None:
        """The answer is the length rounded, or within the band; the record's band is 2 % or 2 cm about it."""
        band, got = max(LENGTH_RATIO * metres, LENGTH_BAND), float(str(self.parsed.answer["number"]))
        rounding = 0.5 * 10**-decimals / per_metre
        off = abs(got / per_metre - metres)
        holds = maybe(off <= rounding + 1e-6, off <= band)
        self.claim(what, holds, f"{metres * per_metre:.4f}", got)
        ends = [(metres - band) * per_metre, (metres + band) * per_metre]
        same = np.allclose(self.record["answer_band"], ends, rtol=1e-3, atol=1e-3)
        self.claim("answer_band", sure(same), ends, self.record["answer_band"])

    def run(self) -> str:
        self.check_frames()
        if self.parsed.task in ("count", "best_view"):
            self.check_count()
        elif self.parsed.task == "localization":
            self.check_localization()
        elif self.parsed.task in ("distance", "size"):
            self.check_length()
        else:
            self.check_relation()
        return self.verdict


def _stem(name: str) -> str:
    return Path(name).stem if name.lower().endswith((".jpg", ".jpeg", ".png")) else name


def check_records(
    records: list[dict[str, Any]], root: Path, viewers: dict[tuple[str, str], Viewer] | None = None
) -> Report:
    """Check every record against the scans under `root`; `viewers` keeps ray caches between calls."""
    report, viewers = Report(), {} if viewers is None else viewers
    order = sorted(range(len(records)), key=lambda i: (records[i]["scene_name"], i))
    current: tuple[str, str] | None = None
    for i in order:
        record = records[i]
        parsed = check_structure(record, report.violations)
        if parsed is None:
            report.counts[record["question_type"]]["unchecked"] += 1
            continue
        scan_key = (record["scene_name"], "dslr" if "dslr" in Path(record["image_paths"][0]).parts else "iphone")
        if scan_key not in viewers:
            viewers[scan_key] = Viewer(load_scan(Path(root), *scan_key))
        if current not in (None, scan_key):
            viewers[current]._sets.clear()
        current, viewer = scan_key, viewers[scan_key]
        names = [_stem(name) for name in record["frames"]]
        posed = all(name in viewer.scan.frames for name in names)
        if not Rules(record, report.violations)(posed, "frames have a pose", record["frames"]):
            report.counts[record["question_type"]]["unchecked"] += 1
            continue
        verdict = Checker(record, parsed, viewer.scan, viewer.set(names), report).run()
        report.counts[record["question_type"]][verdict] += 1
    report.violations += check_groups(records)
    return report

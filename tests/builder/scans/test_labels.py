"""Raw labels to categories: what is junk, what is structure, and which spellings are one name."""

from __future__ import annotations

import itertools
import unicodedata

import inflect
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spatialmosaic_builder.scans.labels import (
    STRUCTURE_NAMES,
    categories_of,
    clean_name,
    is_junk,
    is_plural,
    is_structure,
    singular,
)

DOT = "\u0307"
THINGS = """
    air conditioner|backpack|bag|basket|bed|bench|blanket|book|bookshelf|bottle|bowl|box|brush|bucket|cabinet|cable|canvas
    chair|clock|clothes hanger|coat hanger|coffee machine|cookie|couch|crate|cup|curtain|cushion|desk|dish|drawer
    dress|electrical socket|fire extinguisher|floor lamp|glass|glove|guitar|headset|jar|kettle|key|keyboard|knife|lamp
    laptop|lens|light switch|mattress|microwave|mirror|monitor|mouse|mug|notebook|office chair|oven|painting|pen
    photo frame|pillow|plant pot|plate|plush toy|poster|power strip|printer|radiator|rug|shelf|shoe|shower head|sink
    smoke detector|sofa|speaker|spray bottle|stool|storage box|suitcase|table|tissue box|toilet brush|towel|toy|tray
    trash can|tv|umbrella|vase|wall clock|wardrobe|washing machine|watch|whiteboard|battery|candy|potato|leaf|glass vase
"""
NOUNS = [name.strip() for line in THINGS.strip().splitlines() for name in line.split("|")]
NUMBERS = inflect.engine()


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Chair", "chair"),
        ("  office \t chair\n", "office chair"),
        ("OFFICE\u00a0CHAIR", "office chair"),
        ("cafe\u0301 table", "caf\u00e9 table"),
        (f"cutti{DOT}ng board", f"cutti{DOT}ng board"),
        ("CUTT\u0130NG BOARD", f"cutti{DOT}ng board"),
        (f"CUTTI{DOT}NG BOARD", f"cutti{DOT}ng board"),
        ("", ""),
        (" ", ""),
    ],
)
def test_a_name_is_composed_trimmed_and_lower_case(label: str, name: str) -> None:
    assert clean_name(label) == name


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(codec="utf-8"), max_size=12))
@example(f"PI{DOT}cture")
def test_a_clean_name_is_clean(label: str) -> None:
    name = clean_name(label)
    assert clean_name(name) == name
    assert name == name.strip()
    assert "  " not in name
    assert clean_name(unicodedata.normalize("NFD", label)) == name


@pytest.mark.parametrize(
    "label",
    [
        "",
        "  ",
        "remove",
        "REMOVE",
        " Remove ",
        "SPLIT",
        "split",
        "object",
        "Objects",
        "unknown",
        "unlabeled",
        "Unlabelled",
        "unannotated",
        "reflection",
        "Reflections",
        "c",
        "O",
        "\u00a0x",
    ],
)
def test_labels_that_name_no_object_are_junk(label: str) -> None:
    assert is_junk(clean_name(label))
    assert categories_of([label, "chair"]) == {label: "", "chair": "chair"}


@pytest.mark.parametrize("label", ["chair", "tv", "pc", "object holder", "split air conditioner", "remover", "loth"])
def test_names_of_objects_are_no_junk(label: str) -> None:
    assert not is_junk(label)
    assert categories_of([label]) == {label: label}


@pytest.mark.parametrize("name", sorted(STRUCTURE_NAMES))
def test_every_name_of_the_structure_table_is_structure_in_both_numbers(name: str) -> None:
    assert is_structure(name)
    assert is_structure(name if name == "stairs" else NUMBERS.plural(name))
    assert is_structure(f"white {name}")


@pytest.mark.parametrize(
    "name",
    [
        "walls",
        "shower wall",
        "wooden floor",
        "ceiling beam",
        "window frame",
        "window-frame",
        "windowframe",
        "door frames",
        "doorframe",
        "windowsill",
        "concrete pillar",
        "ledge",
        "metal window frame",
        "stairs",
    ],
)
def test_parts_of_the_building_are_structure(name: str) -> None:
    assert is_structure(name)


@pytest.mark.parametrize(
    "name",
    [
        "wall clock",
        "floor lamp",
        "ceiling lamp",
        "door",
        "window",
        "picture frame",
        "bed frame",
        "photo frames",
        "floor mat",
        "windowsill plant",
        "stair toy",
        "sill",
        "",
        "wallet",
        "drywall saw",
    ],
)
def test_things_in_the_building_are_no_structure(name: str) -> None:
    assert not is_structure(name)


@pytest.mark.parametrize("name", NOUNS)
def test_a_name_and_its_plural_are_one_category_named_in_the_singular(name: str) -> None:
    plural = NUMBERS.plural(name)
    assert plural != name
    assert categories_of([plural, name]) == {plural: name, name: name}
    assert is_plural(plural)
    assert not is_plural(name)


@pytest.mark.parametrize(
    "name", ["scissors", "trousers", "headphones stand", "lens", "bus", "canvas", "chess", "tennis racket", "glass"]
)
def test_a_name_that_only_looks_plural_keeps_its_s(name: str) -> None:
    assert singular(name) == name


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("scissors", True),
        ("blinds", True),
        ("blind", False),
        ("lens", False),
        ("chest of drawers", False),
        ("pairs of shoes", True),
    ],
)
def test_the_verb_follows_the_number(name: str, plural: bool) -> None:
    assert is_plural(name) is plural


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["Trash Can", "trash can", "TRASH  CAN"], "trash can"),
        (["trashcan", "trash-can", "trash can", "trash cans"], "trash can"),
        (["white\u2011board", "white board", "white\u2013board"], "white board"),
        (["tshirt", "t-shirt"], "t-shirt"),
        (["light switches", "lightswitch"], "lightswitch"),
        (["Shelves", "shelf"], "shelf"),
        (["scarf", "scarves"], "scarf"),
        (["hoodies", "hoodie"], "hoodie"),
        (["Axes", "axe"], "axe"),
        (["books", "BOOKS"], "books"),
        (["cafe\u0301", "CAF\u00c9"], "caf\u00e9"),
    ],
)
def test_spellings_of_one_name_are_one_category_in_whatever_order_they_come(labels: list[str], name: str) -> None:
    for order in itertools.permutations(labels):
        assert categories_of(order) == dict.fromkeys(labels, name)


def test_names_of_different_things_stay_apart() -> None:
    labels = [
        "cabinet",
        "kitchen cabinet",
        "ceiling lamp",
        "ceiling light",
        "glass",
        "class",
        "couch",
        "sofa",
        "botlle",
    ]
    assert categories_of(labels) == {label: label for label in labels}


def test_a_spelling_is_only_chosen_among_those_that_the_scene_has() -> None:
    assert categories_of(["chairs"]) == {"chairs": "chairs"}
    assert categories_of(["chairs", "chair"]) == {"chairs": "chair", "chair": "chair"}


def test_labels_may_come_from_an_iterator() -> None:
    assert categories_of(iter(["chairs", "chair"])) == {"chairs": "chair", "chair": "chair"}


WORDS = st.lists(st.sampled_from(["book", "books", "shelf", "shelves", "Book", "glass"]), min_size=1, max_size=3)
LABELS = st.builds(lambda words, blank: blank.join(words), WORDS, st.sampled_from([" ", "-", "", "  "]))


@settings(deadline=None, derandomize=True)
@given(st.lists(LABELS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_categories_do_not_depend_on_the_order_of_the_labels(labels: list[str], random: object) -> None:
    categories = categories_of(labels)
    shuffled = labels * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert categories_of(shuffled) == categories
    names = set(categories.values())
    assert names <= {clean_name(label) for label in labels}
    assert categories_of(sorted(names)) == {name: name for name in names}

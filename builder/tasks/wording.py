"""Every sentence a question or an option can be, in one table (paper, Table 5), and the grammar they share."""

from __future__ import annotations

from collections.abc import Sequence

from ..rules import Rules
from ..scans.labels import article, is_plural, plural

LITERAL = {
    "count": "How many {category}(s) are visible across these frames?",
    "best_view": (
        "How many {category}(s) are visible across these frames? "
        "And tell me which frame provides the most informative view of the {category}(s)."
    ),
    "best_view_option": "{count} {category}(s); Frame {frame}",
    "localization": "Is there a(n) {category} in Frame {frame}? If so, what is the bounding box center coordinates?",
}
"""As the paper prints them."""
GRAMMATICAL = {
    "count": "How many {plural} are visible across these frames?",
    "best_view": (
        "How many {plural} are visible across these frames? "
        "And tell me which frame provides the most informative view of the {plural}."
    ),
    "best_view_option": "{count} {counted}; Frame {frame}",
    "localization": "{is_there} in Frame {frame}? If so, what is the bounding box center coordinates?",
}
"""The same with the right form of every name."""
WORDINGS = {"literal": LITERAL, "grammatical": GRAMMATICAL}
"""By `Rules.wording`."""

EXISTENCE = "In Frame {frame}, {is_} the {target} {relation} the {source} in this viewpoint?"
ATTRIBUTE = "In Frame {frame}, which object appears {relation} the {source} in this viewpoint?"
SPATIAL_RELATION = "In Frame {frame}, where {does} the {target} appear in this view relative to the {source}?"
CAMERA_DISTANCE = "In Frame {frame}, what is the distance in meters between the camera and the {target}?"
OBJECT_DISTANCE = "What is the distance in meters between the {target} and the {source}?"
SIZE = "What is the length in centimeters of the longest side of the {target}?"

LOCALIZATION_OPTION = "Yes; ({x}, {y})"
POINT = "({x}, {y})"
YES, NO = "Yes", "No"

RELATION_PHRASES = {
    "left": "to the left of",
    "right": "to the right of",
    "higher": "higher than",
    "lower": "lower than",
    "closer": "closer to the camera than",
    "farther": "farther from the camera than",
}
OPPOSITES = {
    "left": "right",
    "right": "left",
    "higher": "lower",
    "lower": "higher",
    "closer": "farther",
    "farther": "closer",
}


def count(rules: Rules, category: str) -> str:
    """Ask how many there are."""
    return WORDINGS[rules.wording]["count"].format(category=category, plural=plural(category))


def best_view(rules: Rules, category: str) -> str:
    """Ask how many there are and which frame shows them best."""
    return WORDINGS[rules.wording]["best_view"].format(category=category, plural=plural(category))


def best_view_option(rules: Rules, number: int, category: str, frame: int) -> str:
    """Offer a count and the 1-based position of a frame."""
    counted = category if number == 1 else plural(category)
    return WORDINGS[rules.wording]["best_view_option"].format(
        count=number, category=category, counted=counted, frame=frame
    )


def localization(rules: Rules, category: str, frame: int) -> str:
    """Ask for the place of an object in a frame, 1-based."""
    is_there = f"Are there {category}" if is_plural(category) else f"Is there {article(category)} {category}"
    return WORDINGS[rules.wording]["localization"].format(category=category, is_there=is_there, frame=frame)


def composite_option(relations: Sequence[str], category: str, source: str) -> str:
    """Say two relations as an option, such as `To the left of the chair and farther from the camera than it.`."""
    first, second = (RELATION_PHRASES[relation] for relation in relations)
    return f"{first[0].upper()}{first[1:]} the {source} and {second} {'them' if is_plural(category) else 'it'}."


def relation_option(relation: str, source: str) -> str:
    """Say a relation as an option, such as `To the left of the chair.`."""
    phrase = RELATION_PHRASES[relation]
    return f"{phrase[0].upper()}{phrase[1:]} the {source}."


def tagged(category: str, position: tuple[int, int] | None) -> str:
    """Name an object, with its place in the image where the name alone would not tell: `chair (217, 122)`."""
    return category if position is None else f"{category} ({position[0]}, {position[1]})"


def verb_be(category: str) -> str:
    """`is` or `are`, as the category needs."""
    return "are" if is_plural(category) else "is"


def verb_do(category: str) -> str:
    """`does` or `do`, as the category needs."""
    return "do" if is_plural(category) else "does"

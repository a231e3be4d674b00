"""Every sentence a question or an option can be, in one table (paper, Table 5), and the grammar they share."""

from __future__ import annotations

from ..scans.labels import is_plural

COUNT = "How many {category}(s) are visible across these frames?"
BEST_VIEW = (
    "How many {category}(s) are visible across these frames? "
    "And tell me which frame provides the most informative view of the {category}(s)."
)
EXISTENCE = "In Frame {frame}, {is_} the {target} {relation} the {source} in this viewpoint?"
ATTRIBUTE = "In Frame {frame}, which object appears {relation} the {source} in this viewpoint?"
SPATIAL_RELATION = "In Frame {frame}, where {does} the {target} appear in this view relative to the {source}?"
LOCALIZATION = "Is there a(n) {category} in Frame {frame}? If so, what is the bounding box center coordinates?"
CAMERA_DISTANCE = "In Frame {frame}, what is the distance in meters between the camera and the {target}?"
OBJECT_DISTANCE = "What is the distance in meters between the {target} and the {source}?"
SIZE = "What is the length in centimeters of the longest side of the {target}?"

BEST_VIEW_OPTION = "{count} {category}(s); Frame {frame}"
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

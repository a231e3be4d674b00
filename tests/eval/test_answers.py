"""What is read from an answer: the shapes that models really write."""

from __future__ import annotations

import time
from itertools import permutations, product

import pytest

from spatialmosaic_eval.spatialmosaic_accuracy.answers import AMBIGUOUS, BEYOND, OK, UNPARSED
from spatialmosaic_eval.spatialmosaic_accuracy.choices import parse_choice, parse_choice_as_authors
from spatialmosaic_eval.spatialmosaic_accuracy.quantities import (
    parse_number,
    parse_number_as_authors,
    parse_point,
    parse_point_as_authors,
)

COUNTS = ("A. 4", "B. 3", "C. 2", "D. 1")
YES_NO = ("A. Yes", "B. No")
NAMES = ("A. chair", "B. office chair", "C. table lamp", "D. sofa")
RELATIONS = (
    "A. To the left of the bed.",
    "B. To the right of the bed.",
    "C. Higher than the bed.",
    "D. Closer to the camera than the bed.",
)
POINTS = ("A. Yes; (91, 237)", "B. No", "C. Yes; (300, 40)", "D. Yes; (83, 203)")
VIEWS = ("A. 2 chair(s); Frame 1", "B. 2 chair(s); Frame 2", "C. 1 chair(s); Frame 1", "D. 1 chair(s); Frame 2")

DESIGN_TABLE = {
    **dict.fromkeys(["D", "D.", "D. 1", "D) 1", "(D)", "**D**", "[D]", "D:1", '"D"', "D,", "D.\nExplanation"], "D"),
    **dict.fromkeys(["D\n\nBecause A is too many.", "Answer: D", "The answer is D.", "Option D", "d"], "D"),
    **dict.fromkeys(["<think>Is it A or B?</think> D", "1", "There is 1 mouse."], "D"),
    "I think the correct option is (D) because A is too many.": "D",
    "A or D": None,
    "A mouse is visible: D": None,
}

READ = [
    (COUNTS, "D", text)
    for text in (
        *(
            "D<|im_end|>",
            " D ",
            "D)",
            "{D}",
            "'D'",
            "`D`",
            "__D__",
            "\uff24",
            "\uff08D\uff09",
            "D - 1",
            "D \u2013 1",
            "D: one mouse",
        ),
        *("answer is d.", "Final Answer: (D)", "**Answer:** D", "The correct answer is: **D. 1**", "ANSWER: D"),
        *(
            "My answer would be D.",
            "The answer is option D.",
            "The best choice is D",
            "Answer -> D",
            "答案是D",
            "答案\uff1aD",
        ),
        *("I choose (D)", "I'd go with D", "I would pick D.", "It's D.", "D is the correct answer", "(D) is right."),
        *("D because the others are too many", "Let me see.\nD", "Let me count.\n\n**D**", "\\boxed{D}"),
        *(
            "$\\boxed{\\text{D}}$",
            "<answer>D</answer>",
            "<answer>\nD. 1\n</answer>",
            "one",
            "There is one mouse in Frame 3.",
        ),
        *("<reasoning>A seems wrong.</reasoning>\nAnswer: D", "so A is out</think>D"),
        *("Option A is incorrect. Option D is correct.", "The answer is not A. The answer is D."),
        *("First I thought the answer is A. On reflection, the answer is D.", "(A) is wrong, (D) is right", "D D D"),
    )
] + [
    *(
        (COUNTS, "D", text)
        for text in (
            "D, not A",
            "The answer is (D) 1, not (A) 4",
            "Answer:\nD",
            "D 1",
            "D.\n\nA is too many, maybe B too",
        )
    ),
    (YES_NO, "A", "Yes (A)"),
    (YES_NO, "B", "No, so the answer is B."),
    (YES_NO, "A", "Yes"),
    (YES_NO, "B", "no."),
    (YES_NO, "B", "No, the lamp is on the other side."),
    (YES_NO, "A", "The answer is A. Yes"),
    (YES_NO, "B", "b) No"),
    (NAMES, "A", "chair"),
    (NAMES, "A", "a chair"),
    (NAMES, "A", "The chair."),
    (NAMES, "B", "The office chair appears to the left."),
    (NAMES, "B", "It is the office chair"),
    (NAMES, "C", "Table Lamp"),
    (RELATIONS, "A", "to the left of the bed"),
    (RELATIONS, "C", "The lamp is higher than the bed."),
    (RELATIONS, "A", "A. To the left of the bed."),
    (POINTS, "D", "Yes, (83, 203)"),
    (POINTS, "B", "No, there is no lamp in Frame 2."),
    (VIEWS, "B", "2 chairs; Frame 2"),
    (VIEWS, "D", "1 chair; Frame 2"),
    *(
        (COUNTS, "D", text)
        for text in (
            "The correct answer is D. Options A, B, and C are incorrect.",
            "D. Option A shows too many.",
            "I choose D over A",
            "D rather than A",
            "A is not right, so D",
            "I'd say D",
            "Therefore, D.",
            "Final answer D",
            "The final answer is: \\(D\\)",
            "I would choose A if there were four, but the answer is D",
            "Not (A) but (D)",
            "I am not sure. The answer is D",
            "There is 1 mouse across 3 frames.",
        )
    ),
    *(
        (NAMES, "B", text)
        for text in (
            "Based on the images, the correct answer is **B. office chair**. A, C and D are not visible.",
            "B\n\nExplanation: The chair (A) is in Frame 1, while the lamp is behind. Option D, the sofa, is not seen.",
            "B. office chair\n\nIt stands on the right or behind the desk. C is too far away.",
            "The answer is B. The sofa is visible in Frame 1 or Frame 2, and D is lower.",
            "B. A chair could be seen, but it is lower.",
            "B, since A is also too low",
        )
    ),
    (YES_NO, "A", "The answer is yes"),
    (YES_NO, "B", "Answer: No"),
    (POINTS, "C", "(300, 40)"),
    (POINTS, "A", "A. Yes"),
]

AMBIGUOUS_ANSWERS = [
    *((COUNTS, text) for text in ("A or D", "A and D", "A/D", "A, B", "(A) or (B)", "The answer is A or D", "D. 2")),
    *(
        (COUNTS, text)
        for text in ("A. 4\nB. 3\nC. 2\nD. 1", "A. But the answer is D.", "There are 2 or 3", "Option A, option B")
    ),
    *((COUNTS, text) for text in ("The answer is D. 4", "(A) ... (C)", "2 in all, no: 3")),
    *(
        (COUNTS, text)
        for text in (
            "A? Or maybe D.",
            "A. No, wait, D.",
            "B A",
            "B C D",
            "C/D?",
            "A, or possibly B",
            "B... actually C",
            "A vs. B",
        )
    ),
    *(
        (COUNTS, text)
        for text in ("The answer is A, or maybe D", "The answer is A. Actually D.", "(A)(B)", "A & B", "A or B or C")
    ),
    (YES_NO, "Yes (B)"),
    (YES_NO, "Yes, so the answer is B."),
    (YES_NO, "No. Yes."),
    (NAMES, "Chair. The answer is D."),
    (YES_NO, "Yes, there is no doubt"),
    (YES_NO, "B. Yes"),
    (NAMES, "chair or sofa"),
    (NAMES, "C. sofa"),
    (RELATIONS, "To the left of the bed. Higher than the bed."),
    *(
        (COUNTS, text)
        for text in (
            "D, but A is also possible",
            "D (or A)",
            "The answer is D. A is plausible, too.",
            "D\nA",
            "D. Alternatively, A.",
            "D\nNo, A.",
            "A. Hmm, D",
            "D D A",
            "A: 4, B: 3",
            "A) 4 B) 3 C) 2 D) 1",
            "C. 2 or D. 1",
            "C - D",
            "A\u2013D",
            "A+D",
            "A -> D",
            "A, then D",
            "Answer: A, D",
            "Answer: A D",
            "Answer: D. Alternatively C",
            "Answer: D (though C is possible)",
            "The answer is D (1) or C (2)",
            "The answer is D if there is one, A if there are four",
            "2, D",
            "I count 2, so D",
            "1 or more",
            "There is more than 1",
            "at least 2 mice",
            "2 in Frame 2 and 1 in Frame 4",
        )
    ),
    *(
        (YES_NO, text)
        for text in ("A. Yes B. No", "A: Yes, B: No", "a. yes or b. no", "Yes, B", "No. A", "Answer: No (A)")
    ),
    (NAMES, "The answer is the sofa (A)"),
    (NAMES, "A. chair, B. office chair, C. table lamp, D. sofa"),
    (RELATIONS, "A. right"),
    (RELATIONS, "The answer is A. To the right."),
    (RELATIONS, "Higher than the bed, D"),
    (POINTS, "B. Yes"),
    (POINTS, "No, (300, 40)"),
    (POINTS, "(91, 237) or (83, 203)"),
    (POINTS, "(300, 40), i.e. A"),
    (VIEWS, "2 chairs; Frame 1 or Frame 2"),
    (VIEWS, "A. Frame 2"),
]
UNREADABLE = [
    *(
        (COUNTS, text)
        for text in ("", " ", "none", "I cannot tell.", "A mouse is visible: D", "I'm not sure", "<think> so D")
    ),
    *((COUNTS, text) for text in ("ABCD", "Both A and B", "not D", "A-frame", "17", "Sorry, I can't help with that.")),
    *(
        (COUNTS, text)
        for text in (
            "Either A or B.",
            "Between A and C",
            "Not A",
            "D is not correct",
            "The correct answer is not listed.",
        )
    ),
    *(
        (COUNTS, text)
        for text in (
            "I don't think it's D",
            "I would not choose D",
            "I don't think it is (D)",
            "I doubt the answer is D",
            "I'm not sure whether D is correct",
            "I cannot say that the answer is D",
            "There is more than one",
            "Which one?",
        )
    ),
    (YES_NO, "It is not."),
    (YES_NO, "There is no way to know"),
    (NAMES, "It is not the sofa"),
    (RELATIONS, "The lamp is not to the left of the bed."),
]


@pytest.mark.parametrize(("answer", "letter"), DESIGN_TABLE.items())
def test_the_table_of_the_design(answer: str, letter: str | None) -> None:
    assert parse_choice(answer, COUNTS).value == letter


@pytest.mark.parametrize(("options", "letter", "answer"), READ)
def test_a_clear_answer_is_read(options: tuple[str, ...], letter: str, answer: str) -> None:
    parsed = parse_choice(answer, options)
    assert (parsed.value, parsed.state) == (letter, OK)


@pytest.mark.parametrize(("options", "answer"), AMBIGUOUS_ANSWERS)
def test_what_can_be_read_in_two_ways_is_a_failure(options: tuple[str, ...], answer: str) -> None:
    parsed = parse_choice(answer, options)
    assert (parsed.value, parsed.state) == (None, AMBIGUOUS)


JOINERS = [
    *(
        " or ",
        ", ",
        "/",
        " and ",
        " & ",
        "; ",
        " - ",
        "-",
        " \u2013 ",
        " + ",
        " then ",
        ", then ",
        " -> ",
        " => ",
        "\n",
        "\n\n",
        ".\n",
    ),
    *(
        ", or maybe ",
        " vs. ",
        " as well as ",
        " to ",
        " through ",
        " ... ",
        "~",
        ": ",
        "\t",
        " ",
        ". Or ",
        ". Also ",
        ", else ",
    ),
    *(
        ", possibly ",
        ". Alternatively, ",
        ", wait ",
        ". Wait, ",
        ", no ",
        ". Hmm, ",
        ". Actually ",
        ", I mean ",
        "? ",
        ", if not ",
    ),
    *(". Maybe ", ". It could also be ", " or option ", ", perhaps "),
]


@pytest.mark.parametrize("joiner", JOINERS)
def test_two_letters_are_a_failure_however_they_are_joined(joiner: str) -> None:
    shapes = ("{}", "({})", "**{}**", "[{}]", "Option {}", "The answer is {}", "Answer: {}", "I choose {}")
    for shape, (first, second) in product(shapes, permutations("ABCD", 2)):
        answer = f"{shape.format(first)}{joiner}{second}"
        assert parse_choice(answer, NAMES).value is None, answer


@pytest.mark.parametrize(("options", "answer"), UNREADABLE)
def test_what_says_nothing_is_a_failure(options: tuple[str, ...], answer: str) -> None:
    parsed = parse_choice(answer, options)
    assert (parsed.value, parsed.state) == (None, UNPARSED)


@pytest.mark.parametrize("answer", ["C", "(C)", "The answer is C.", "E. none of them", "Option D"])
def test_a_letter_beyond_the_options_is_a_failure(answer: str) -> None:
    parsed = parse_choice(answer, YES_NO)
    assert (parsed.value, parsed.state) == (None, BEYOND)


@pytest.mark.parametrize("letter", "ABCD")
@pytest.mark.parametrize(
    "shape", ["{}", "({})", "**{}**", "{}.", "Answer: {}", "The answer is {}.", "Option {}", "<answer>{}</answer>"]
)
def test_a_shape_is_read_alike_for_every_letter(shape: str, letter: str) -> None:
    assert parse_choice(shape.format(letter), NAMES).value == letter


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("2.5", 2.5),
        ("2.5m", 2.5),
        ("2.5 meters.", 2.5),
        ("about 2.5", 2.5),
        ("~2.5", 2.5),
        ("two", 2.0),
        ("250 cm", 2.5),
        ("1,234", 1234.0),
        ("10 feet", 3.048),
        ("2500 mm", 2.5),
        (".5", 0.5),
        ("The answer is 3", 3.0),
        ("Frame 2 shows it at 3 m", 3.0),
        ("There are 3 chairs: 2 in Frame 1 and 1 in Frame 2. The answer is 3.", 3.0),
        ("I see 3 chairs, three in total", 3.0),
        ("<think>2 or 3?</think>3", 3.0),
        ("2 km", 2000.0),
        ("25 dm", 2.5),
        ("\u22121", -1.0),
        ("3 chairs in 2 frames", 3.0),
        ("Frames 1, 2 and 3 show 4", 4.0),
    ],
)
def test_a_number_is_read(answer: str, number: float) -> None:
    assert parse_number(answer, "m").value == pytest.approx(number)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("2-3", AMBIGUOUS),
        ("between 2 and 3", AMBIGUOUS),
        ("2 or 3 m", AMBIGUOUS),
        ("3/4", AMBIGUOUS),
        ("2~3", AMBIGUOUS),
        ("2 m ~ 3 m", AMBIGUOUS),
        ("2..3", AMBIGUOUS),
        ("2\u20263", AMBIGUOUS),
        ("2*3", AMBIGUOUS),
        ("2 in Frame 1 and 1 in Frame 2", AMBIGUOUS),
        ("one and a half", AMBIGUOUS),
        ("2 and a half", AMBIGUOUS),
        ("one hundred", AMBIGUOUS),
        ("minus 1", AMBIGUOUS),
        ("not 2", AMBIGUOUS),
        ("more than two", AMBIGUOUS),
        ("< 2", AMBIGUOUS),
        ("9" * 400, UNPARSED),
        ("2,5", UNPARSED),
        ("", UNPARSED),
        ("3D", UNPARSED),
    ],
)
def test_a_number_that_is_none_or_two_is_a_failure(answer: str, state: str) -> None:
    assert parse_number(answer, "m").state == state


def test_a_length_is_converted_to_the_unit_of_the_question() -> None:
    assert parse_number("1.2 m", "cm").value == 120
    assert parse_number("1.2 m").value == 1.2


@pytest.mark.parametrize(
    ("answer", "point"),
    [
        ("(217, 122)", (217, 122)),
        ("[217,122]", (217, 122)),
        ("217, 122", (217, 122)),
        ("x=217, y=122", (217, 122)),
        ("The center is at (217.5, 122).", (217.5, 122)),
        ("In Frame 3 it is at (217, 122)", (217, 122)),
        ("From (1, 2) to (3, 4), so the center is (2, 3)", (2, 3)),
    ],
)
def test_a_point_is_read(answer: str, point: tuple[float, float]) -> None:
    assert parse_point(answer).value == point


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("(1, 2) or (3, 4)", AMBIGUOUS),
        ("y=122, x=217", AMBIGUOUS),
        ("[1, 2, 3, 4]", UNPARSED),
        ("No", UNPARSED),
    ],
)
def test_a_point_that_is_none_or_two_is_a_failure(answer: str, state: str) -> None:
    assert parse_point(answer).state == state


BARE = ("D", "D.", "D. 1", "d")


@pytest.mark.parametrize("answer", [*BARE, " D.."])
def test_the_authors_read_a_bare_letter(answer: str) -> None:
    assert parse_choice_as_authors(answer, COUNTS).value == "D"


@pytest.mark.parametrize("answer", [text for text, letter in DESIGN_TABLE.items() if letter and text not in BARE])
def test_the_authors_read_nothing_else(answer: str) -> None:
    assert parse_choice_as_authors(answer, COUNTS).state == UNPARSED


def test_the_authors_read_numbers_and_points_as_they_do() -> None:
    assert parse_number_as_authors("2.50 m").value == 2.5
    assert parse_number_as_authors("2.5m").value is None
    assert parse_number_as_authors("two").value is None
    assert parse_point_as_authors("[3, 4] (1,2)").value == (1, 2)
    assert parse_point_as_authors("at 3 and 4").value == (3, 4)
    assert parse_point_as_authors("at 3").value is None


@pytest.mark.parametrize("page", ["The answer is ", "Option A ", "(A) ", "frame 1, ", "1" * 50, "wait, ", "<think>"])
def test_pages_of_the_same_are_read_in_a_moment(page: str) -> None:
    """Models that repeat themselves until their tokens are spent must not hold up a report."""
    text = page * (20_000 // len(page))
    start = time.process_time()
    parse_choice(text, NAMES), parse_number(text, "m"), parse_point(text)
    assert time.process_time() - start < 2

r"""Reads what a model answered: a letter, a number or a point, or none of them.

Two parsers. `lenient` follows the grammar below; what could be read in two ways is *ambiguous* and counts as a failure,
never as right. `authors` is the published evaluation to the letter: the first word, without its final dots.

The grammar of a choice, first that applies:
  1. Reasoning (`<think>`), special tokens and typography are dropped; `<answer>` and `\boxed` hold all that counts.
  2. The answer begins with a letter that stands alone: `D`, `(D)`, `**D**.`, `D) 1`, `D because ...`.
  3. It states one: `the answer is D` (the last such statement), `I choose D`, `D is correct`.
  4. It names one option only: `Option D`, `(D)`, or a last line `D`.
  5. It is the text of an option, begins with it, or holds the text of exactly one, and denies nothing.
A second letter joined to the first (`A or D`), a text that belongs to another letter, or a statement that contradicts
the beginning make it ambiguous.

A number: the only one that the answer holds, or the last that it states; metres and centimetres are converted where the
unit of the question is known; numbers of frames do not count. A point: likewise, `(x, y)`, `[x, y]` or two bare numbers.
"""

import re
import unicodedata
from dataclasses import dataclass

Point = tuple[float, float]

OK, UNPARSED, AMBIGUOUS, BEYOND = "ok", "unparsed", "ambiguous", "beyond options"
"""What became of an answer: read; nothing to read; to be read in two ways; a letter that the record has not."""
STATES = (OK, UNPARSED, AMBIGUOUS, BEYOND)


@dataclass(frozen=True)
class Parsed:
    """What an answer says."""

    value: str | float | Point | None
    """Upper-case letter, number or point; None unless `state` is ok."""
    state: str
    """One of `STATES`."""


NOTHING, TWO_WAYS, NO_SUCH = Parsed(None, UNPARSED), Parsed(None, AMBIGUOUS), Parsed(None, BEYOND)

NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
"""Digits by word."""
FRAME = re.compile(r"(?i)\b(?:frames?|images?|views?|pictures?|photos?)\s*#?\s*\d+(?:\s*(?:,|and|or|&|to|-)\s*\d+)*")
"""Names of views, whose numbers are no answer."""

_REASONING = re.compile(r"(?is)<(think|thinking|reasoning)>.*?</\1>")
_REASONING_END = re.compile(r"(?is).*</(?:think|thinking|reasoning)>")
_REASONING_OPEN = re.compile(r"(?is)<(?:think|thinking|reasoning)>.*")
_SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|<(?:eos|pad|end_of_turn)>")
_FINAL = re.compile(r"(?is)<answer>(.*?)(?:</answer>|\Z)|\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathbb)\s*\{([^{}]*)\}")
_TYPOGRAPHY = re.compile(r"[*`~$#]+|(?<!\w)_+|_+(?!\w)")


def clean(answer: str) -> str:
    """Drop reasoning, special tokens and typography; keep the inside of a last `<answer>` or box, where there is one."""
    text = unicodedata.normalize("NFKC", answer).replace("\u2019", "'").replace("\u2018", "'")
    text = _REASONING_OPEN.sub("", _REASONING_END.sub("", _REASONING.sub("", text)))
    text = _SPECIAL.sub(" ", text)
    if finals := [found[1] if found[1] is not None else found[2] for found in _FINAL.finditer(text)]:
        text = finals[-1]
    text = _TYPOGRAPHY.sub("", _LATEX.sub(r"\1", text))
    return text.strip()


def first_word(answer: str) -> str:
    """The first word without its final dots, as the published evaluation takes it."""
    return answer.strip().split(" ")[0].rstrip(".").strip()

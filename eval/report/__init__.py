"""Scores runs, and tells how sure the scores are, what they depend on, and whether images were needed.

run + dataset --> scored        the score of every question that was asked
scored ---------> estimates     averages with intervals: scenes are drawn anew, as questions of one are alike
scored ---------> breakdowns    level curves, standardised over question types; every cell
scored ---------> comparisons   paired differences of runs; what views, and more than one, are worth
dataset --------> controls      what is scored without looking
dataset --------> debiased      the questions of which words give nothing away
all of it ------> document      one dictionary: report.json; tables: table.md, cells.csv; page: report.html
"""

from .writing import write_report

__all__ = ["write_report"]

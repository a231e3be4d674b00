"""The metric as a folder that `evaluate.load` takes, on disk or on the Hub; it needs nothing but NumPy and itself.

answer  -- answers --> Parsed         a letter, a number or a point; or none, and why
Parsed  -- scoring --> Score          accuracy, mean relative accuracy, mean point accuracy
Scores  -- scoring --> averages       macro12, macro6, micro, kappa6
"""

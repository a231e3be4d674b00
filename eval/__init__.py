"""Scores models on SpatialMosaic-Bench and VSTI-Bench: what they answer, how well, and whether they had to look.

records      -- runner, backends --> predictions.jsonl   raw answers, one a record; goes on where it was stopped
predictions  -- spatialmosaic_accuracy --> scores        the metric, a folder that `evaluate.load` takes too
scores       -- report -----------> report.json, table.md, cells.csv, report.html
"""

"""Training with TRL: a recipe in, a run folder out.

recipe, command line  -- arguments ---> DataArguments, ModelArguments, TrainArguments
dataset, image root   -- records -----> rows: the views of a frame set and a few questions about them
checkpoint, or sizes  -- start -------> model, processor, which parts train
rows                  -- collator ----> batches; questions on one frame set share a row (branches.py)
model, rows           -- preflight ---> a sentence if they do not fit, before the first step
all                   -- trainer -----> checkpoints, curve, run.json (header)
trained weights       -- export ------> the merged model; hub pushes it with its card (card)
"""

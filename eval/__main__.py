"""`python -m spatialmosaic_eval`, as `accelerate launch -m spatialmosaic_eval` needs it."""

from .cli import main

main()

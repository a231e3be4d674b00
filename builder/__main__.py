"""`python -m spatialmosaic_builder` is the command `spatialmosaic`."""

from .cli import main

main()

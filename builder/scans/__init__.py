"""Scan folders in, `Scan` out."""

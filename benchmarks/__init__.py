"""Runnable measurements: each prints its figures, measured in the run that prints them."""

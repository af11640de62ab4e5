"""Wiring: command line, Prefect flows, artifact store. Nothing imports this package."""

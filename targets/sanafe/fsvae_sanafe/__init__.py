"""Runs netlists of the back-end `sanafe` in SANA-FE."""

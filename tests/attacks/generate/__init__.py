"""Writes the attack corpus of tests/attacks/cases: see generate.sh."""

"""Submission: what a stranger's records must show before they stand on a board, and what they are marked with then."""

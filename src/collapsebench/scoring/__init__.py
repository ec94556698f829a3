"""Measures of a fitted model against the real distribution."""

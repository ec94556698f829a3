"""Executors: where cells run. Each takes specs and yields results as they finish."""

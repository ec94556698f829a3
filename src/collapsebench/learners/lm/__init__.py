"""Causal language models: tokens, training, sampling, scoring."""

"""Generative models of small labelled images, the fixed classifier that judges them, and their tasks' common part."""

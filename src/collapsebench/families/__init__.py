"""Families: base classes of tasks that share a learner and a way of scoring."""

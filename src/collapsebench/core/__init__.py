"""Core: the contracts that every other room builds on: plug-ins, corpora, learners, costs, records and errors."""

"""Generative grammars whose texts have an exact probability: the truth that a language model can be held against."""

"""lm-eval: its tasks as metrics of a language model of the loop."""

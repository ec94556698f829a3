"""Renderers: a board as text, as Markdown pages and as SVG curves."""

"""A board as Markdown pages for GitHub."""

from .page import readme, track_page

__all__ = ["readme", "track_page"]

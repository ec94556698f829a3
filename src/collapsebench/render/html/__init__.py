"""All boards as one HTML file that loads nothing: tables that stand on their own, curves drawn by a script."""

from .page import page

__all__ = ["page"]

"""Figures and tables of scores, in one style, saved with their numbers and where these come from. Imports no torch."""

from .pages import save_pages
from .saving import COLOURS, COLUMN, LABELS, MARKERS, PAGE, freeze, save, save_table, style

__all__ = ["COLOURS", "COLUMN", "LABELS", "MARKERS", "PAGE", "freeze", "save", "save_pages", "save_table", "style"]

"""Frozen networks: their records, their weights, and how their layers are read."""

from .lookup import get
from .records import BACKBONES, OFFLINE, Backbone, Hub

__all__ = ["BACKBONES", "OFFLINE", "Backbone", "Hub", "get"]

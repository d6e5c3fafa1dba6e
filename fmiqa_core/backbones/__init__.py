"""Frozen networks: their records, their weights, and how their layers are read."""

from .records import BACKBONES, OFFLINE, Backbone, Hub, get

__all__ = ["BACKBONES", "OFFLINE", "Backbone", "Hub", "get"]

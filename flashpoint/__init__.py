"""Flashpoint: verified incidents in, an explainable ranked matrix of localities out."""

__version__ = "0.1.0"

"""Readers of logs: one module per format, each from a place to trials."""

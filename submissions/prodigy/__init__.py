"""Prodigy with cosine decay."""

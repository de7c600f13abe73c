"""Prodigy with averaged steps instead of a schedule."""

"""Sharpness-aware minimization around AdamW."""

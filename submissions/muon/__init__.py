"""Muon for matrices, NadamW for the rest."""

"""Scoring: from logs of trials to times, performance profiles, scores and their uncertainty.

Depends on `spec` alone, and on no machine-learning framework.
"""

"""Amos: Adam with a decay of weights and steps that follows from the scale of each parameter."""

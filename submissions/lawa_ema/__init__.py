"""NadamW, evaluated at a moving average of its parameters."""

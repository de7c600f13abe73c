"""NadamW, evaluated at the mean of its latest parameters."""

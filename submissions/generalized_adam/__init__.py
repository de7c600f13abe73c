"""NadamW, or SGD with Nesterov momentum, as the point says."""

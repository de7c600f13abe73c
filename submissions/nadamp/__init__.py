"""NadamW with another power in its denominator."""

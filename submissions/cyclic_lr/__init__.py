"""NadamW with a schedule that begins anew."""

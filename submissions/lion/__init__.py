"""Lion with linear warm-up and cosine decay."""

"""AdEMAMix with linear warm-up and cosine decay."""

"""Schedule-Free AdamW as published for version 0.6 of the benchmark."""

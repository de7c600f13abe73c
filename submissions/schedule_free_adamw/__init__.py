"""Schedule-Free AdamW as published for version 0.5 of the benchmark."""

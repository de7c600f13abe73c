"""Scripts that measure and print tables. Nothing here is a test."""

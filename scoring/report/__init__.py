"""The page of results: one HTML file that needs no network."""

"""Whether two submissions are the same algorithm: `tandem port`."""

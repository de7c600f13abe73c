"""Level `official`: the backends against vectors that were measured on the official implementation."""

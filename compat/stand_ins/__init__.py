"""Modules in the place of packages that submissions import for their types alone, or never use."""

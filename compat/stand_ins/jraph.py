"""`jraph`, which three published submissions import and never use."""

from typing import Any


def __getattr__(name: str) -> Any:
    raise AttributeError(f"jraph.{name} is used, but jraph is not installed: pip install jraph")

"""Settings."""

import dataclasses


@dataclasses.dataclass
class Grafting:
    beta: float

"""CASPR: matrix preconditioners on both sides, one computed through the other, with grafting."""

"""What a training step costs by the frameworks' own accounts."""

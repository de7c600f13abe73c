"""The PyTorch backend (torch.nn)."""

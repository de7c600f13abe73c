"""What published submissions import as `algoperf`, and formerly as `algorithmic_efficiency`."""

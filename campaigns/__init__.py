"""Campaigns: plans of many trials, running them, looking at them."""

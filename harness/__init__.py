"""The trial: its clock, its loop, its event log and its outcome. Knows no framework."""

"""Exact resume: readers that leave at any point and come back anywhere end up with the truth."""

"""Measurements that are printed, compared and never asserted."""

"""Tests of what is said to models and how they fail."""

"""Tests of choosing who answers."""

"""Tests of persistence.repositories."""

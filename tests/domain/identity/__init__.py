"""Tests of domain.identity."""

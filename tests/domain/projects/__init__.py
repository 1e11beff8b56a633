"""Tests of projects and their orchestrator's settings."""

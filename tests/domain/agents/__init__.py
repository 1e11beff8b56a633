"""Tests of agents: handles, settings, versions and their use cases."""

"""Tests of graphql_api.app."""

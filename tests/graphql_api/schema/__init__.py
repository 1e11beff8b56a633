"""Tests of the GraphQL schema, over HTTP on both databases."""

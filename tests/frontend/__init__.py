"""The pages and the typed client of frontend/, by their own tests, against a real server and in a real browser."""

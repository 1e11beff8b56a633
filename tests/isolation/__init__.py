"""Nobody reaches what is not theirs: by the API, by the repositories, by SQL, or by live keys."""

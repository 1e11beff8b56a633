"""One repository for each table family: the statements behind the ports of the domain."""

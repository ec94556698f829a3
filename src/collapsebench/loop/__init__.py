"""Loop: one cell through the protocol, its stages, its store and the executors that run cells."""

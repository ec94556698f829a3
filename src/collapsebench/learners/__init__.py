"""Model families: one learner per kind of data."""

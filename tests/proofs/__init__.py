"""Proofs that start servers of their own, kill them and look at what is left. Run by `make chaos`, never by `make test`."""

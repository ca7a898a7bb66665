"""A table in, the same kind of table out: no codes, no model."""

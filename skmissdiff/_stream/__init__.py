"""Tables that are never whole in memory: read once, counted exactly, sampled evenly."""

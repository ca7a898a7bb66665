"""Between tables and codes, one number per numeric column and one per category."""

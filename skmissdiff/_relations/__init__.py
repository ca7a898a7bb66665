"""Relations between columns: declared by the user, found in a table, kept in what comes out."""

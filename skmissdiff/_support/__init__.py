"""What every layer above stands on: the layout of codes, progress, files, scikit-learn inside."""

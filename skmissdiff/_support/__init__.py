"""What every layer above stands on: progress, files, and what is private in scikit-learn."""

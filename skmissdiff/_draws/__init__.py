"""What draws of rows need beside the model: noise of their own, summaries, gaps."""

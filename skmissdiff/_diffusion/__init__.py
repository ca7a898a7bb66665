"""The torch backend: diffusion on codes, without tables or scikit-learn."""

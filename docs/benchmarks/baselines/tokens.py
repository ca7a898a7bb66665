"""Codes of a table as the tokens of a transformer over its columns."""

import numpy as np
import torch


class Tokens:
    """Between the one-hot codes of a `TableEncoder` and the tokens of the transformer.

    A number is one token. Of a categorical column, each one-hot code is a token of -1 or 1
    ("one-hot"), or each binary digit of the level's index is ("bits").
    """

    def __init__(self, layout, categories):
        self.layout = layout
        self.levels = {}  # column: (n_levels, n_tokens)
        self.slices, stop = [], 0
        for j, width in enumerate(layout.widths):
            if layout.is_categorical[j] and width:
                one_hot = categories == "one-hot"
                self.levels[j] = 2.0 * np.eye(width) - 1 if one_hot else _binary(width)
            n_tokens = self.levels[j].shape[1] if j in self.levels else width
            self.slices.append(slice(stop, stop + n_tokens))
            stop += n_tokens
        self.n_tokens = stop
        self.column_of_token = np.repeat(
            np.arange(layout.n_columns), [part.stop - part.start for part in self.slices]
        )

    def from_codes(self, codes):
        """Tokens, zero where missing, and the mask of observed columns."""
        x = np.full((len(codes), self.n_tokens), np.nan)
        for j, part in enumerate(self.slices):
            cells = codes[:, self.layout.slices[j]]
            x[:, part] = cells @ self.levels[j] if j in self.levels else cells
        known = ~np.isnan(x)
        mask = np.zeros((len(codes), self.layout.n_columns), dtype=bool)
        mask[:, self.column_of_token] = known
        return torch.as_tensor(np.where(known, x, 0), dtype=torch.float32), torch.as_tensor(mask)

    def to_codes(self, x):
        """Codes of tokens, of each categorical column the level that is nearest."""
        codes = np.empty((len(x), self.layout.n_codes))
        for j, part in enumerate(self.slices):
            cells = x[:, part].astype(float)
            if j in self.levels:  # all levels are equally far from the origin
                nearest = (cells @ self.levels[j].T).argmax(axis=1)
                cells = np.eye(self.layout.widths[j])[nearest]
            codes[:, self.layout.slices[j]] = cells
        return codes


def _binary(n_levels):
    """Binary digits -1 or 1 of 0 to n_levels - 1, at least one."""
    n_digits = max(1, int(n_levels - 1).bit_length())
    return 2.0 * (np.arange(n_levels)[:, None] >> np.arange(n_digits) & 1) - 1

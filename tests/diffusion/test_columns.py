"""Codes that lie side by side, and sums over those of a column."""

import numpy as np
import torch
from small_models import CATEGORIES, NUMBERS, some_denoiser

from skmissdiff._diffusion.columns import block, pick
from skmissdiff._support.layout import CodeLayout


def test_codes_side_by_side_are_a_slice():
    assert block(np.array([3, 4, 5])) == slice(3, 6)
    assert block(np.array([], dtype=int)) == slice(0, 0)
    apart = block(np.array([1, 3]))
    values = torch.arange(10.0).reshape(2, 5)
    torch.testing.assert_close(pick(values, apart), values[:, [1, 3]])
    torch.testing.assert_close(pick(values, slice(1, 3)), values[:, 1:3])


def test_categories_are_summed_by_column():
    columns = some_denoiser().columns
    values = torch.arange(14.0).reshape(7, 2)
    own = pick(values.T, columns.categories).T
    expected = torch.stack([values[codes].sum(0) for codes in CATEGORIES])
    torch.testing.assert_close(columns.grouped(own), expected)
    torch.testing.assert_close(pick(values.T, columns.numbers).T, values[NUMBERS])


def test_a_table_of_numbers_has_no_sums():
    columns = some_denoiser(CodeLayout((1, 1), (False, False))).columns
    assert columns.grouped(torch.zeros(0, 4)).shape == (0, 4)

"""Equal rows and equal columns of a mask are found, and nothing else is taken for equal."""

import numpy as np
import torch
from small_models import seeded

from skmissdiff._diffusion.patterns import distinct, given_in, patterns_of


def some_mask(n_rows=60):
    """Six columns: two of three codes each, one alone, and few different rows."""
    kinds = torch.rand(5, 3, generator=seeded()) < 0.6
    chosen = torch.randint(5, (n_rows,), generator=seeded(1))
    return kinds[chosen][:, [0, 1, 0, 1, 2, 0]]


def test_patterns_and_groups_make_the_mask_again():
    mask = some_mask()
    patterns = patterns_of(mask)
    assert patterns.seen.shape == (len(mask.unique(dim=0)), 3)
    again = torch.empty_like(mask)
    again[patterns.order] = patterns.seen[patterns.of_row][:, patterns.of_code]
    assert torch.equal(again, mask)


def test_chunks_are_all_rows_with_their_patterns():
    mask = some_mask()
    patterns = patterns_of(mask)
    met = []
    for rows, which, of_row in patterns.chunks(7):
        assert len(rows) <= 7
        assert torch.equal(patterns.seen[which][of_row][:, patterns.of_code], mask[rows])
        assert set(of_row.tolist()) == set(range(which.stop - which.start))  # none for nothing
        met += rows.tolist()
    assert sorted(met) == list(range(len(mask)))


def test_sums_over_the_codes_of_a_group():
    patterns = patterns_of(some_mask())
    values = torch.arange(12.0).reshape(6, 2)
    sums = patterns.grouped(values)
    for group, members in enumerate([[0, 2, 5], [1, 3], [4]]):
        own = patterns.of_code[members[0]]
        assert (patterns.of_code[members] == own).all(), group
        torch.testing.assert_close(sums[own], values[members].sum(0))


def test_rows_that_differ_in_one_cell_differ():
    rows = np.ones((9, 17), dtype=bool)
    for place in range(8):  # the last bits of a byte, too
        rows[place, 2 * place + 1] = False
    first, which = distinct(rows)
    assert len(first) == 9
    np.testing.assert_array_equal(rows[first][which], rows)


def test_what_is_given_or_absent_makes_a_pattern():
    given = some_mask()
    absent = ~given & torch.tensor([True, True, False, False, False, False])
    patterns = given_in(given, absent)
    assert len(patterns.given) == len(torch.cat([given, absent], dim=1).unique(dim=0))
    assert torch.equal(patterns.of_rows(patterns.given), given)
    assert torch.equal(patterns.of_rows(patterns.absent), absent)
    assert torch.equal(patterns.of_rows(patterns.drawn), ~given & ~absent)
    one = given_in(given[:1], absent[:1])
    assert one.rows is None
    assert torch.equal(one.of_rows(one.given), given[:1])


def test_patterns_are_split_where_codes_do_not_apply_and_never_joined():
    given = torch.zeros(4, 3, dtype=torch.bool)
    given[:2, 0] = True
    patterns = given_in(given)
    wanted = ~patterns.given[:, 0]
    patterns = patterns.with_given(slice(0, 1), wanted)  # both patterns look alike from now on
    assert patterns.given[:, 0].all()
    idle = torch.zeros(4, 3, dtype=torch.bool)
    idle[3, 2] = True
    split, old = patterns.with_absent(idle)
    assert len(split.given) == 3
    assert torch.equal(old[split.rows], patterns.rows)
    assert torch.equal(split.of_rows(split.absent), idle)
    assert torch.equal(split.of_rows(split.given), patterns.of_rows(patterns.given))

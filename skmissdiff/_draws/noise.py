"""Noise that belongs to a row, not to its place in a batch.

Every row of a call has its own Philox stream, keyed by the seed, the number of
the draw, the row's cells and its rank among the identical rows of the call.
Neighbours, order and batch size therefore cannot change a row's draw, while
identical rows still get different ones.
"""

from collections import Counter
from hashlib import blake2b

import numpy as np

# Steps of noise generated at a time. The first block is one step, since some
# samplers need no more; the later ones are long, since resetting a stream costs
# more than a hundred normal numbers.
LATER_BLOCK_STEPS = 32

NORMAL, UNIFORM = 0, 1  # independent parts of a stream


def row_contents(columns):
    """Return what tells rows apart: their observed values and where they have none.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        Numbers with NaN, or objects with None, where a cell is missing.

    Returns
    -------
    contents : list of bytes
        Equal for rows that are equal in every cell.
    """
    numbers = [column for column in columns if column.dtype != object]
    levels = [column for column in columns if column.dtype == object]
    n_rows = len(columns[0])
    matrix = np.column_stack(numbers) if numbers else np.empty((n_rows, 0))
    # One spelling for each value: -0.0 equals 0.0, and NaN has many bit patterns.
    matrix = np.where(np.isnan(matrix), np.nan, matrix).astype(np.float64) + 0.0
    texts = [repr(row).encode() for row in zip(*levels, strict=True)] or [b""] * n_rows
    return [
        blake2b(row.tobytes() + text, digest_size=16).digest()
        for row, text in zip(matrix, texts, strict=True)
    ]


def ranks_among_equals(contents):
    """Return how many rows before each row hold the same, ndarray of int, shape (n_rows,).

    Parameters
    ----------
    contents : list of bytes
        From `row_contents`, of all rows of a call.
    """
    seen = Counter()
    ranks = np.empty(len(contents), dtype=np.intp)
    for row, content in enumerate(contents):
        ranks[row] = seen[content]
        seen[content] += 1
    return ranks


class RowKeys:
    """Turns rows into stream keys.

    Parameters
    ----------
    seed : int
        Seed shared by all rows.
    """

    def __init__(self, seed):
        self.seed = int(seed)

    def of_rows(self, contents, ranks=0, draws=0):
        """Keys of rows by what they hold.

        Parameters
        ----------
        contents : list of bytes
            From `row_contents`.
        ranks : int or ndarray of int, shape (n_rows,)
            From `ranks_among_equals`, so that draws of equal rows differ. 0 gives equal rows
            the same keys, as their point estimates and their scores have to be the same.
        draws : int or ndarray of int, shape (n_rows,)
            Number of the draw of each row.

        Returns
        -------
        keys : ndarray of shape (n_rows, 2), dtype uint64
        """
        ranks, draws = (np.broadcast_to(part, len(contents)).tolist() for part in (ranks, draws))
        return _as_key_array(map(self._key, contents, ranks, draws))

    def of_indices(self, start, stop):
        """Keys of rows that have no content yet, by their index; shape (stop - start, 2)."""
        return _as_key_array(self._key(b"generate", index, 0) for index in range(start, stop))

    def _key(self, content, rank, draw):
        label = b"%d/%d/%d/" % (self.seed, draw, rank)
        return blake2b(label + content, digest_size=16).digest()


def _as_key_array(keys):
    return np.frombuffer(b"".join(keys), dtype="<u8").astype(np.uint64).reshape(-1, 2)


class RowNoise:
    """Successive noise arrays for some rows, each row from its own stream.

    Parameters
    ----------
    keys : ndarray of shape (n_rows, 2), dtype uint64
        From `RowKeys`.
    n_codes : int
        Numbers per row and step.
    """

    def __init__(self, keys, n_codes):
        self._keys = keys.tolist()  # of Python's own integers a state is set fastest
        self._n_codes = n_codes
        self._bit_generator = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bit_generator)
        self._block = np.empty((len(keys), 0, n_codes), dtype=np.float32)
        self._n_blocks = 0
        self._position = 0

    def normal(self):
        """The next standard normal numbers, shape (n_rows, n_codes), float32."""
        if self._position == self._block.shape[1]:
            self._refill()
        self._position += 1
        return self._block[:, self._position - 1]

    def uniform(self, n_columns):
        """Numbers in [0, 1), shape (n_rows, n_columns): the same at every call."""
        out = np.empty((len(self._keys), n_columns))
        for row, key in enumerate(self._keys):
            self._start_stream(key, UNIFORM, 0)
            self._generator.random(out=out[row])
        return out

    def _refill(self):
        n_steps = LATER_BLOCK_STEPS if self._n_blocks else 1
        self._block = np.empty((len(self._keys), n_steps, self._n_codes), dtype=np.float32)
        for row, key in enumerate(self._keys):
            self._start_stream(key, NORMAL, self._n_blocks)
            self._generator.standard_normal(dtype=np.float32, out=self._block[row])
        self._n_blocks += 1
        self._position = 0

    def _start_stream(self, key, part, block):
        # Setting the state is several times cheaper than building a generator.
        self._bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": (0, 0, block, part), "key": key},
            "buffer": (0, 0, 0, 0),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }

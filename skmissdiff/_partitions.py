"""A fitted imputer as a function of partitions, for the workers of other programs."""

import copy
import functools
import os
import sys

import numpy as np

import skmissdiff
from skmissdiff._base import USED_LATER
from skmissdiff._batchwise import Completion
from skmissdiff._diffusion.inference import to_arrays, use_one_thread
from skmissdiff._support.files import digest_of
from skmissdiff._table.frames import is_frame


class PartitionFunction:
    """Completes partitions of a table, in whatever process.

    Parameters
    ----------
    imputer : MissDiffImputer
    options : dict
        Of a `Completion`, all but the partition.
    path : path-like or None
        Where workers find the imputer, None to take it with this function.
    """

    def __init__(self, imputer, options, path):
        self._options = options
        self._sampled = options["draw"] is not None or imputer.sample_posterior
        self._draws = self._sampled or imputer.aggregate == "mode"
        self._imputer, self._path, self._digest = imputer, None, None
        is_there = path is not None and os.path.exists(path)
        if is_there and not _is_same_fit(imputer, skmissdiff.MissDiffImputer.load(path)):
            raise ValueError(
                f"{path} holds another model than this one. Name a path where no file is yet."
            )
        self._prepare(imputer)  # here, once, and not by each worker
        if path is None:
            return
        self._path = os.path.abspath(path)
        # What may be set after a fit need not be as it was when the file was made.
        self._parameters = {name: getattr(imputer, name) for name in USED_LATER - {"memory"}}
        if not is_there:
            imputer.save(self._path)
        self._digest = digest_of(self._path)

    def __getstate__(self):
        state = dict(vars(self))
        if self._path is not None:
            state["_imputer"] = None
        return state

    def __call__(self, batches, partition_info=None):
        """Complete a frame, or an iterable of frames.

        Parameters
        ----------
        batches : frame, or iterable of frames or record batches
        partition_info : dict or None
            Which partition it is, as Dask tells.

        Returns
        -------
        completed : frame, or iterator of frames or record batches
        """
        use_one_thread()
        number = _number_of(partition_info)
        if self._sampled and self._options["key"] is None and number is None:
            raise ValueError(
                "Draws in partitions take a key, a column that tells rows apart: without it equal "
                "rows of two partitions would get the same draw, and nothing tells which "
                "partition this is. Use for_partitions(key=...)."
            )
        completion = Completion(self._model(), partition=number, **self._options)
        if is_frame(batches):
            return completion.frame(batches)
        return completion.start(iter(batches))

    def _model(self):
        if self._imputer is not None:
            return self._imputer
        loaded = _load_once(self._path, self._digest)
        self._prepare(loaded)
        return copy.copy(loaded).set_params(**self._parameters)

    def _prepare(self, imputer):
        """Have what draws ask made: a file may be of a time when nobody had drawn."""
        if self._draws:
            imputer._asked_chain()


@functools.lru_cache(maxsize=4)  # a worker process may serve several models
def _load_once(path, digest):
    if digest_of(path) != digest:
        raise ValueError(
            f"{path} is another model than it was: call for_partitions(path=...) anew."
        )
    return skmissdiff.MissDiffImputer.load(path)


def _is_same_fit(one, other):
    """Whether two fitted imputers have the same weights, and so the same results."""
    first, second = to_arrays(one.denoiser_), to_arrays(other.denoiser_)
    return (
        one._seed == other._seed
        and first.keys() == second.keys()
        and all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    )


def _number_of(partition_info):
    """The number of the partition that this process is at, if Dask or Spark says so."""
    if partition_info is not None:
        return partition_info["number"]
    spark = sys.modules.get("pyspark")
    context = None if spark is None else spark.TaskContext.get()
    return None if context is None else context.partitionId()

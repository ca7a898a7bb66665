"""What a step frees is there for the next one."""

import platform
import subprocess
import sys

import pytest

# glibc counts the blocks that are the system's own and go back to it when they are freed.
BLOCKS = """
import ctypes, torch
from skmissdiff._diffusion.memory import keep_freed_memory

class Info(ctypes.Structure):
    _fields_ = [(f"number_{k}", ctypes.c_int) for k in range(10)]

mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Info

keep_freed_memory()
before = mallinfo().number_3
block = torch.empty(10 * 2**20, dtype=torch.uint8)
print(mallinfo().number_3 - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other ways")
def test_large_blocks_stay_with_the_process():
    command = [sys.executable, "-c", BLOCKS]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(told) == 0

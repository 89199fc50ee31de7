"""Threads that touch files, apart from all others.

So a slow disk or bucket holds up who waits for a file, not the rest of the server.
"""

from concurrent.futures import ThreadPoolExecutor

__all__ = ["FILES"]

FILES = ThreadPoolExecutor(64, thread_name_prefix="files")

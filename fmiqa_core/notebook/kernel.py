"""The kernel of a headless run: this environment's Python, whatever the user has set for Jupyter, IPython and matplotlib."""

import contextlib
import os
import tempfile

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec

UNSET = (
    "JPY_SESSION_NAME",  # run from a notebook's cell, too: nobody is there to move a widget
    "PYTHONSTARTUP",
    "PYTHONIOENCODING",
)


class Kernel(AsyncKernelManager):
    """Starts `sys.executable`; the kernels that are installed under the same name are not looked at."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


@contextlib.contextmanager
def environment():
    """Inside the block `os.environ` is what a kernel should get: no start-up files, no settings, figures in the notebook."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="fmiqa-kernel-", ignore_cleanup_errors=True) as folder:
        os.environ.update(
            IPYTHONDIR=folder,  # without profiles
            JUPYTER_RUNTIME_DIR=folder,  # the home folder may be read-only
            MATPLOTLIBRC=os.devnull,
            MPLBACKEND="module://matplotlib_inline.backend_inline",
            PYTHONUTF8="1",
        )
        for name in UNSET:
            os.environ.pop(name, None)
        try:
            yield
        finally:
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)

"""A data set's file on this machine: the one that is there, or else a downloaded one."""

from pathlib import Path

from sknets.datasets._data_home import DATA_HOME_VARIABLE
from sknets.datasets._download import Origin, download


def find_or_download(
    name: str, folder: Path, origin: Origin, download_if_missing: bool, other_names: tuple[str, ...] = ()
) -> Path:
    """Return the path of a data set's file.

    A file that is there is taken as it is, without its checksum: it may be the user's own, unpacked or shortened.
    Whoever reads it finds whether it is whole.

    Parameters
    ----------
    name : str
        The publisher's name for the file.
    folder : pathlib.Path
        Where it lies, or will lie.
    origin : Origin
    download_if_missing : bool
        Whether to download the file if it is not there.
    other_names : tuple of str, default=()
        Names under which it may lie there as well.

    Returns
    -------
    path : pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is not there and must not be downloaded.
    OSError
        If it cannot be downloaded.
    """
    for path in (folder / known_name for known_name in (name, *other_names)):
        if path.is_file():
            return path
    if download_if_missing:
        return download(name, folder, origin)
    alternatives = f" (or {', '.join(other_names)})" if other_names else ""
    found = "which lacks it" if folder.is_dir() else "which does not exist"
    raise FileNotFoundError(
        f"With download_if_missing=False the file {name}{alternatives} must lie in {folder}, {found}. "
        f"Allow the download, or get {origin.mirrors[0]}{name} and put it there, or say where it is: name the folder "
        f"above {folder.name!r} by data_home= or by the environment variable {DATA_HOME_VARIABLE}."
    )

"""Pictures whose labels stand in a table."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sknets.datasets._image_files import ImageFiles
from sknets.datasets._picture_loading import as_result, check_on_error, load_pictures, name_some, warn_of_skipped

if TYPE_CHECKING:
    import pandas as pd


def load_annotated_images(
    csv: "str | os.PathLike[str] | pd.DataFrame",
    image_folder: str | os.PathLike[str],
    *,
    path_column: int | str = 0,
    label_column: int | str = 1,
    suffix: str = "",
    size: tuple[int, int] | int = (128, 128),
    mode: str = "rgb",
    resize: str = "crop",
    lazy: bool = False,
    on_error: str = "raise",
    return_X_y: bool = True,
) -> Any:
    """Load pictures whose paths and labels are columns of a table.

    Parameters
    ----------
    csv : str, path-like or pandas.DataFrame
        A CSV file whose first line names the columns, or a table that is already read, of n rows.
    image_folder : str or path-like
        Where the paths in the table start. Pictures that the table does not name are left out.
    path_column, label_column : int or str, default=0 and 1
        A column by name or, counting from 0, by position; -1 is the last.
    suffix : str, default=""
        Added to every path, such as ".jpg" where the table leaves it out.
    size : tuple of two int, or int, default=(128, 128)
        Height and width in pixels of every picture, at least 1; one number is both.
    mode : {"rgb", "grey"}, default="rgb"
        Three colour channels, or none.
    resize : {"crop", "stretch"}, default="crop"
        "crop" scales a picture, keeping its proportions, and cuts its middle out. "stretch" keeps all of it, out of
        proportion.
    lazy : bool, default=False
        Whether to leave the pictures on disk and decode them when they are used: for more pictures than fit into
        memory. 10 000 of the default size take 0.5 GB.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a row whose picture is missing, damaged or no picture. "skip" leaves such rows out, with a
        warning that names the files. With ``lazy=True`` only the headers are looked at; damage further inside is an
        error when it is read.
    return_X_y : bool, default=True
        Whether to return ``(X, y)`` instead of a Bunch.

    Returns
    -------
    X : ndarray of shape (n, height, width, 3), or ImageFiles of that shape if ``lazy``
        Of type uint8; (n, height, width) for "grey". In the order of the table.
    y : ndarray of shape (n,)
        The labels: numbers if all of them are, for regression too, else text.
    bunch : sklearn.utils.Bunch
        If ``return_X_y=False``, ``data`` and ``target``, which are X and y, ``target_names``, a list (the sorted
        classes for labels of text, else the name of the label column), ``paths``, an ndarray of n file paths, and
        ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If there is no such table, or pictures are missing.
    ValueError
        If a column or a label is missing, the table is empty, a file cannot be read, or a parameter is out of range.

    Warns
    -----
    UserWarning
        If rows are skipped.

    See Also
    --------
    load_image_folder : One folder per class instead of a table.
    ImageFiles : What ``lazy=True`` returns, and how pictures are decoded.

    Examples
    --------
    >>> from sknets.datasets import load_annotated_images
    >>> X, y = load_annotated_images("labels.csv", "images/", path_column=0, label_column=1)  # doctest: +SKIP
    >>> X.shape, y[:2]  # doctest: +SKIP
    ((400, 128, 128, 3), array(['daisy', 'tulip']))
    """
    check_on_error(on_error)
    table = _read_table(csv, path_column)
    _check_header_row(table, path_column, image_folder, suffix)
    names, labels = _column(table, path_column, "path_column"), _column(table, label_column, "label_column")
    paths = np.array([os.path.join(image_folder, f"{name}{suffix}") for name in names], dtype=object)
    is_there = _find_files(paths, on_error)
    files = ImageFiles(paths[is_there], size=size, mode=mode, resize=resize)
    X, is_kept = load_pictures(files, lazy=lazy, on_error=on_error)
    y = _as_target(labels)[is_there][is_kept]
    target_names = np.unique(y).tolist() if y.dtype.kind == "U" else [str(labels.name)]
    return as_result(X, y, files.paths[is_kept], target_names, load_annotated_images.__doc__, return_X_y)


def _read_table(csv: Any, path_column: int | str) -> "pd.DataFrame":
    import pandas as pd

    if isinstance(csv, pd.DataFrame):
        table = csv
    else:
        try:
            header = pd.read_csv(csv, nrows=0)
        except pd.errors.EmptyDataError as error:
            raise ValueError(
                f"csv must have a line of column names and rows; got {csv}, an empty file. Is it the right one?"
            ) from error
        # As text: as a number, picture 0042 would become 42.
        table = pd.read_csv(csv, dtype={header.columns[_position(header, path_column, "path_column")]: str})
    if table.empty:
        raise ValueError(
            f"csv must have at least one row; got the columns {_name_columns(table)} and no rows. Is it the right one?"
        )
    return table


def _column(table: "pd.DataFrame", column: int | str, parameter: str) -> "pd.Series[Any]":
    """Return a column without missing values."""
    series = table.iloc[:, _position(table, column, parameter)]
    missing = np.flatnonzero(series.isna())
    if len(missing):
        raise ValueError(
            f"Every row must have a value in {parameter}={column!r}; got none in {len(missing)} of {len(series)} rows, "
            f"counted from 0: {name_some(missing.tolist())}. Fill them in or drop the rows. Words such as NA and None "
            "also read as missing: where they are labels, give pandas.read_csv(csv, keep_default_na=False)."
        )
    return series


def _position(table: "pd.DataFrame", column: int | str, parameter: str) -> int:
    n_columns = table.shape[1]
    if isinstance(column, str):
        positions = np.flatnonzero(np.asarray(table.columns, dtype=object) == column)
        if len(positions) == 1:
            return int(positions[0])
    elif -n_columns <= column < n_columns:
        return int(column)
    raise ValueError(
        f"{parameter} must be a column of the table, by name or by position from 0; got {column!r}, and the columns "
        f"{_name_columns(table)}. If these are one column, the separator is no comma: give "
        "pandas.read_csv(csv, sep=';')."
    )


def _name_columns(table: "pd.DataFrame") -> str:
    return ", ".join(repr(name) for name in table.columns)


def _check_header_row(
    table: "pd.DataFrame", path_column: int | str, folder: str | os.PathLike[str], suffix: str
) -> None:
    """Raise if the name of the path column is itself a picture, whose row would get lost."""
    name = table.columns[_position(table, path_column, "path_column")]
    if isinstance(name, str) and os.path.isfile(os.path.join(folder, f"{name}{suffix}")):
        raise ValueError(
            f"The first line of csv must name the columns; got {name!r}, which is a picture. "
            "Add such a line, or give pandas.read_csv(csv, header=None)."
        )


def _find_files(paths: NDArray[Any], on_error: str) -> NDArray[np.bool_]:
    """Return which of the files exist."""
    is_there = np.array([os.path.isfile(path) for path in paths], dtype=bool)
    missing = paths[~is_there].tolist()
    if not missing:
        return is_there
    if on_error == "raise":
        raise FileNotFoundError(
            f"Every row must have its picture; got no file for {len(missing)} of {len(paths)}: {name_some(missing)}. "
            "Check image_folder and path_column, add an ending by suffix='.jpg', or leave such rows out by "
            "on_error='skip'."
        )
    warn_of_skipped(missing, len(paths), "be found")
    return is_there


def _as_target(labels: "pd.Series[Any]") -> NDArray[Any]:
    values = np.asarray(labels.to_numpy())
    # numpy finds the narrowest type for what pandas keeps as objects: text, or numbers that were read as such.
    return np.array(values.tolist()) if values.dtype.kind == "O" else values

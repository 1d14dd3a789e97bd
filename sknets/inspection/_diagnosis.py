"""A verdict with its evidence: numbers, sentences, advice."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sknets.inspection._advice import Advice
from sknets.inspection._diagnosis_card import make_card
from sknets.inspection._finding import Finding, Teller

if TYPE_CHECKING:
    from sknets.displays import DiagnosisDisplay

LINE_LENGTH = 100


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """How an estimator fits, why that is the verdict, and what was found to help.

    :func:`diagnose` makes one. ``print`` shows it as text, a notebook as a card, :meth:`plot` as a figure.

    Attributes
    ----------
    label : {"underfitting", "overfitting", "balanced", "undertrained", "diverging"}
    is_mixed : bool
        Whether some of the evidence speaks for another label, or for none; a sentence says which.
    strengths : dict of str to float
        How strong the evidence for each label but "balanced" is: the part of what can be learnt (the best score above a
        constant's) that a finding is about. 0 where it is not clear, or too little.
    evidence : list of Finding
        ``name``, ``sentence``, ``figures`` (every number of the sentence, unrounded) and ``is_warning``.
    advice : list of Advice
        What was tried and clearly helped, in the order of the measured gain: ``words``, ``parameters`` for
        ``set_params``, ``gain``, ``spread``, ``noise``, ``is_clear``, ``score``, and ``estimator``, an unfitted copy
        with the change. Where nothing clearly helped, the single change from which most is to be expected, with
        ``is_clear`` False.
    curves : pandas.DataFrame
        A row an epoch and fold: ``fold``, ``epoch``, ``train_loss``, ``valid_loss``, ``train_score``, ``valid_score``.
        No rows for solvers without epochs.
    learning_curve : pandas.DataFrame
        A row a number of training rows and fold: ``n_rows``, ``fold``, ``train_score``, ``valid_score``.
    probes : pandas.DataFrame
        A row a change that was tried: ``name``, ``family``, ``words``, ``parameters``, ``train_score``,
        ``valid_score``, ``gain``, ``spread``, ``noise``, ``is_clear``, ``error``.
    baselines : pandas.DataFrame
        Rows "constant", "linear" (where the network is none), "shuffled" and "network"; columns ``train_score``,
        ``valid_score``, ``valid_spread``.
    estimator_name, score_name : str
    n_rows, n_folds, n_networks : int
    seconds : float

    See Also
    --------
    diagnose : Makes one.
    sknets.displays.DiagnosisDisplay : What ``plot`` draws.
    """

    label: str
    is_mixed: bool
    strengths: dict[str, float]
    evidence: list[Finding]
    advice: list[Advice]
    curves: pd.DataFrame
    learning_curve: pd.DataFrame
    probes: pd.DataFrame
    baselines: pd.DataFrame
    estimator_name: str
    score_name: str
    n_rows: int
    n_folds: int
    n_networks: int
    seconds: float

    @property
    def sentences(self) -> list[str]:
        """The evidence in words."""
        return [finding.sentence for finding in self.evidence]

    def plot(self, axes: Any = None) -> "DiagnosisDisplay":
        """Draw curves, scores and what was tried.

        Parameters
        ----------
        axes : array-like of four matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : sknets.displays.DiagnosisDisplay
        """
        from sknets.displays import DiagnosisDisplay

        return DiagnosisDisplay.from_diagnosis(self).plot(axes)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in dictionaries, lists, strings and numbers, ready for ``json.dumps``.

        Returns
        -------
        record : dict
            Keys are the attributes; tables are lists of rows. Values of parameters that are no plain ones, such as
            estimators, stand in it as they print; what is no finite number as None.
        """
        plain = ("label", "is_mixed", "strengths", "estimator_name", "score_name")
        counts = ("n_rows", "n_folds", "n_networks", "seconds")
        tables = ("curves", "learning_curve", "probes")
        record = {
            **{name: getattr(self, name) for name in plain},
            "evidence": [vars(finding) for finding in self.evidence],
            "advice": [
                {name: value for name, value in vars(piece).items() if name != "estimator"} for piece in self.advice
            ],
            **{name: getattr(self, name).to_dict(orient="records") for name in tables},
            "baselines": self.baselines.to_dict(orient="index"),
            **{name: getattr(self, name) for name in counts},
        }
        return {key: _as_plain(value) for key, value in record.items()}

    def __str__(self) -> str:
        lines = [self.headline, self.caption, "", "Why"]
        for finding in self.evidence:
            lines += _wrap(("Warning: " if finding.is_warning else "") + finding.sentence, "  - ")
        lines += ["", self.advice_heading]
        for number, (words, gain, call) in enumerate(self.advice_lines, 1):
            lines += [*_wrap(f"{words}: {gain}", f"  {number}. "), *([f"     {call}"] if call else [])]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline}>"

    def _repr_html_(self) -> str:
        return make_card(self.headline, self.caption, self.evidence, self.advice_heading, self.advice_lines)

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        return f"Verdict: {self.label}{' (mixed evidence)' if self.is_mixed else ''}"

    @property
    def caption(self) -> str:
        """What was diagnosed, and how."""
        return (
            f"{self.estimator_name}, {self.n_rows:,} rows, {self.n_folds} folds, score: {self.score_name}; "
            f"{self.n_networks} networks in {self.seconds:.1f} s"
        )

    @property
    def advice_heading(self) -> str:
        """What the advice is, or that there is none."""
        n_tried = len(self.probes)
        if self.advice and not self.advice[0].is_clear:
            return (
                f"Advice: none of {n_tried} changes that were tried clearly helped; the most likely one, whose gain is "
                "not larger than its noise"
            )
        if self.advice:
            return f"Advice: of {n_tried} changes that were tried, those that clearly helped (gain ± noise)"
        return f"No advice: none of {n_tried} changes that were tried helped"

    @property
    def advice_lines(self) -> list[tuple[str, str, str]]:
        """Each piece of advice as what to do, what it brought, and the call that does it."""
        best = self.baselines["valid_score"].max() - self.baselines.loc["constant", "valid_score"]
        teller = Teller(best if best > 0 else 1.0)
        return [
            (
                piece.words,
                f"{teller.gain(piece.gain)} ± {teller.score(piece.noise)}{_say_why_clear(piece)}, "
                f"to {teller.score(piece.score)}",
                _call(piece),
            )
            for piece in self.advice
        ]


def _say_why_clear(piece: Advice) -> str:
    return ", in every fold" if piece.is_clear and piece.gain <= piece.noise else ""


def _call(piece: Advice) -> str:
    if not piece.parameters:
        return ""
    return f"set_params({', '.join(f'{name}={value!r}' for name, value in piece.parameters.items())})"


def _wrap(text: str, start: str) -> list[str]:
    return textwrap.wrap(text, LINE_LENGTH, initial_indent=start, subsequent_indent=" " * len(start))


def _as_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, str | int) else repr(value)

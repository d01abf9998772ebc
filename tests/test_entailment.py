"""The packaged support model tells support from its look-alikes."""

from helpers import make_article
from sklearn.metrics import roc_auc_score

from assistant.evaluation.support_training.data import written
from assistant.grounding.entailment import SupportModel
from assistant.grounding.runs import runs
from assistant.grounding.wording import read
from assistant.passages import split_passages

WORDS = "The harbour board of Losten sold the old quay to a brewery in May, after the council had refused to buy it."


def log_odds(model: SupportModel, claim: str) -> float:
    (passage,) = split_passages(make_article(text=f"{WORDS}\n"))
    (run,) = runs(read(claim), passage)
    return model.log_odds(claim, run)


def test_a_sentence_supports_itself(support_model: SupportModel) -> None:
    assert log_odds(support_model, WORDS) == log_odds(support_model, WORDS.rstrip(".")) > 5


def test_it_tells_held_out_claims_apart(support_model: SupportModel) -> None:
    claims = written(held_out=True)[::3]
    scores = [support_model.scores(one.says, [(one.title, one.previous, one.words)])[0] for one in claims]
    found = roc_auc_score([one.supported for one in claims], scores)
    print(f"AUROC {found:.3f} of {len(claims)} claims on stories never trained on")
    assert found > 0.85

import math

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.image.shape import ImageShape
from collapsebench.learners.labelling import RandomFeatures, TwoLayerNetwork, random_features

PIXEL = ImageShape(side=1, levels=255, classes=2)
QUADRANTS = ImageShape(side=2, levels=255, classes=4)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def corpus(images, labels, weights=None):
    return Corpus({"image": torch.tensor(images, dtype=torch.uint8), "label": torch.tensor(labels)}, weights)


def fitted(learner, rows, **training):
    learner.fit(rows, FitConfig(rng(1), **training))
    return learner


def pixel_model(labels, ridge=1e-9, weights=None, labeller=None):
    """One positive feature of images of one pixel, which all are the same once scaled."""
    learner = RandomFeatures(PIXEL, torch.ones(1, 1), ridge, labeller)
    return fitted(learner, corpus([[100 + i] for i in range(len(labels))], labels, weights))


def quadrants(n=400, seed=2):
    """Images with one bright pixel, which is the label, and noise."""
    labels = torch.randint(4, (n,), generator=rng(seed))
    images = torch.randint(60, (n, 4), generator=rng(seed + 1))
    images[torch.arange(n), labels] += 150
    return Corpus({"image": images.to(torch.uint8), "label": labels})


def network():
    return TwoLayerNetwork(QUADRANTS, 16, Optimizer(lr=1e-2), rng())


def features(width=20, ridge=1e-3):
    return RandomFeatures(QUADRANTS, random_features(4, width, rng()), ridge)


@pytest.fixture(params=["features", "network"])
def learner(request):
    made = features() if request.param == "features" else network()
    return fitted(made, quadrants(), steps=150, batch=32)


def test_one_feature_fits_the_shares_of_the_labels():
    one = torch.tensor([[7]], dtype=torch.uint8)
    assert pixel_model([0, 0, 1]).outputs(one)[0].tolist() == pytest.approx([2 / 3, 1 / 3])
    weights = torch.tensor([1.0, 1.0, 2.0])
    assert pixel_model([0, 0, 1], weights=weights).outputs(one)[0].tolist() == pytest.approx([0.5, 0.5])
    # A penalty as large as the mean square of the feature halves the coefficients.
    assert pixel_model([0, 0, 1], ridge=1.0).outputs(one)[0].tolist() == pytest.approx([1 / 3, 1 / 6])


def test_labels_are_as_certain_as_cross_validation_says():
    # Residuals 2 · (2/3 · 1/3) a row, 2/9 a class; over (1 − 1/3)² for one degree of freedom in three: ½.
    log_prob = pixel_model([0, 0, 1]).log_prob(corpus([[7], [7]], [0, 1]))
    assert (log_prob[0] - log_prob[1]).item() == pytest.approx((2 / 3 - 1 / 3) / 0.5, rel=1e-4)


def test_before_the_first_fit_all_labels_are_equally_probable():
    log_prob = features().log_prob(quadrants(8))
    torch.testing.assert_close(log_prob, torch.full((8,), -math.log(4)))


def test_it_learns_what_can_be_told(learner):
    new = quadrants(seed=9)
    assert (learner.outputs(new["image"]).argmax(1) == new["label"]).double().mean() > 0.97
    assert learner.log_prob(new).exp().mean() > 0.8


def test_brightness_does_not_matter(learner):
    images = torch.tensor([[10, 20, 30, 100], [20, 40, 60, 200]], dtype=torch.uint8)
    one, two = learner.outputs(images)
    torch.testing.assert_close(one, two)


def test_samples_keep_their_images_and_get_labels(learner):
    images = Corpus({"image": quadrants(50)["image"]})
    drawn = learner.sample(50, rng(), Decoding(), images)
    assert torch.equal(drawn["image"], images["image"])
    assert (drawn["label"] == quadrants(50)["label"]).double().mean() > 0.7
    best = learner.sample(50, rng(), Decoding(top_k=1), images)["label"]
    assert torch.equal(best, learner.outputs(images["image"]).argmax(1))
    assert torch.equal(learner.sample(50, rng(), Decoding(temperature=1e-3), images)["label"], best)
    with pytest.raises(PluginError, match="conditions"):
        learner.sample(3, rng(), Decoding())


def test_only_labels_under_the_mask_are_drawn_anew(learner):
    wrong = quadrants(40).with_columns(label=(quadrants(40)["label"] + 1) % 4)
    mask = torch.arange(40).unsqueeze(1) < 20
    edited = learner.resample(wrong, mask, rng(), Decoding(top_k=1))["label"]
    assert torch.equal(edited[20:], wrong["label"][20:])
    assert torch.equal(edited[:20], learner.outputs(wrong["image"]).argmax(1)[:20])


def test_another_model_can_write_the_labels():
    always_one = pixel_model([1, 1, 1])
    student = pixel_model([0, 0, 0], labeller=always_one)
    drawn = student.sample(30, rng(), Decoding(), Corpus({"image": torch.full((30, 1), 9, dtype=torch.uint8)}))
    assert drawn["label"].tolist() == [1] * 30
    assert student.log_prob(corpus([[9]], [0])).exp().item() > 0.99


def test_an_extended_model_is_that_of_all_rows():
    rows = quadrants(60)
    first, rest = rows.select(torch.arange(40)), rows.select(torch.arange(40, 60))
    whole, longer = fitted(features(), rows), fitted(features(), first).extended(rest)
    torch.testing.assert_close(longer.outputs(rows["image"]), whole.outputs(rows["image"]))
    torch.testing.assert_close(longer.log_prob(rows), whole.log_prob(rows))


def test_more_features_than_rows_interpolate():
    rows = quadrants(10)
    outputs = fitted(features(200, ridge=1e-9), rows).outputs(rows["image"])
    assert torch.equal(outputs.argmax(1), rows["label"])
    torch.testing.assert_close(outputs, torch.eye(4)[rows["label"]], rtol=0, atol=0.01)


def test_features_that_cannot_be_told_apart_diverge():
    with pytest.raises(Diverged, match="singular"):
        fitted(RandomFeatures(PIXEL, torch.ones(1, 3), 1e-300), corpus([[9]] * 4, [0, 1, 0, 1]))


@pytest.mark.parametrize("make", [features, network])
def test_bad_examples_are_refused(make):
    with pytest.raises(PluginError, match=r"labels outside 0\.\.3"):
        fitted(make(), corpus([[1, 2, 3, 4]], [4]), steps=1)
    with pytest.raises(PluginError, match="Images have the shape"):
        fitted(make(), corpus([[1, 2, 3]], [0]), steps=1)

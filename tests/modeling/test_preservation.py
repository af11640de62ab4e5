"""Knowledge preservation: the frozen copy stays, and the distance is one."""

import pytest
import torch

from modeling.choices import UnknownChoiceError
from modeling.network import Network, Output, build_network
from modeling.preservation import RESPONSES, Preservation, discrepancy, frozen_copy


def network() -> Network:
    torch.manual_seed(0)
    return build_network("alexnet", findings=("A", "B"), image_size=64, transition_width=4)


def images() -> torch.Tensor:
    return torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_copy_stays_when_the_network_is_trained() -> None:
    trained = network().train()
    frozen = frozen_copy(trained)
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    total = trained(images()).logits.square().sum() + frozen(images()).logits.sum()
    total.backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    assert not torch.equal(trained.prediction.bias, frozen.prediction.bias)
    assert not frozen.training and all(weight.grad is None for weight in frozen.parameters())


@pytest.mark.parametrize("responses", RESPONSES)
def test_equal_responses_are_no_distance_apart(responses: str) -> None:
    net = network().eval()
    output = net(images(), features=True)
    again = frozen_copy(net)(images(), features=True)
    torch.testing.assert_close(discrepancy(output, again, responses), torch.zeros(4))


def test_the_distance_of_logits_is_a_square_up_to_one_and_a_line_beyond() -> None:
    maps = torch.zeros(2, 2, 1, 1)
    new, old = (
        Output(torch.tensor(logits), maps)
        for logits in ([[0.5, 3.0], [0.0, 0.0]], [[0.0, 0.0]] * 2)
    )
    assert discrepancy(new, old).tolist() == [(0.25 + 5.0) / 2, 0.0]


def test_the_distance_of_features_knows_no_scale() -> None:
    one, other = torch.rand(3, 4, 5, 5), torch.rand(3, 4, 5, 5)
    logits, maps = torch.zeros(3, 2), torch.zeros(3, 2, 5, 5)

    def apart(scale: float) -> torch.Tensor:
        new, old = (Output(logits, maps, scale * features) for features in (one, other))
        return discrepancy(new, old, "features")

    torch.testing.assert_close(apart(1.0), apart(1000.0))
    assert (apart(1.0) > 0).all()


@pytest.mark.parametrize("responses", RESPONSES)
def test_less_distance_after_a_step_against_it(responses: str) -> None:
    net = network().eval()
    original = frozen_copy(net)
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(1 + 0.1 * torch.randn_like(weight))
    weights = [weight for weight in net.parameters() if weight.requires_grad]

    def apart() -> torch.Tensor:
        seen = net(images(), features=True), original(images(), features=True)
        return discrepancy(*seen, responses).sum()

    before = apart()
    gradients = torch.autograd.grad(before, weights, allow_unused=True)
    norm = sum(float(part.square().sum()) for part in gradients if part is not None)
    with torch.no_grad():  # so far that a straight slope would fall by a tenth
        for weight, part in zip(weights, gradients, strict=True):
            weight.sub_(0.0 if part is None else part * (0.1 * before / norm))
        after = apart()
    assert 0.8 * before < after < 0.95 * before


def test_features_must_be_there() -> None:
    output = network()(images())
    with pytest.raises(ValueError, match="features=True"):
        discrepancy(output, output, "features")


def test_options_that_cannot_be() -> None:
    with pytest.raises(UnknownChoiceError):
        Preservation(responses="heatmaps")
    with pytest.raises(ValueError, match="weight"):
        Preservation(weight=-1.0)

"""The training loop itself, by the priorities of its audit (P0, P1, P2); and its configuration."""

from types import MethodType

import numpy as np
import pytest
from runs import At, Centre, Dropout, deep_trainer, linear_trainer, shuffled, weights

from tinytorch.data import DataLoader
from tinytorch.nn.layers import Linear, Sequential
from tinytorch.nn.losses import mse_loss
from tinytorch.optim import SGD, ExponentialLR, ReduceLROnPlateau
from tinytorch.tensor import tensor
from tinytorch.training import Callback, EarlyStopping, Trainer, checkpoints


class Spy(SGD):
    """Notes the rate, the gradients' norm and the weights with which each step is done."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.rates, self.norms, self.before = [], [], []

    def step(self, closure=None):
        parameters = self.param_groups[0]["params"]
        self.rates.append(self.param_groups[0]["lr"])
        self.norms.append(float(np.sqrt(sum((p.grad.array**2).sum() for p in parameters))))
        self.before.append([p.detach().numpy().copy() for p in parameters])
        return super().step(closure)


def spied(lr=0.1, **options):
    trainer = linear_trainer(lr)
    optimizer = Spy(trainer.model.parameters(), lr=lr)
    options = {name: make(optimizer) if name == "scheduler" else make for name, make in options.items()}
    return Trainer(trainer.model, mse_loss, optimizer, **options)


# P0


def check_own_gradients_alone(trainer, data):
    """Each step went down the gradient of its own batch, which a line of NumPy knows."""
    x, y = (t.numpy() for t in data.tensors)
    batches = [*zip(x.reshape(4, 16, 2), y.reshape(4, 16, 1))]
    places = [*trainer.optimizer.before, [p.detach().numpy() for p in trainer.model.parameters()]]
    for i, ((weight, bias), (after, _)) in enumerate(zip(places, places[1:])):
        x, y = batches[i % 4]
        gradient = 2 * ((x @ weight.T + bias - y) * x).mean(0)
        np.testing.assert_allclose(after, weight - 0.01 * gradient[None], rtol=1e-4, err_msg=f"step {i + 1}")


def test_07_3_p0_zero_grad_every_step_uses_its_own_gradient_alone(line):
    trainer = spied(lr=0.01)
    trainer.fit(DataLoader(line, 16), epochs=3)
    check_own_gradients_alone(trainer, line)


def test_07_3_p0_zero_grad_forgetting_it_is_detected_although_the_loss_falls(line):
    """The fault is planted here: gradients pile up, the loss falls all the same, and the check above notices in step 2."""
    trainer = spied(lr=0.01)
    trainer.optimizer.zero_grad = MethodType(lambda self, set_to_none=True: None, trainer.optimizer)
    history = trainer.fit(DataLoader(line, 16), epochs=3)
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]
    with pytest.raises(AssertionError, match="step 2"):
        check_own_gradients_alone(trainer, line)


def test_07_10_p0_convergence_to_the_known_answer_in_40_epochs(line):
    trainer = linear_trainer()
    history = trainer.fit(DataLoader(line, 16), epochs=40)
    np.testing.assert_allclose(trainer.model.weight.tolist(), [[2, -3]], atol=1e-3)
    np.testing.assert_allclose(trainer.model.bias.tolist(), [0.5], atol=1e-3)
    assert history[-1]["train_loss"] < 1e-5 < history[0]["train_loss"]


def test_p0_the_whole_loop_model_loss_optimizer_data_and_trainer(line):
    trainer = deep_trainer()
    history = trainer.fit(shuffled(line), validation=DataLoader(line, 16), epochs=30)
    assert history[-1]["val_loss"] < 0.4 * history[0]["val_loss"]
    assert trainer.predict(DataLoader(line, 16)).shape == (64, 1)


# P1


@pytest.mark.parametrize("schedule, expected", [("epoch", [1, 1, 0.5, 0.5]), ("step", [1, 0.5, 0.25, 0.125])])
def test_07_10_p1_schedule_the_rate_used_at_each_step_is_the_schedules(line, schedule, expected):
    trainer = spied(lr=1e-3, scheduler=lambda optimizer: ExponentialLR(optimizer, 0.5), schedule=schedule)
    trainer.fit(DataLoader(line, 32), epochs=2)
    assert trainer.optimizer.rates == [1e-3 * rate for rate in expected]


def test_p1_schedule_the_plateau_hears_the_validation_loss(line):
    """The training loss falls, the validation loss does not: the rate is cut."""
    trainer = linear_trainer(lr=0.01)
    trainer.scheduler = ReduceLROnPlateau(trainer.optimizer, patience=1, factor=0.5)
    constant = [(tensor([[0.0, 0.0]]), tensor([[np.inf]]))]
    trainer.fit(DataLoader(line, 16), constant, epochs=5)
    assert trainer.optimizer.param_groups[0]["lr"] < 0.01
    trainer = linear_trainer(lr=0.01)
    trainer.scheduler = ReduceLROnPlateau(trainer.optimizer, patience=1, factor=0.5)
    trainer.fit(DataLoader(line, 16), epochs=5)
    assert trainer.optimizer.param_groups[0]["lr"] == 0.01


def test_07_3_p1_clipping_the_norm_after_it_and_an_exploding_batch_is_survived(line):
    huge = [(tensor([[1e6, 1e6]]), tensor([[0.0]]))]
    batches = [*DataLoader(line, 16), *huge, *DataLoader(line, 16)]
    trainer = spied(clip_norm=0.5)
    trainer.fit(batches, epochs=3)
    assert max(trainer.optimizer.norms) <= 0.5 + 1e-5
    assert np.isfinite(weights(trainer)["weight"]).all() and abs(weights(trainer)["weight"]).max() < 10
    wild = spied()
    wild.fit(batches[:5], epochs=1)
    assert abs(weights(wild)["weight"]).max() > 1e6, "without clipping the same batch throws the weights away"


def test_07_4_p1_mode_switches_and_evaluate_puts_it_back(line):
    model = Sequential(Linear(2, 4), Centre(4), Dropout(), Linear(4, 1))
    model[2].eval()  # frozen by hand: it has to stay so
    trainer = Trainer(model, mse_loss, SGD(model.parameters(), lr=0.01))
    running = model[1].running_mean.numpy().copy()
    assert trainer.evaluate(DataLoader(line, 16)) == trainer.evaluate(DataLoader(line, 16)), "no dropout in evaluation"
    trainer.predict(DataLoader(line, 16))
    assert (model[1].running_mean.numpy() == running).all() and model.training and not model[2].training
    trainer.fit(DataLoader(line, 16), DataLoader(line, 16), epochs=1)
    assert (model[1].running_mean.numpy() != running).any() and model.training and not model[2].training


def test_07_10_p1_mode_training_in_training_mode_validation_in_evaluation_mode(line):
    modes, model = [], Sequential(Linear(2, 4), Dropout(), Linear(4, 1))
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    model.eval()
    Trainer(model, mse_loss, SGD(model.parameters(), lr=0.01)).fit(DataLoader(line, 32), DataLoader(line, 64), epochs=2)
    assert modes == [True, True, False] * 2 and not model.training and not model[1].training


# P2: the checkpoint has files of its own, test_resume.py and test_checkpoints.py


def test_07_1_p2_accumulation_k_small_batches_equal_one_large(line):
    places = []
    for size, k in ((48, 1), (16, 3), (4, 12)):
        trainer = linear_trainer(accumulate=k)
        trainer.fit(DataLoader(line, size), epochs=3)
        places.append(weights(trainer)["weight"])
    np.testing.assert_allclose(places[1], places[0], rtol=1e-5)
    np.testing.assert_allclose(places[2], places[0], rtol=1e-5)


def test_p2_history_one_entry_an_epoch_and_the_figures_true(line):
    history = linear_trainer(lr=1e-9).fit(DataLoader(line, 48), DataLoader(line, 10), epochs=3)
    x, y = (t.numpy() for t in line.tensors)
    start = weights(linear_trainer())
    loss = ((x @ start["weight"].T + start["bias"] - y) ** 2).mean()
    assert [record["epoch"] for record in history] == [1, 2, 3]
    for record in history:
        assert np.isclose(record["train_loss"], loss, rtol=1e-4) and np.isclose(record["val_loss"], loss, rtol=1e-4)
        assert record["lr"] == 1e-9


def test_07_6_early_stopping_puts_the_best_weights_back(line):
    class Worse(Callback):
        """Spoils the model from the third epoch on."""

        def on_fit_start(self, trainer):
            self.kept = []

        def on_epoch_end(self, trainer):
            self.kept.append(weights(trainer)["weight"])
            if trainer.epoch >= 3:
                trainer.model.weight.array[...] += 10

    spoil = Worse()
    trainer = linear_trainer(callbacks=[EarlyStopping(patience=2), spoil])
    history = trainer.fit(DataLoader(line, 16), DataLoader(line, 16), epochs=50)
    assert len(history) == 5 and (weights(trainer)["weight"] == spoil.kept[2]).all()


def test_07_6_early_stopping_names_the_metrics_that_there_are(line):
    with pytest.raises(KeyError, match="'val_loss'.*'train_loss'.*validation data"):
        linear_trainer(callbacks=[EarlyStopping()]).fit(DataLoader(line, 16), epochs=1)


# the configuration


@pytest.mark.parametrize(
    "field, value, allowed",
    [
        ("model", "a model", "a Module"),
        ("loss_fn", 3, r"a function \(outputs, targets\)"),
        ("optimizer", None, "an Optimizer"),
        ("scheduler", 0.9, "a scheduler, or None"),
        ("schedule", "batch", "'epoch' or 'step'"),
        ("metrics", [1], "a dict of functions"),
        ("accumulate", 0, "an int of at least 1"),
        ("accumulate", True, "an int of at least 1"),
        ("accumulate", 2.0, "an int of at least 1"),
        ("clip_norm", -1, "a positive number, or None"),
        ("clip_norm", float("nan"), "a positive number, or None"),
        ("nonfinite", "ignore", "'raise', 'skip' or 'restore'"),
        ("callbacks", [print], "a list of Callback objects"),
        ("callbacks", EarlyStopping(), "a list of Callback objects"),
        ("folder", 3, "a path, or None"),
        ("checkpoint_every", 0, "a number of steps of at least 1, or None"),
        ("keep", 0, "an int of at least 1"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, EarlyStopping) else str(value),
)
def test_invalid_configuration_is_refused_with_field_value_and_what_is_allowed(field, value, allowed):
    model = Linear(2, 1)
    good = {"model": model, "loss_fn": mse_loss, "optimizer": SGD(model.parameters(), lr=0.1)}
    with pytest.raises(ValueError, match=rf"^{field} must be {allowed}.*, got ") as refused:
        Trainer(**good | {field: value})
    assert repr(value)[:80] in str(refused.value)


def test_invalid_configuration_restore_needs_a_folder():
    with pytest.raises(ValueError, match="folder must be given, got None"):
        linear_trainer(nonfinite="restore")


def test_invalid_configuration_an_optimizer_of_another_model():
    with pytest.raises(ValueError, match="optimizer must hold parameters of the model.*model.parameters"):
        Trainer(Linear(1, 1), mse_loss, SGD(Linear(1, 1).parameters(), lr=0.1))


@pytest.mark.parametrize("epochs", [-1, 2.5, "3", None])
def test_invalid_configuration_epochs_are_refused_before_the_first_step(line, tmp_path, epochs):
    trainer = linear_trainer(folder=tmp_path)
    with pytest.raises(ValueError, match=f"epochs must be an int of at least 0, got {epochs!r}"):
        trainer.fit(DataLoader(line, 16), epochs=epochs)
    assert trainer.step == 0 and not checkpoints(tmp_path)


@pytest.mark.parametrize(
    "old, new, value",
    [
        ("grad_accum_steps", "accumulate", 4),
        ("gradient_accumulation_steps", "accumulate", 2),
        ("max_grad_norm", "clip_norm", 1.0),
        ("checkpoint_dir", "folder", "runs"),
        ("lr_scheduler", "scheduler", None),
    ],
)
def test_deprecated_names_warn_and_work(old, new, value):
    with pytest.warns(FutureWarning, match=f"'{old}' is now called '{new}'") as caught:
        assert getattr(linear_trainer(**{old: value}), new) == value
    assert len(caught) == 1


def test_names_that_never_were_are_refused():
    with pytest.raises(TypeError, match="max_epochs"):
        linear_trainer(max_epochs=3)


def test_callbacks_hear_everything_in_order(line):
    class Listener(Callback):
        heard = []

        def on_fit_start(self, trainer):
            self.heard.append("start")

        def on_epoch_end(self, trainer):
            self.heard.append(f"epoch {trainer.epoch}")

        def on_fit_end(self, trainer):
            self.heard.append("end")

    steps = [At(i, lambda trainer: Listener.heard.append(f"step {trainer.step}")) for i in range(1, 5)]
    linear_trainer(callbacks=[Listener(), *steps]).fit(DataLoader(line, 32), epochs=2)
    assert Listener.heard == ["start", "step 1", "step 2", "epoch 1", "step 3", "step 4", "epoch 2", "end"]


def test_a_plateau_goes_by_epochs():
    with pytest.raises(ValueError, match="schedule must be 'epoch' for a ReduceLROnPlateau"):
        spied(scheduler=ReduceLROnPlateau, schedule="step")


@pytest.mark.parametrize("loader", [[], iter(())], ids=["empty", "used up"])
def test_an_epoch_without_a_batch_is_refused(loader):
    with pytest.raises(ValueError, match="gave no batches to train on"):
        linear_trainer().fit(loader, epochs=1)


@pytest.mark.filterwarnings("ignore:epoch 1")
def test_an_epoch_of_which_nothing_was_good_has_no_loss():
    trainer = linear_trainer(nonfinite="skip")
    history = trainer.fit([(tensor([[np.nan, 1.0]]), tensor([[1.0]]))], epochs=1)
    assert np.isnan(history[0]["train_loss"])


@pytest.mark.parametrize("kind", [tuple, list])
def test_inputs_of_several_parts_are_refused(kind):
    x = tensor([[1.0, 2.0]])
    with pytest.raises(TypeError, match=f"one Tensor, got a {kind.__name__}: give a collate_fn"):
        linear_trainer().fit([(kind((x, x)), tensor([[1.0]]))], epochs=1)

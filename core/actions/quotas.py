"""What one training may ask for, so that one person's mistake does not keep everybody else from the machine."""

from core.encoders.catalogue import EncoderSpec
from core.errors import UserError
from core.settings import Settings
from core.training.config import TrainConfig


def check_quotas(settings: Settings, config: TrainConfig, spec: EncoderSpec | None = None) -> None:
    """Refuse too many epochs, and an encoder that is known to be too large (of others the job finds out before it loads them).

    Raises:
        UserError: what is asked for, how much is allowed, and which setting says so.
    """
    asked = {"label_epochs": config.label_epochs, "round_epochs": config.round_epochs or 0}
    for name, number in asked.items():
        if number > settings.max_epochs:
            raise UserError(
                f"{name} is {number}; at most {settings.max_epochs} are allowed here. Choose fewer, or have the operator raise "
                "UNCONFOUND_MAX_EPOCHS."
            )
    if spec is not None and spec.shape is not None and spec.shape.parameters > settings.max_parameters:
        raise UserError(
            f"{spec.name} has {spec.shape.parameters / 1e6:.0f} million parameters; at most "
            f"{settings.max_model_millions} million are allowed here. Choose a smaller encoder, or have the operator raise "
            "UNCONFOUND_MAX_MODEL_MILLIONS."
        )

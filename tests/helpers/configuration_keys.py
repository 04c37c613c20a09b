"""Keys of a configuration, found in its pydantic models."""

from collections.abc import Iterator

from pydantic import BaseModel


def dotted_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yields every key, such as `trainer.units`, in the order of the fields."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from dotted_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{field.alias or name}"

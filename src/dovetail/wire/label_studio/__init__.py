"""Label Studio's protocols as typed values: what the labels piece speaks with tools and models."""

__all__: list[str] = []

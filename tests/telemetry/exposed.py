"""Reading metrics like Prometheus."""

from prometheus_client.parser import text_string_to_metric_families


class Exposed:
    """The metrics of one scrape."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.help = {family.name: family.documentation for family in families}
        self.type = {family.name: family.type for family in families}
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of the sample with exactly these labels; 0 if there is none."""
        return self.samples.get((name, tuple(sorted(labels.items()))), 0.0)

    @property
    def labels(self) -> dict[str, set[str]]:
        """Sample name -> the names of its labels."""
        found: dict[str, set[str]] = {}
        for name, labels in self.samples:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found

"""The drawn curves are those that were measured."""

from xml.etree import ElementTree

from benchmarks.curves import svg

SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_goes_through_the_means_and_every_measurement_is_a_dot() -> None:
    drawn = ElementTree.fromstring(svg({"a<b": {1: [0.0, 1.0], 10: [1.0], 100: [0.0]}, "c": {1: [0.5]}}, "x", "y", 0.5))
    first, second = drawn.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in first.attrib["points"].split()]
    (left, middle), (half, top), (right, bottom) = points
    assert half - left == right - half, "the axis is logarithmic"
    assert middle == (top + bottom) / 2
    assert second.attrib["points"] == f"{left},{middle}"
    assert len(list(drawn.iter(f"{SVG}circle"))) == 5
    assert {"a<b", "c", "guessing", "100", "50%"} <= {text.text for text in drawn.iter(f"{SVG}text")}

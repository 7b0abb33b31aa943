"""Writes the tables that the crate's tests compare with into the folder that is named, else beside itself. See README.md."""

import itertools
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + "/..").resolve()


def write(name, comment, rows):
    with open(FOLDER / f"{name}.txt", "w", encoding="ascii") as file:
        print("#", comment, file=file)
        for row in rows:
            print(" ".join(f"{x:.9g}" if isinstance(x, float) else str(x) for x in row), file=file)


def noise(count, seed):
    """A linear congruential generator, exact in single precision, -0.5 to 0.5."""
    values = np.empty(count)
    for n in range(count):
        seed = (seed * 1664525 + 1013904223) % 2**32
        values[n] = (seed >> 8) / 16777216.0 - 0.5
    return values


def cookbook(kind, rate, freq, gain, q):
    """b and a of the cookbook's biquads."""
    w = 2 * np.pi * freq / rate
    cos, alpha, amp = np.cos(w), np.sin(w) / (2 * q), 10 ** (gain / 40)
    root = 2 * np.sqrt(amp) * alpha
    if kind == "low pass":
        return [(1 - cos) / 2, 1 - cos, (1 - cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]
    if kind == "high pass":
        return [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]
    if kind == "band pass":
        return [alpha, 0, -alpha], [1 + alpha, -2 * cos, 1 - alpha]
    if kind == "notch":
        return [1, -2 * cos, 1], [1 + alpha, -2 * cos, 1 - alpha]
    if kind == "bell":
        return [1 + alpha * amp, -2 * cos, 1 - alpha * amp], [1 + alpha / amp, -2 * cos, 1 - alpha / amp]
    if kind == "low shelf":
        return (
            [amp * (amp + 1 - (amp - 1) * cos + root), 2 * amp * (amp - 1 - (amp + 1) * cos), amp * (amp + 1 - (amp - 1) * cos - root)],
            [amp + 1 + (amp - 1) * cos + root, -2 * (amp - 1 + (amp + 1) * cos), amp + 1 + (amp - 1) * cos - root],
        )
    assert kind == "high shelf"
    return (
        [amp * (amp + 1 + (amp - 1) * cos + root), -2 * amp * (amp - 1 + (amp + 1) * cos), amp * (amp + 1 + (amp - 1) * cos - root)],
        [amp + 1 - (amp - 1) * cos + root, 2 * (amp - 1 - (amp + 1) * cos), amp + 1 - (amp - 1) * cos - root],
    )


def response(b, a, hz, rate):
    z = np.exp(-2j * np.pi * hz / rate)
    return (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)


def decibels(x):
    return float(20 * np.log10(max(abs(x), 1e-12)))


def butterworth(order):
    """Qualities of the pole pairs, from the poles themselves."""
    poles = [np.exp(1j * np.pi * (2 * k + order + 1) / (2 * order)) for k in range(order)]
    return sorted(-1 / (2 * p.real) for p in poles if p.imag > 1e-9)


def cut(kind, order, rate, freq, q, hz):
    qualities = butterworth(order)
    qualities[-1] *= q * np.sqrt(2)
    return np.prod([response(*cookbook(kind, rate, freq, 0, quality), hz, rate) for quality in qualities])


def equaliser():
    kinds = ["high pass", "low shelf", "bell", "notch", "high shelf", "low pass"]
    for number, rate in itertools.product(range(6), (44100, 96000)):
        kind = kinds[number]
        cases = [(30.0, 6.0, 0.7), (120.0, -12.0, 0.5), (1000.0, 24.0, 4.0), (5000.0, -7.5, 1.4), (16000.0, 3.0, 0.9)]
        for slope, (freq, gain, q) in itertools.product(range(3 if number in (0, 5) else 1), cases):
            for hz in (20.0, 35.0, 100.0, 330.0, 900.0, 1000.0, 2500.0, 6000.0, 12000.0, 19000.0):
                if number in (0, 5):
                    value = cut(kind, 2 ** (slope + 1), rate, freq, q, hz)
                else:
                    value = response(*cookbook(kind, rate, freq, gain, q), hz, rate)
                yield number, slope, rate, freq, gain, q, hz, decibels(value)


def state_variable_filter():
    kinds = ["low pass", "high pass", "band pass", "notch"]
    for number, slope, (freq, q) in itertools.product(range(4), range(2), [(80.0, 0.7), (1000.0, 6.0), (9000.0, 1.5)]):
        for hz in (25.0, 80.0, 400.0, 990.0, 3000.0, 9000.0, 17000.0):
            if number < 2:
                value = cut(kinds[number], 2 * (slope + 1), 48000, freq, q, hz)
            else:
                value = response(*cookbook(kinds[number], 48000, freq, 0, q), hz, 48000) ** (slope + 1)
            yield number, slope, 48000, freq, q, hz, decibels(value)


def compressor():
    for threshold, ratio, knee in [(-20.0, 4.0, 0.0), (-20.0, 4.0, 12.0), (-40.0, 2.0, 6.0), (-12.0, 100.0, 24.0)]:
        for level in np.arange(-60.0, 0.1, 2.5):
            if 2 * (level - threshold) < -knee:
                output = level
            elif 2 * abs(level - threshold) <= knee and knee > 0:
                output = level + (1 / ratio - 1) * (level - threshold + knee / 2) ** 2 / (2 * knee)
            else:
                output = threshold + (level - threshold) / ratio
            yield threshold, ratio, knee, float(level), float(level - output)


def saturation():
    def cubic(x):
        c = np.clip(2 * x / 3, -1, 1)
        return 1.5 * c - 0.5 * c**3

    def soft(x):
        c = np.clip(x, -3, 3)
        return c * (27 + c * c) / (27 + 9 * c * c)

    curves = [soft, np.tanh, cubic, lambda x: np.clip(x, -1, 1), np.sin]
    phase = 2 * np.pi * np.arange(65536) / 65536
    for (number, curve), drive, bias in itertools.product(enumerate(curves), (0.0, 6.0, 18.0), (0.0, 30.0)):
        x = 0.5 * np.sin(phase) * 10 ** (drive / 20) + bias / 100
        spectrum = np.abs(np.fft.rfft(curve(x))) / 32768
        for harmonic in range(1, 8):
            yield number, drive, bias, harmonic, decibels(spectrum[harmonic])


def room():
    sides_of_one = np.array([1.0, 0.79, 0.47])
    source_share = np.array([0.31, 0.58, 0.43])
    listener_share = np.array([0.67, 0.47, 0.51])
    for size, absorption, rate in [(8.0, 30.0, 48000), (25.0, 60.0, 44100)]:
        sides = sides_of_one * size
        source = source_share * sides
        # Mirror at walls, again and again; a place that was already reached with fewer reflections is the same image.
        images = {tuple(np.round(source, 9)): 0}
        last = [source]
        for order in range(1, 4):
            found = []
            for place, axis, wall in itertools.product(last, range(3), (0.0, 1.0)):
                mirrored = place.copy()
                mirrored[axis] = 2 * wall * sides[axis] - place[axis]
                key = tuple(np.round(mirrored, 9))
                if key not in images:
                    images[key] = order
                    found.append(mirrored)
            last = found
        for ear in range(2):
            listener = listener_share * sides + np.array([0, (-0.12, 0.12)[ear], 0])
            direct = np.linalg.norm(source - listener)
            for image, order in sorted(images.items()):
                if order > 0:
                    far = np.linalg.norm(np.array(image) - listener)
                    factor = direct / far * np.sqrt(1 - absorption / 100) ** order
                    yield size, absorption, rate, ear, float((far - direct) / 343.2 * rate), float(factor)


def k_weighting():
    shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
    high_pass = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    for hz in (10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 997.0, 1000.0, 2000.0, 5000.0, 10000.0, 15000.0, 20000.0):
        yield hz, decibels(response(*shelf, hz, 48000) * response(*high_pass, hz, 48000))


def spectrum():
    for k, value in enumerate(np.fft.rfft(noise(512, 7))):
        yield k, float(value.real), float(value.imag)


write("equaliser", "kind slope rate freq gain q hz db", equaliser())
write("filter", "kind slope rate freq q hz db", state_variable_filter())
write("compressor", "threshold ratio knee level reduction", compressor())
write("saturation", "curve drive bias harmonic db", saturation())
write("room", "size absorption rate ear frames factor", room())
write("k_weighting", "hz db", k_weighting())
write("spectrum", "bin real imaginary", spectrum())

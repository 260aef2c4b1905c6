"""Image files made by hand, where Pillow would not write such a one."""

import struct
import zlib

import numpy as np

ADAM7 = [
    (slice(0, None, 8), slice(0, None, 8)),
    (slice(0, None, 8), slice(4, None, 8)),
    (slice(4, None, 8), slice(0, None, 4)),
    (slice(0, None, 4), slice(2, None, 4)),
    (slice(2, None, 4), slice(0, None, 2)),
    (slice(0, None, 2), slice(1, None, 2)),
    (slice(1, None, 2), slice(0, None, 1)),
]


def chunk(kind, content):
    length, checksum = len(content), zlib.crc32(kind + content)
    return struct.pack(">I", length) + kind + content + struct.pack(">I", checksum)


def png(pixels, bits, color_type, *extra, interlaced=False, size=None):
    """Bytes of a PNG: `pixels` (h, w) or (h, w, c), `size` what its header claims."""
    height, width = pixels.shape[:2]
    parts = [pixels[part] for part in ADAM7] if interlaced else [pixels]
    lines = b""
    for part in parts:
        for row in part.reshape(len(part), -1) if part.size else ():
            digits = (row[:, None] >> np.arange(bits)[::-1]) & 1
            lines += b"\0" + np.packbits(digits.astype("uint8")).tobytes()
    claimed = (width, height) if size is None else size
    header = struct.pack(">IIBBBBB", *claimed, bits, color_type, 0, 0, interlaced)
    body = chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")


def png_key(*levels):
    """The chunk that makes a level or a colour transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))


def tiff(levels, bits, photometric=1):
    """Bytes of a grey TIFF of 12 or 16 bits; `photometric` 0: white is zero."""
    height, width = levels.shape
    if bits == 16:
        content = levels.astype("<u2").tobytes()
    else:
        digits = (levels.reshape(-1, 1) >> np.arange(bits)[::-1]) & 1
        content = np.packbits(digits.astype("uint8")).tobytes()
    short, long = (3, "HH"), (4, "I")
    tags = [
        (256, long, width),
        (257, long, height),
        (258, short, bits),
        (259, short, 1),  # not compressed
        (262, short, photometric),
        (273, long, 8 + 2 + 9 * 12 + 4),  # where the pixels begin
        (277, short, 1),  # samples a pixel
        (278, long, height),  # rows a strip
        (279, long, len(content)),
    ]
    made = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for number, (kind, form), value in tags:
        values = (value, 0) if form == "HH" else (value,)
        made += struct.pack(f"<HHI{form}", number, kind, 1, *values)
    return made + struct.pack("<I", 0) + content

import io
import os
import re
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from keras_drmm.data import load_folder
from tests.data.image_bytes import chunk, png, png_key, tiff

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
SHAPE = 4, 6
# Without 0, so that a pixel that becomes transparent differs.
GREY, OTHER_GREY = RNG.integers(1, 256, (2, *SHAPE), dtype="uint8")
RGB, OTHER_RGB = RNG.integers(1, 256, (2, *SHAPE, 3), dtype="uint8")
ALPHA = RNG.integers(0, 256, SHAPE, dtype="uint8")
DEEP = RNG.integers(1, 65536, SHAPE)
DEEP_RGB = RNG.integers(256, 65536, (*SHAPE, 3))
DEEP_LA = RNG.integers(0, 65536, (*SHAPE, 2))
PALETTE = RNG.integers(1, 256, (8, 3), dtype="uint8")
PLACES = RNG.integers(0, 8, SHAPE, dtype="uint8")
RGBA = np.dstack([RGB, ALPHA])


def encoded(image, kind, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def stored_as(mode, pixels):
    """An image whose pixels are these numbers in a mode of Pillow."""
    return Image.frombytes(mode, SHAPE[::-1], pixels.tobytes())


def with_palette():
    image = stored_as("P", PLACES)
    image.putpalette(PALETTE.tobytes())
    return image


def nearest(values):
    return np.floor(np.asarray(values, "float64") + 0.5)


def over_black(colours, alpha):
    return nearest(colours * (alpha / 255)[..., None])


def without(colours, is_left_out):
    return np.where(is_left_out.reshape(*SHAPE, 1), 0, colours.reshape(*SHAPE, -1))


def from_ycbcr(pixels):
    y, cb, cr = np.moveaxis(pixels.astype(float), -1, 0)
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    return np.clip(np.stack([red, green, blue], axis=-1), 0, 255)


def from_cmyk(pixels):
    return (255.0 - pixels[..., :3]) * (255.0 - pixels[..., 3:]) / 255


def flat(*colour):
    return np.full((*SHAPE, len(colour)), colour, dtype="uint8")


def rotated(pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    return {"image": np.ascontiguousarray(np.rot90(pixels)), "exif": exif}


def corrupted(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


frames = {"save_all": True, "append_images": [Image.fromarray(OTHER_GREY)]}
color_frames = {"save_all": True, "append_images": [Image.fromarray(OTHER_RGB)]}
rgb_png = encoded(RGB, "PNG")
tiff_16 = DEEP.astype(">u2")
two_bits, four_bits = PLACES & 3, PLACES * 2 + 1

# {name: (bytes, pixels, difference that is allowed)}
READ = {
    "grey.png": (encoded(GREY, "PNG"), GREY),
    "1 bit.png": (png(PLACES & 1, 1, 0), (PLACES & 1) * 255),
    "2 bits.png": (png(two_bits, 2, 0), two_bits * 85),
    "4 bits.png": (png(four_bits, 4, 0), four_bits * 17),
    "16 bits.png": (png(DEEP, 16, 0), nearest(DEEP / 257)),
    "interlaced.png": (png(RGB, 8, 2, interlaced=True), RGB),
    "colour of 16 bits.png": (png(DEEP_RGB, 16, 2), DEEP_RGB >> 8),
    "grey key.png": (
        png(GREY, 8, 0, png_key(GREY[1, 1])),
        without(GREY, np.equal(GREY, GREY[1, 1])),
    ),
    "key of 1 bit.png": (png(PLACES & 1, 1, 0, png_key(1)), GREY * 0),
    "key of 16 bits.png": (
        png(DEEP, 16, 0, png_key(DEEP[1, 1])),
        without(nearest(DEEP / 257), np.equal(DEEP, DEEP[1, 1])),
    ),
    "colour key.png": (
        png(RGB, 8, 2, png_key(*RGB[1, 1])),
        without(RGB, np.equal(RGB, RGB[1, 1]).all(-1)),
    ),
    "grey alpha.png": (
        encoded(np.dstack([GREY, ALPHA]), "PNG"),
        over_black(GREY[..., None], ALPHA),
    ),
    "grey alpha of 16 bits.png": (
        png(DEEP_LA, 16, 4),
        over_black(DEEP_LA[..., :1] >> 8, DEEP_LA[..., 1] >> 8),
    ),
    "alpha.png": (encoded(RGBA, "PNG"), over_black(RGB, ALPHA)),
    "palette.png": (encoded(with_palette(), "PNG"), PALETTE[PLACES]),
    "palette alpha.png": (
        encoded(with_palette(), "PNG", transparency=bytes(range(0, 160, 20))),
        over_black(PALETTE[PLACES], PLACES * 20.0),
    ),
    "palette key.gif": (
        encoded(with_palette(), "GIF", transparency=3),
        without(PALETTE[PLACES], PLACES == 3),
    ),
    "rotated.png": (encoded(kind="PNG", **rotated(RGB)), RGB),
    "rotated 16 bits.png": (
        encoded(kind="PNG", **rotated(DEEP.astype("uint16"))),
        nearest(DEEP / 257),
    ),
    "rotated.tif": (encoded(kind="TIFF", **rotated(GREY)), GREY),
    "rotated.webp": (encoded(kind="WEBP", lossless=True, **rotated(RGB)), RGB),
    "frames.gif": (encoded(GREY, "GIF", **frames), GREY),
    "frames.png": (encoded(RGB, "PNG", **color_frames), RGB),
    "frames.webp": (encoded(RGB, "WEBP", lossless=True, **color_frames), RGB),
    "pages.tiff": (encoded(RGB, "TIFF", **color_frames), RGB),
    "lzw.tif": (encoded(RGB, "TIFF", compression="tiff_lzw"), RGB),
    "16 bits, big-endian.tif": (encoded(tiff_16, "TIFF"), nearest(DEEP / 257)),
    "16 bits.tif": (tiff(DEEP, 16), nearest(DEEP / 257)),
    "16 bits, white is 0.tif": (tiff(DEEP, 16, 0), nearest(255 - DEEP / 257)),
    "12 bits.tif": (tiff(DEEP >> 4, 12), nearest((DEEP >> 4) * 255 / 4095)),
    "cmyk.tif": (encoded(stored_as("CMYK", RGBA), "TIFF"), from_cmyk(RGBA), 1),
    "ycbcr.tif": (encoded(stored_as("YCbCr", RGB), "TIFF"), from_ycbcr(RGB), 1),
    "colour.bmp": (encoded(RGB, "BMP"), RGB),
    "grey.bmp": (encoded(GREY, "BMP"), GREY),
    "1 bit.bmp": (encoded(GREY > 99, "BMP"), (GREY > 99) * 255),
    "alpha.webp": (
        encoded(RGBA, "WEBP", lossless=True, exact=True),
        over_black(RGB, ALPHA),
    ),
    "grey.jpg": (encoded(flat(77)[..., 0], "JPEG"), flat(77)),
    "colour.JPEG": (encoded(flat(200, 90, 30), "JPEG"), flat(200, 90, 30), 2),
    "cmyk.jpg": (
        encoded(Image.new("CMYK", SHAPE[::-1], (40, 130, 220, 60)), "JPEG"),
        from_cmyk(flat(40, 130, 220, 60)),
        3,
    ),
    "of one pixel.png": (encoded(RGB[:1, :1], "PNG"), flat(*RGB[0, 0])),
    "colour.png, but a JPEG.png": (encoded(flat(9)[..., 0], "JPEG"), flat(9)),
    "Fotos für Ä/日本 'é'; #1,\n\"x\".png": (rgb_png, RGB),
    "folder.png/inside.png": (rgb_png, RGB),
    "folder.png/deep/CAPITALS.PNG": (rgb_png, RGB),
}
# {name: (bytes, reason)}
NOT_READ = {
    "truncated.png": (rgb_png[:-40], "(?i)truncated"),
    "truncated.jpg": (encoded(RGB, "JPEG")[:-20], "truncated"),
    "truncated, progressive.jpg": (
        encoded(RGB, "JPEG", progressive=True)[:-20],
        "truncated",
    ),
    "truncated.gif": (encoded(with_palette(), "GIF")[:-8], "truncated"),
    "truncated.bmp": (encoded(RGB, "BMP")[:-8], "truncated"),
    "truncated.tif": (tiff(DEEP, 16)[:-8], "truncated"),
    "truncated.webp": (encoded(RGB, "WEBP")[:-8], "decod|cannot|could not"),
    # A changed colour in a file that can be inflated: only its checksum is wrong.
    "changed.png": (
        corrupted(encoded(RGB, "PNG", compress_level=0), 60),
        "checksum",
    ),
    "header alone.png": (rgb_png[:20], "Truncated"),
    "text.png": (b"no image at all", "does not begin"),
    "page.jpg": (b"<!DOCTYPE html><html></html>", "does not begin"),
    "program.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n", "does not"),
    "zeros.bmp": (bytes(1000), "does not begin"),
    "empty.png": (b"", "empty"),
    "bomb.png": (png(GREY, 8, 0, size=(15000, 9000)), "decompression bomb"),
    "large bomb.png": (png(GREY, 8, 0, size=(60000, 60000)), "decompression bomb"),
    "deep colour key.png": (png(DEEP_RGB, 16, 2, png_key(1, 2, 3)), "alpha channel"),
    "floats.tif": (encoded(GREY.astype("float32"), "TIFF"), "mode F .*8 bits"),
    "32 bits.tif": (encoded(GREY.astype("int32"), "TIFF"), "mode I .*8 bits"),
    "notes.txt": (b"notes", "suffix '.txt'"),
    "no suffix": (rgb_png, "suffix ''"),
    "chunk.png": (rgb_png[:33] + chunk(b"abCD", b"x")[:-1] + b"?", ""),
}


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of odd files, and what is found in it."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (content, *_) in {**READ, **NOT_READ}.items():
        write(folder, name, content)
    write(folder, ".hidden.png", rgb_png)
    write(folder, ".hidden/1.png", rgb_png)
    (folder / "link.png").symlink_to(folder / "grey.png")
    (folder / "folder.png" / "linked").symlink_to(folder / "Fotos für Ä")
    (folder / "broken link.png").symlink_to(folder / "nothing.png")
    (folder / "folder.png" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    table = folder / "labels.csv"
    table.write_text("file,label\ntext.png,\n", "utf-8")
    # Even where another library has asked Pillow for parts of images.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            filters = list(warnings.filters)
            found = load_folder(folder, SHAPE, "rgb", labels=table, verbose=0)
            assert warnings.filters == filters
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    return found, [str(v.message) for v in caught if "left out" in str(v.message)]


LINKED = {
    "link.png": READ["grey.png"],
    **{
        f"folder.png/linked/{name.split('/')[1]}": value
        for name, value in READ.items()
        if name.startswith("Fotos")
    },
}


@pytest.mark.parametrize("name", [*READ, *LINKED])
def test_a_whole_image_is_read(odd, name):
    _, pixels, *allowed = {**READ, **LINKED}[name]
    image = odd[0].images[odd[0].files.index(name)].astype(float)
    pixels = np.asarray(pixels, "float64").reshape(*SHAPE, -1)
    assert image.shape == (*SHAPE, 3)
    assert abs(image - pixels).max() <= (allowed or [0])[0]


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_named(odd, name):
    (reason,) = [reason for v, reason in odd[0].unreadable if v == name]
    assert reason
    assert re.search(NOT_READ[name][1], reason), reason


def test_nothing_else_is_found(odd):
    found, told = odd
    others = {"broken link.png", "folder.png/loop", "pipe.png"}
    assert set(found.files) == {*READ, *LINKED}
    assert {name for name, _ in found.unreadable} == {*NOT_READ, *others}
    assert found.files == sorted(found.files, key=lambda name: name.split("/"))
    assert found.unreadable == sorted(found.unreadable)
    assert len(found.images) == len(found.labels) == len(found.files)
    assert (found.labels == -1).all()
    (text,) = told
    assert f"{len(NOT_READ) + 3} files" in text
    assert "32 bits.tif (pixels of Pillow's mode I" in text
    assert f"and {len(NOT_READ) - 2} more" in text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.zeros((16, 32), "uint8")
    upright[:8, :16] = 200
    upright[8:, :8] = 90
    # What the camera stores: the inverse of what the orientation asks for.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("jpeg", "tiff"):
        image = Image.fromarray(np.ascontiguousarray(stored))
        # Pillow reads compressed TIFFs in another way than others.
        options = {"quality": 100} if kind == "jpeg" else {"compression": "tiff_lzw"}
        image.save(tmp_path / f"1.{kind}", exif=exif, **options)
    found = load_folder(tmp_path, verbose=0)
    assert found.images.shape == (2, 16, 32, 1)
    assert abs(found.images[..., 0].astype(int) - upright).max() <= 1


def test_grayscale_is_luma(tmp_path):
    write(tmp_path, "1.png", rgb_png)
    found = load_folder(tmp_path, color_mode="grayscale", verbose=0)
    luma = RGB @ [0.299, 0.587, 0.114]
    assert found.images.shape == (1, *SHAPE, 1)
    assert abs(found.images[0, ..., 0] - luma).max() <= 0.51


@pytest.mark.parametrize(
    ("files", "channels"),
    [
        ({"1": encoded(GREY, "PNG"), "2": png(DEEP, 16, 0)}, 1),
        # Stored as colours, but grey.
        ({"1": encoded(np.dstack([GREY] * 3), "PNG")}, 1),
        ({"1": encoded(GREY, "GIF"), "2": png(DEEP_LA, 16, 4)}, 1),
        ({"1": encoded(GREY, "PNG"), "2": rgb_png}, 3),
        ({"1": encoded(GREY, "PNG"), "2": encoded(with_palette(), "PNG")}, 3),
        # What cannot be read has no say.
        ({"1": encoded(GREY, "PNG"), "2": rgb_png[:-40]}, 1),
    ],
)
@pytest.mark.filterwarnings("ignore:1 files")
def test_auto_is_grayscale_if_all_are_grey(tmp_path, files, channels):
    for name, content in files.items():
        write(tmp_path, f"{name}.png", content)
    found = load_folder(tmp_path, verbose=0)
    assert found.images.shape[1:] == (*SHAPE, channels)
    np.testing.assert_array_equal(found.images[0, ..., 0], GREY)


def test_resizing_is_antialiased(tmp_path):
    pixels = RNG.integers(0, 256, (16, 24), dtype="uint8")
    write(tmp_path, "1.png", encoded(pixels, "PNG"))
    found = load_folder(tmp_path, (8, 6), verbose=0)

    def triangle(old, new):
        scale = old / new
        centers = (np.arange(new)[:, None] + 0.5) * scale
        distance = abs(np.arange(old) + 0.5 - centers) / scale
        weights = np.maximum(0, 1 - distance)
        return weights / weights.sum(1, keepdims=True)

    expected = triangle(16, 8) @ pixels @ triangle(24, 6).T
    assert found.images.shape == (1, 8, 6, 1)
    assert abs(found.images[0, ..., 0] - expected).max() <= 1

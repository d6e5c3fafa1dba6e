"""What a file is that bears an image's name and is none that Pillow opens, from how it begins."""

import re

AGAIN = "get the image anew"
AS_PNG = "save it as an 8-bit PNG first"
TEXTS = {  # how a text begins, in lower case and without blanks -> what it is, and the remedy
    rb"version https://git-lfs": ("a git LFS pointer, not the image itself", "run `git lfs pull`"),
    rb"(\.\./)*\.git/annex/|/annex/objects/": ("a git-annex pointer, not the image itself", "run `git annex get`"),
    rb"(<\?xml.*|<!doctype )?<?svg": ("an SVG drawing", AS_PNG),
    rb"<!doctype html|<(html|head|body|script)": ("a web page (HTML), often a server's message", AGAIN),
    rb"<\?xml|<[a-z]": ("an XML text, often a server's message", AGAIN),
    rb'\{\s*(["}])|\[': ("a JSON text, often a server's message", AGAIN),
    rb"#\?(radiance|rgbe)": ("a Radiance HDR image, in floating point", AS_PNG),
    rb"p7\s": ("a PAM image", AS_PNG),
    rb"%pdf-": ("a PDF document", AS_PNG),
    rb"%!ps": ("a PostScript drawing", AS_PNG),
}
BYTES = {  # how a file begins -> what it is, and the remedy
    rb"\0*\Z": ("nothing but zero bytes, as of a download that was cut off", AGAIN),
    rb".{4}ftyp(hei|hev|mif1.*hei|msf1.*hev)": ("a HEIC photograph", AS_PNG),
    rb".{4}ftypcrx ": ("a RAW photograph (CR3)", AS_PNG),
    rb".{4}ftyp(?!avi[fs]|mif1|msf1|jp)": ("a video (MP4, MOV)", "save the frame to be scored as a PNG"),
    rb"\xff\x0a|\0\0\0\x0cJXL ": ("a JPEG XL image", AS_PNG),
    rb"II\xbc": ("a JPEG XR image", AS_PNG),
    rb"v/1\x01": ("an OpenEXR image, in floating point", AS_PNG),
    rb"SDPX|XPDS": ("a DPX image", AS_PNG),
    rb".{128}DICM": ("a DICOM image", AS_PNG),
    rb"FUJIFILMCCD-RAW|II\x2a\0.{4}CR|II(RO|RS|U\0)|MMOR|FOVb": ("a RAW photograph", AS_PNG),
    rb"gimp xcf": ("a GIMP image (XCF)", AS_PNG),
    rb"\x93NUMPY": ("a NumPy array", "load it and give the array to Metric"),
    rb"\x89HDF|MATLAB 5": ("a file of arrays (HDF5, MATLAB)", AS_PNG),
    rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd": ("a compressed file (gzip, bzip2, xz, zstd)", "unpack it first"),
    rb"PK\x03\x04|7z\xbc\xaf|Rar!|.{257}ustar": ("an archive (zip, 7z, rar, tar)", "unpack it first"),
    rb"RIFF.{4}AVI |\x1aE\xdf\xa3|FLV|OggS|\0\0\x01[\xb3\xba]|\x30\x26\xb2\x75": (
        "a video",
        "save the frame to be scored as a PNG",
    ),
    rb"ID3|RIFF.{4}WAVE|fLaC": ("a sound file", "give an image"),
    rb"\0\x05\x16\x07": ("a side file that macOS writes (AppleDouble, `._NAME`)", "give the image of that name"),
}


def describe(content: bytes) -> tuple[str, str] | None:
    """What the file `content` is and what to do about it; None where it is an image or unknown."""
    for start, found in BYTES.items():
        if re.match(start, content if start.endswith(rb"\Z") else content[:512], re.DOTALL):
            return found
    text = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, found in TEXTS.items():
        if re.match(start, text, re.DOTALL):
            return found
    if re.fullmatch(rb"[\t\n\f\r\x20-\x7e]+", text):
        return "a text file", AGAIN
    return None

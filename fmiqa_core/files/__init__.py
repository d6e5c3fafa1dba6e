"""Files, folders, locks, downloads and image formats: knows nothing of image quality."""

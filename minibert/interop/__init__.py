"""Models in files: Hugging Face's directory, and one file of our own."""

from minibert.interop.huggingface import read_directory, write_directory
from minibert.interop.onefile import read_file, write_file

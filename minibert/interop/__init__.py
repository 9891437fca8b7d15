"""Models in files: Hugging Face's directory, and one file of our own."""

from minibert.interop.dense import dense_params
from minibert.interop.huggingface import read_directory, read_head, read_outline
from minibert.interop.onefile import read_file, write_file
from minibert.interop.writing import write_directory

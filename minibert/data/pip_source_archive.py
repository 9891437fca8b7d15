"""Download a source archive as a plain file: `python pip_source_archive.py FOLDER NAME==VERSION`.

It uses pip's own finder and session, which know the configured index, mirrors, proxies,
certificates and passwords, and runs nothing of the archive. These parts of pip are not meant for
others and may change; then the script says so.
"""

import shutil
import sys
from pathlib import Path


def main(folder: str, distribution: str) -> None:
    """Write NAME-VERSION.tar.gz into the folder, or exit with a line on stderr."""
    import pip

    name, _, version = distribution.partition("==")
    try:
        from pip._internal.commands import create_command

        command = create_command("download")
        options, _ = command.parse_args(["--no-deps", "--no-binary", ":all:", distribution])
        with command.main_context():
            session = command._build_session(options)
            finder = command._build_package_finder(options, session)
            found = finder.find_all_candidates(name)
            urls = [
                one.link.url_without_fragment
                for one in found
                if str(one.version) == version and one.link.filename.endswith(".tar.gz")
            ]
            if not urls:
                sys.exit(f"the package index has no source archive of {distribution}")
            headers = {"Accept-Encoding": "identity"}  # else the bytes may be packed once more
            with session.get(urls[0], stream=True, headers=headers) as answer:
                answer.raise_for_status()
                with Path(folder, f"{name}-{version}.tar.gz").open("wb") as file:
                    shutil.copyfileobj(answer.raw, file)
    except (ImportError, AttributeError, TypeError) as error:
        sys.exit(f"pip {pip.__version__} is built differently than expected ({error})")


if __name__ == "__main__":
    main(*sys.argv[1:])

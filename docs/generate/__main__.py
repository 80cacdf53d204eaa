"""Write what is generated: `make docs`."""

from docs.generate.pages import pages


def main() -> None:
    """Write the pages that are not as they should be."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print("wrote", path)  # noqa: T201, that is what whoever runs it wants to see


main()
